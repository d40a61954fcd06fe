"""Asks an atlas what a page says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from convscope.atlas.reader import Atlas
from convscope.atlas.schema import ImageRow, LayerRow, TopRow, UnitRow
from convscope.errors import AtlasFormatError
from convscope.web import urls as places
from convscope.web.pages import (
    Appearance,
    Box,
    ClassTops,
    Head,
    ImageLink,
    ImagePage,
    ImagesPage,
    LayerAppearances,
    LayerFacts,
    LayerPage,
    Link,
    Method,
    Picture,
    Skip,
    Sprite,
    Top,
    UnitCard,
    UnitPage,
)
from convscope.web.tiles import CARD_CELL, COARSE, COLUMNS, PROJECTION_CELL, Sheet, cell_of, frame_of, window_of
from convscope.web.urls import Urls, json_of
from convscope.web.words import LIMITS, SCALING, SENTENCES, TITLES

PART = 500
"""Images on one page of the list."""


@dataclass(frozen=True)
class Shot:
    """Format and size of a stored picture."""

    encoding: str
    width: int
    height: int


@dataclass(frozen=True)
class Catalogue:
    """An atlas with what many pages need, read once."""

    atlas: Atlas

    @cached_property
    def size(self) -> tuple[int, int]:
        """Height and width of the model's input."""
        model = self.atlas.manifest.model
        return model.input_height, model.input_width

    @cached_property
    def shots(self) -> dict[int, Shot]:
        """The stored pictures, by image."""
        table = self.atlas.query("SELECT image, format, width, height FROM pictures ORDER BY image")
        found = {row["image"]: Shot(row["format"], row["width"], row["height"]) for row in table.to_pylist()}
        for image, shot in found.items():
            if shot.encoding not in places.SUFFIXES:
                raise AtlasFormatError(
                    f"pictures, image {image}, column format: {shot.encoding!r} is neither jpeg nor png."
                )
        return found

    @cached_property
    def shown(self) -> tuple[int, ...]:
        """The images that have a page: they are among the strongest of some unit, or have a picture."""
        table = self.atlas.query("SELECT DISTINCT image FROM top")
        return tuple(sorted({*table.column("image").to_pylist(), *self.shots}))

    @cached_property
    def projected(self) -> dict[tuple[str, int], frozenset[int]]:
        """Ranks of the activations that were projected, by layer and unit."""
        table = self.atlas.query("SELECT layer, unit, list(rank) AS ranks FROM projections GROUP BY layer, unit")
        return {(row["layer"], row["unit"]): frozenset(row["ranks"]) for row in table.to_pylist()}

    @cached_property
    def topped(self) -> frozenset[tuple[str, int]]:
        """Units with at least one top activation, as layer and unit."""
        table = self.atlas.query("SELECT DISTINCT layer, unit FROM top WHERE among IS NULL")
        return frozenset((row["layer"], row["unit"]) for row in table.to_pylist())

    @cached_property
    def method(self) -> Method:
        """How the pictures were made, in words."""
        name = self.atlas.manifest.method
        if name not in TITLES:
            raise AtlasFormatError(
                f"manifest.json, method: {name!r} is none of {', '.join(sorted(TITLES))}. Make the atlas again."
            )
        return Method(name, TITLES[name], SENTENCES[name], LIMITS[name], SCALING, self.atlas.manifest.notes)


def layer_page(catalogue: Catalogue, address: str) -> LayerPage:
    """The page of a layer; AddressError if there is none."""
    urls = places.FOLDER
    row = catalogue.atlas.layer(address)
    cards = tuple(card_of(catalogue, row, unit, urls) for unit in catalogue.atlas.units(address))
    around = neighbours([layer.layer for layer in catalogue.atlas.layers()], row.depth_place(catalogue))
    return LayerPage(
        head=head(catalogue, urls, address, urls.layer(address), (), *around),
        layer=layer_facts(catalogue, row, urls),
        units=cards,
        projected=sum(card.projected for card in cards),
        labelled=any(card.best_class is not None for card in cards),
        method=catalogue.method,
    )
