"""A comparison as a place: its pages, its tables, and the cards of the units that are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from convscope.atlas.comparison.matching import NOBODY
from convscope.atlas.comparison.result import Comparison
from convscope.atlas.reader import Atlas, Projection
from convscope.atlas.schema import LayerRow, TopRow
from convscope.cores import cores
from convscope.display import to_png
from convscope.figures.filters import filter_sheet
from convscope.web.atlas.catalogue import Catalogue
from convscope.web.atlas.export import projected_units, run_ahead
from convscope.web.atlas.sources import pictures_of
from convscope.web.atlas.sprites import Patches, paint_card, patches_of
from convscope.web.comparison.build import FILES, Compared, compared_layer, overview
from convscope.web.comparison.diagnosis import Diagnosed, diagnosis_part
from convscope.web.comparison.files import csv_of, facts_of, json_of_facts, match_table, parquet_of
from convscope.web.comparison.pages import ComparedLayerPage
from convscope.web.comparison.urls import OVERVIEW, SIDES
from convscope.web.html import to_html, to_json
from convscope.web.place import Answer, answered
from convscope.web.sources import ATLAS, static_file
from convscope.web.urls import json_of

Named = tuple[str, Answer]


@dataclass(frozen=True)
class ComparisonPlace:
    """The pages of two compared atlases, with their diagnoses if there are any. Safe to use from several threads."""

    atlases: tuple[Atlas, Atlas]
    comparison: Comparison
    diagnoses: tuple[Diagnosed, Diagnosed] | None = None

    @property
    def kind(self) -> str:
        """What it is."""
        return "comparison"

    @property
    def title(self) -> str:
        """Both models."""
        return " | ".join(self.compared.specs)

    @property
    def first(self) -> str:
        """The overview."""
        return OVERVIEW.index()

    @cached_property
    def compared(self) -> Compared:
        """What the pages are made from."""
        part = None if self.diagnoses is None else diagnosis_part(*self.diagnoses)
        return Compared((Catalogue(self.atlases[0]), Catalogue(self.atlases[1])), self.comparison, part)

    @cached_property
    def patches(self) -> tuple[Patches, Patches]:
        """Paint patches of images, for either atlas."""
        first, second = (patches_of(pictures_of(catalogue)) for catalogue in self.compared.catalogues)
        return first, second

    @cached_property
    def cards(self) -> Mapping[str, tuple[int, str, int]]:
        """Side, layer and unit of each card, by address."""
        return {OVERVIEW.side(side).card(layer, unit): (side, layer, unit) for side, layer, unit in _shown(self)}

    @cached_property
    def files(self) -> Mapping[str, Callable[[], bytes | str]]:
        """What stands at every address but those of cards, as what makes it."""
        return dict(_files(self))

    def names(self) -> Iterator[str]:
        """All addresses."""
        yield from self.files
        yield from self.cards

    def answer(self, name: str) -> Answer | None:
        """What stands at an address; of what is not there, or is no address, None."""
        if name in self.files:
            return answered(name, self.files[name]())
        if name in self.cards:
            return answered(name, _card(self, *self.cards[name]))
        return None

    def answers(self) -> Iterator[Named]:
        """All that stands at ``names``, cards layer by layer with every core."""
        for name, make in self.files.items():
            yield name, answered(name, make())
        with ThreadPoolExecutor(cores()) as pool:
            yield from run_ahead(pool, _cards(self))


def _files(place: ComparisonPlace) -> Iterator[tuple[str, Callable[[], bytes | str]]]:
    compared, found = place.compared, place.comparison
    yield OVERVIEW.index(), lambda: to_html(overview(compared))
    yield json_of(OVERVIEW.index()), lambda: to_json(overview(compared))
    for number, result in enumerate(found.pairs):
        page = OVERVIEW.pair(result.pair.first.layer, result.pair.second.layer)
        yield page, partial(_pair, compared, number, to_html)
        yield json_of(page), partial(_pair, compared, number, to_json)
    for name in (*ATLAS, "comparison.css"):
        yield OVERVIEW.static(name), partial(static_file, name)
    tables = _tables(place)
    for name in FILES:
        yield OVERVIEW.file(name), tables[name]
    for side, diagnosed in enumerate(place.diagnoses or ()):
        if diagnosed.filters is not None:
            for together in (True, False):
                yield OVERVIEW.filters(side, together), partial(_sheet, diagnosed.filters, together)


def _pair(compared: Compared, number: int, show: Callable[[ComparedLayerPage], str]) -> str:
    return show(compared_layer(compared, number))


def _tables(place: ComparisonPlace) -> Mapping[str, Callable[[], bytes]]:
    found = place.comparison
    return {
        "matches.csv": lambda: csv_of(match_table(found)),
        "matches.parquet": lambda: parquet_of(match_table(found)),
        "comparison.json": lambda: json_of_facts(facts_of(place.atlases, found, place.diagnoses)),
    }


def _sheet(filters: NDArray[np.float32], together: bool) -> bytes:
    return to_png(filter_sheet(filters, together=together))


def _shown(place: ComparisonPlace) -> Iterator[tuple[int, str, int]]:
    """The units that have a card: all of the first, and those of the second that are a match."""
    units: dict[tuple[int, str, int], None] = {}
    for result in place.comparison.pairs:
        units |= dict.fromkeys((0, result.pair.first.layer, unit) for unit in range(result.pair.first.units))
        best = sorted(set(result.matches.best.tolist()) - {NOBODY})
        units |= dict.fromkeys((1, result.pair.second.layer, unit) for unit in best)
    for side, layer, unit in units:
        if (layer, unit) in place.compared.catalogues[side].driven:
            yield side, layer, unit


def _card(place: ComparisonPlace, side: int, layer: str, unit: int) -> bytes:
    atlas = place.atlases[side]
    return _painted(place, side, atlas.layer(layer), atlas.top(layer, unit), atlas.projections(layer, unit))


def _cards(place: ComparisonPlace) -> Iterator[Callable[[], Named]]:
    """Jobs that paint all cards, from whole layers."""
    wanted = {card: name for name, card in place.cards.items()}
    for side, layer in dict.fromkeys((side, layer) for side, layer, _ in wanted):
        atlas = place.atlases[side]
        row, tops = atlas.layer(layer), atlas.top_of_layer(layer)
        for unit, projections in projected_units(atlas, row):
            name = wanted.get((side, layer, unit.unit))
            if name is not None:
                yield partial(_named, place, name, side, row, tops[unit.unit], projections)


def _named(
    place: ComparisonPlace, name: str, side: int, row: LayerRow, tops: tuple[TopRow, ...], made: tuple[Projection, ...]
) -> Named:
    return name, answered(name, _painted(place, side, row, tops, made))


def _painted(
    place: ComparisonPlace, side: int, row: LayerRow, tops: tuple[TopRow, ...], made: tuple[Projection, ...]
) -> bytes:
    card = paint_card(row, place.compared.catalogues[side].size, tops, made, place.patches[side])
    assert card is not None, f"{row.layer} of {SIDES[side]}: a unit without top activations has no card"
    return card
