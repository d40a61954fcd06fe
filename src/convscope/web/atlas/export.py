"""All pages and pictures of an atlas in one go: layer by layer, with every core."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from convscope.atlas.reader import Atlas, Projection
from convscope.atlas.schema import LayerRow, TopRow, UnitRow
from convscope.cores import cores
from convscope.web.atlas.catalogue import ByClass, Catalogue
from convscope.web.atlas.image_pages import image_page, images_page, parts_of
from convscope.web.atlas.index_page import index_page
from convscope.web.atlas.layer_page import layer_page
from convscope.web.atlas.layer_peaks import LayerPeaks
from convscope.web.atlas.likeness import Alike, all_most_alike
from convscope.web.atlas.sampled import unit_peaks
from convscope.web.atlas.sources import sheet_file
from convscope.web.atlas.sprites import Patches, paint_unit
from convscope.web.atlas.unit_page import unit_page
from convscope.web.html import to_html, to_json
from convscope.web.pages import Page
from convscope.web.place import Answer, answered
from convscope.web.sources import ATLAS, static_file
from convscope.web.urls import INDEX, json_of

T = TypeVar("T")
Named = tuple[str, Answer]


def pages_of(catalogue: Catalogue) -> Iterator[str]:
    """The addresses of all pages."""
    yield INDEX.index()
    yield from (INDEX.images(part) for part in range(parts_of(catalogue)))
    yield from (INDEX.image(image) for image in catalogue.shown)
    for row in catalogue.atlas.layers():
        yield INDEX.layer(row.layer)
        yield from (INDEX.unit(row.layer, unit.unit) for unit in catalogue.atlas.units(row.layer))


def all_answers(catalogue: Catalogue, patches: Patches) -> Iterator[Named]:
    """Every address with what stands there."""
    for name in ATLAS:
        yield _named(INDEX.static(name), static_file(name))
    for row in catalogue.atlas.picture_rows():
        yield _named(INDEX.picture(row.image, catalogue.shots[row.image].encoding), row.encoded)
    for layer in catalogue.sheets:
        yield _named(INDEX.sheet(layer), sheet_file(catalogue, layer))
    with ThreadPoolExecutor(cores()) as pool:
        for found in run_ahead(pool, _units(catalogue, patches)):
            yield from found
    yield from _lists(catalogue)
    appearances = _appearances(catalogue.atlas)
    for image in catalogue.shown:
        yield from _page(INDEX.image(image), image_page(catalogue, image, appearances[image]))


def _named(name: str, content: bytes | str) -> Named:
    return name, answered(name, content)


def _page(name: str, page: Page) -> tuple[Named, Named]:
    return _named(name, to_html(page)), _named(json_of(name), to_json(page))


def _lists(catalogue: Catalogue) -> Iterator[Named]:
    yield from _page(INDEX.index(), index_page(catalogue))
    for layer in catalogue.places:
        yield from _page(INDEX.layer(layer), layer_page(catalogue, layer))
    for part in range(parts_of(catalogue)):
        yield from _page(INDEX.images(part), images_page(catalogue, part))


def _appearances(atlas: Atlas) -> Mapping[int, list[TopRow]]:
    """For each image the activations with which it is among the strongest of a unit."""
    found: dict[int, list[TopRow]] = defaultdict(list)
    for layer in atlas.layers():
        for tops in atlas.top_of_layer(layer.layer).values():
            for row in tops:
                found[row.image].append(row)
    return found


@dataclass(frozen=True)
class _Unit:
    """All that the atlas holds of a unit."""

    layer: LayerRow
    row: UnitRow
    tops: tuple[TopRow, ...]
    projections: tuple[Projection, ...]
    classes: ByClass
    peaks: LayerPeaks | None
    alike: tuple[Alike, ...]


def _units(catalogue: Catalogue, patches: Patches) -> Iterator[Callable[[], list[Named]]]:
    for layer in catalogue.atlas.layers():
        tops = catalogue.atlas.top_of_layer(layer.layer)
        classes = catalogue.classes_of_layer(layer)
        peaks = catalogue.peaks(layer.layer)
        alike = all_most_alike(peaks.standard) if peaks else ((),) * layer.units
        for row, projections in projected_units(catalogue.atlas, layer):
            unit = _Unit(layer, row, tops[row.unit], projections, classes[row.unit], peaks, alike[row.unit])
            yield partial(_unit, catalogue, unit, patches)


def projected_units(atlas: Atlas, layer: LayerRow) -> Iterator[tuple[UnitRow, tuple[Projection, ...]]]:
    """All units of a layer with their projections, of which there may be none."""
    found = atlas.projections_of_layer(layer.layer)
    number, projections = next(found, (-1, ()))
    for unit in atlas.units(layer.layer):
        if unit.unit == number:
            yield unit, projections
            number, projections = next(found, (-1, ()))
        else:
            yield unit, ()


def _unit(catalogue: Catalogue, unit: _Unit, patches: Patches) -> list[Named]:
    sprites = paint_unit(unit.layer, catalogue.size, unit.tops, unit.projections, patches)
    key = (unit.layer.layer, unit.row.unit)
    painted = ((INDEX.card(*key), sprites.card), (INDEX.projections(*key), sprites.projections))
    peaks = unit_peaks(catalogue, unit.row, unit.tops, unit.peaks, unit.alike) if unit.peaks else None
    page = unit_page(catalogue, unit.row, unit.tops, unit.classes, peaks)
    return [_named(name, content) for name, content in painted if content is not None] + [
        *_page(INDEX.unit(*key), page)
    ]


def run_ahead(pool: ThreadPoolExecutor, jobs: Iterable[Callable[[], T]]) -> Iterator[T]:
    """Run jobs in the pool, a few ahead, so that what they hold in memory stays small."""
    ahead: deque[Future[T]] = deque()
    for job in jobs:
        ahead.append(pool.submit(job))
        if len(ahead) > 4 * cores():
            yield ahead.popleft().result()
    for future in ahead:
        yield future.result()
