"""An atlas as a place: what stands at each address of its pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from convscope.atlas.reader import Atlas
from convscope.atlas.schema import UnitRow
from convscope.web.asks import Asks
from convscope.web.atlas.beside import EvolutionBeside
from convscope.web.atlas.catalogue import Catalogue
from convscope.web.atlas.export import all_answers, pages_of
from convscope.web.atlas.image_pages import image_page, images_page, parts_of
from convscope.web.atlas.index_page import index_page
from convscope.web.atlas.layer_page import layer_page
from convscope.web.atlas.likeness import most_alike
from convscope.web.atlas.sampled import unit_peaks
from convscope.web.atlas.sources import pictures_of, sheet_file
from convscope.web.atlas.sprites import Patches, UnitSprites, paint_unit, patches_of
from convscope.web.atlas.unit_page import unit_page
from convscope.web.html import to_html, to_json
from convscope.web.pages import Page
from convscope.web.place import Answer, answered
from convscope.web.sources import ATLAS, static_file
from convscope.web.urls import INDEX, SUFFIXES, json_of, slug

T = TypeVar("T")


@dataclass(frozen=True)
class AtlasPlace:
    """The pages of an atlas, which lead to live questions with ``asks``, and show evolutions that are ``beside`` it.

    Safe to use from several threads.
    """

    atlas: Atlas
    asks: Asks | None = None
    beside: tuple[EvolutionBeside, ...] = ()

    @property
    def kind(self) -> str:
        """What it is."""
        return "atlas"

    @property
    def title(self) -> str:
        """The model, as its user named it."""
        return self.atlas.manifest.model.spec

    @property
    def first(self) -> str:
        """The index."""
        return INDEX.index()

    @cached_property
    def catalogue(self) -> Catalogue:
        """What many pages ask of the atlas."""
        return Catalogue(self.atlas, self.asks, self.beside)

    @cached_property
    def patches(self) -> Patches:
        """Paints patches of images, of which the latest are kept."""
        return patches_of(pictures_of(self.catalogue))

    @cached_property
    def layers(self) -> Mapping[str, str]:
        """Addresses of layers by their file names."""
        return {slug(row.layer): row.layer for row in self.atlas.layers()}

    def names(self) -> Iterator[str]:
        """All addresses."""
        for page in pages_of(self.catalogue):
            yield from (page, json_of(page))
        yield from (INDEX.static(name) for name in ATLAS)
        yield from (INDEX.sheet(layer) for layer in self.catalogue.sheets)
        yield from (INDEX.picture(image, shot.encoding) for image, shot in self.catalogue.shots.items())
        for layer, unit in sorted(self.catalogue.driven):
            yield INDEX.card(layer, unit)
            if (layer, unit) in self.catalogue.projected:
                yield INDEX.projections(layer, unit)

    def answer(self, name: str) -> Answer | None:
        """What stands at an address; of what is not there, or is no address, None."""
        base, _, suffix = name.rpartition(".")
        if suffix in _SHOWN:
            page = _page(self, base)
            return None if page is None else answered(name, _SHOWN[suffix](page))
        content = _file(self, name)
        return None if content is None else answered(name, content)

    def answers(self) -> Iterator[tuple[str, Answer]]:
        """All that stands at ``names``, in another order, and much quicker than one by one."""
        return all_answers(self.catalogue, self.patches)

    def unit(self, layer: str | None, number: int) -> UnitRow | None:
        """A unit of a layer, if there is one."""
        units = self.atlas.units(layer) if layer else ()
        return units[number] if number < len(units) else None


def _page(place: AtlasPlace, name: str) -> Page | None:
    make, found = _matched(_PAGES, name)
    return make(place, found) if make and found else None


def _file(place: AtlasPlace, name: str) -> bytes | None:
    make, found = _matched(_FILES, name)
    return make(place, found) if make and found else None


def _matched(table: Mapping[str, T], name: str) -> tuple[T | None, re.Match[str] | None]:
    matches = ((make, re.fullmatch(pattern, name, re.ASCII)) for pattern, make in table.items())
    return next(((make, found) for make, found in matches if found), (None, None))


def _layer_page(place: AtlasPlace, found: re.Match[str]) -> Page | None:
    layer = place.layers.get(found["layer"])
    return None if layer is None else layer_page(place.catalogue, layer)


def _unit_page(place: AtlasPlace, found: re.Match[str]) -> Page | None:
    row = _unit(place, found)
    if row is None:
        return None
    tops, layer = place.atlas.top(row.layer, row.unit), place.catalogue.peaks(row.layer)
    alike = most_alike(layer.standard, row.unit) if layer else ()
    peaks = unit_peaks(place.catalogue, row, tops, layer, alike) if layer else None
    return unit_page(place.catalogue, row, tops, place.catalogue.classes_of_unit(row), peaks)


def _images_page(place: AtlasPlace, found: re.Match[str]) -> Page | None:
    part = int(found["number"])
    return images_page(place.catalogue, part) if part < parts_of(place.catalogue) else None


def _image_page(place: AtlasPlace, found: re.Match[str]) -> Page | None:
    image = int(found["number"])
    if image not in place.catalogue.images:
        return None
    return image_page(place.catalogue, image, place.atlas.top_of_image(image))


def _unit(place: AtlasPlace, found: re.Match[str]) -> UnitRow | None:
    return place.unit(place.layers.get(found["layer"]), int(found["number"]))


def _sprites(place: AtlasPlace, found: re.Match[str]) -> UnitSprites | None:
    row = _unit(place, found)
    if row is None:
        return None
    tops, made = place.atlas.top(row.layer, row.unit), (row.layer, row.unit) in place.catalogue.projected
    projections = place.atlas.projections(row.layer, row.unit) if made else ()
    return paint_unit(place.atlas.layer(row.layer), place.catalogue.size, tops, projections, place.patches)


def _card(place: AtlasPlace, found: re.Match[str]) -> bytes | None:
    sprites = _sprites(place, found)
    return None if sprites is None else sprites.card


def _projections(place: AtlasPlace, found: re.Match[str]) -> bytes | None:
    sprites = _sprites(place, found)
    return None if sprites is None else sprites.projections


def _picture(place: AtlasPlace, found: re.Match[str]) -> bytes | None:
    shot = place.catalogue.shots.get(int(found["number"]))
    if shot is None or SUFFIXES[shot.encoding] != found["suffix"]:
        return None
    return place.atlas.picture_row(int(found["number"])).encoded


def _sheet(place: AtlasPlace, found: re.Match[str]) -> bytes | None:
    layer = place.layers.get(found["layer"])
    return sheet_file(place.catalogue, layer) if layer is not None and layer in place.catalogue.sheets else None


_LAYER = r"(?P<layer>[a-z0-9_.-]{1,80})"
_NUMBER = r"(?P<number>0|[1-9][0-9]{0,8})"
_SHOWN: Mapping[str, Callable[[Page], str]] = {"html": to_html, "json": to_json}
_PAGES: Mapping[str, Callable[[AtlasPlace, re.Match[str]], Page | None]] = {
    "index": lambda place, _: index_page(place.catalogue),
    f"layers/{_LAYER}": _layer_page,
    f"units/{_LAYER}/{_NUMBER}": _unit_page,
    f"images/list-{_NUMBER}": _images_page,
    f"images/{_NUMBER}": _image_page,
}
_FILES: Mapping[str, Callable[[AtlasPlace, re.Match[str]], bytes | None]] = {
    f"static/(?P<name>{'|'.join(map(re.escape, ATLAS))})": lambda _, found: static_file(found["name"]),
    f"sprites/{_LAYER}/{_NUMBER}-card.webp": _card,
    f"sprites/{_LAYER}/{_NUMBER}-projections.webp": _projections,
    f"pictures/{_NUMBER}.(?P<suffix>{'|'.join(SUFFIXES.values())})": _picture,
    f"sheets/{_LAYER}.png": _sheet,
}
