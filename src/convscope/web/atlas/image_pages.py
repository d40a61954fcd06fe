"""Asks an atlas what the pages of its images say."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from itertools import groupby

from convscope.atlas.schema import ImageRow, TopRow
from convscope.web.atlas.catalogue import Catalogue
from convscope.web.atlas.pages import (
    Appearance,
    ImagePage,
    ImagesPage,
    LayerAppearances,
)
from convscope.web.atlas.parts import (
    card_sprite,
    head_of,
    image_link,
    neighbours,
    skip_list,
)
from convscope.web.atlas.tiles import COLUMNS, coarse, frame_of, window_of
from convscope.web.pages import Link
from convscope.web.urls import FOLDER

PART = 500
"""Images on one page of the list of images."""


def image_page(catalogue: Catalogue, image: int, tops: Iterable[TopRow]) -> ImagePage:
    """The page of an image, from the activations with which it is among the strongest of a unit."""
    row = catalogue.atlas.image(image)
    ordered = sorted(tops, key=lambda top: (catalogue.places[top.layer], top.unit, top.rank))
    place = bisect_left(catalogue.shown, image)
    asks = catalogue.asks if image in catalogue.shots else None
    return ImagePage(
        head=head_of(
            catalogue,
            FOLDER,
            row.name,
            FOLDER.image(image),
            (Link("Images", FOLDER.images(place // PART)),),
            neighbours(catalogue.shown, place, lambda near: Link(f"image {near}", FOLDER.image(near))),
        ),
        asks=asks.pages(FOLDER, image=image) if asks else (),
        predict=asks.prediction(FOLDER, image) if asks else None,
        script=asks.script(FOLDER, "image.js") if asks else None,
        image=image_link(catalogue, image, FOLDER),
        size=_size(row),
        count=len({(top.layer, top.unit) for top in ordered}),
        layers=tuple(
            _layer_appearances(catalogue, layer, group) for layer, group in groupby(ordered, key=lambda top: top.layer)
        ),
    )


def images_page(catalogue: Catalogue, part: int = 0) -> ImagesPage:
    """Part of the list of images, counted from 0."""
    parts = parts_of(catalogue)
    around = neighbours(range(parts), part, lambda near: Link(f"part {near + 1}", FOLDER.images(near)))
    chosen = catalogue.shown[part * PART : (part + 1) * PART]
    return ImagesPage(
        head=head_of(catalogue, FOLDER, "Images", FOLDER.images(part), around=around),
        part=part + 1,
        parts=parts,
        count=len(catalogue.shown),
        images=tuple(image_link(catalogue, image, FOLDER) for image in chosen),
        skips=skip_list(catalogue) if part == 0 else (),
    )


def parts_of(catalogue: Catalogue) -> int:
    """Pages that the list of images takes; one even if it is empty."""
    return max(1, -(-len(catalogue.shown) // PART))


def _layer_appearances(catalogue: Catalogue, layer: str, tops: Iterable[TopRow]) -> LayerAppearances:
    seen = [_appearance(catalogue, layer, top) for top in tops]
    bare = [appearance.whole and appearance.projection is None for appearance in seen]
    return LayerAppearances(
        Link(layer, FOLDER.layer(layer)),
        tuple(appearance for appearance, plain in zip(seen, bare, strict=True) if not plain),
        tuple(appearance for appearance, plain in zip(seen, bare, strict=True) if plain),
    )


def _appearance(catalogue: Catalogue, layer: str, top: TopRow) -> Appearance:
    row, window = catalogue.atlas.layer(layer), window_of(top)
    ranks = sorted(catalogue.projected.get((layer, top.unit), ()))[: COLUMNS**2]
    place = ranks.index(top.rank) if top.rank in ranks else None
    return Appearance(
        unit=top.unit,
        href=FOLDER.unit(layer, top.unit),
        rank=top.rank,
        value=top.value,
        window=window,
        frame=frame_of(top, row, *catalogue.size),
        whole=(window.height, window.width) == catalogue.size,
        projection=None if place is None else card_sprite(catalogue, row, top.unit, FOLDER),
        place=place,
        pixelated=coarse(row, *catalogue.size, big=True),
    )


def _size(row: ImageRow) -> str:
    return f"{row.width}\N{MULTIPLICATION SIGN}{row.height}" if row.width and row.height else "unknown"
