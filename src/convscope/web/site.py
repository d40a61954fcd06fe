"""Writes the pages of an atlas as files that open from disk."""

from __future__ import annotations

import io
import os
import tempfile
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image

from convscope.atlas.reader import Atlas, Projection, decode_picture
from convscope.atlas.schema import TABLES, LayerRow, PictureRow, TopRow, UnitRow
from convscope.display import to_rgb
from convscope.errors import AtlasError, AtlasFormatError
from convscope.render import SHEETS
from convscope.web.build import image_page, images_page, index_page, layer_page, parts_of, unit_page
from convscope.web.catalogue import ByClass, Catalogue
from convscope.web.html import to_html, to_json
from convscope.web.pages import Page
from convscope.web.sprites import Patches, Pictures, paint_unit, patches_of
from convscope.web.urls import INDEX, json_of

MARK = "convscope-site.txt"
"""Its presence says that a folder was written by ``export_site`` and may be replaced."""
STATIC = ("style.css", "script.js")
DECODED = 512
"""Pictures kept decoded; at 224 pixels about 75 MB."""

Progress = Callable[[int, int], None]
"""Called with the number of units written so far, and of all."""


@dataclass(frozen=True)
class SiteSummary:
    """What was written."""

    index: Path  # the page to open first
    layers: int
    units: int
    images: int


def export_site(atlas: Atlas, destination: str | Path, progress: Progress | None = None) -> SiteSummary:
    """Write all pages of an atlas into the folder ``destination``; open its ``index.html`` with any browser.

    The folder appears, or replaces an earlier export, only when all is written: no stale page is left, and a
    run that is stopped changes nothing. Raises AtlasError if the folder holds anything but an earlier export.
    """
    target = Path(destination).resolve()
    _check_target(atlas, target)
    catalogue = Catalogue(atlas)
    with _replacing(target) as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        _write_static(folder)
        _write_pictures(catalogue, folder)
        _write_sheets(catalogue, folder)
        appearances = _write_units(catalogue, folder, pool, progress or _silent)
        _write_lists(catalogue, folder)
        for image in catalogue.shown:
            _write_page(folder, INDEX.image(image), image_page(catalogue, image, appearances[image]))
    layers = atlas.layers()
    units = sum(len(atlas.units(row.layer)) for row in layers)
    return SiteSummary(target / INDEX.index(), len(layers), units, len(catalogue.shown))


def _silent(done: int, total: int) -> None:
    """Progress that nobody wants to see."""


def _check_target(atlas: Atlas, target: Path) -> None:
    source = atlas.path.resolve()
    inside = {source / name for name in (*TABLES, SHEETS, "work")}
    if target == source or target in source.parents or inside & {target, *target.parents}:
        raise AtlasError(f"the pages cannot go to {target}, which overlaps the atlas in {source}. Name another folder.")
    if target.is_dir() and (not any(target.iterdir()) or (target / MARK).is_file()):
        return
    if os.path.lexists(target):
        raise AtlasError(
            f"{target} exists and is not an earlier export (it has no {MARK}), so it is not replaced. "
            "Name a new folder, or remove this one first."
        )


@contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """A new folder beside ``target`` that takes its place at the end; on an error it is removed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as work:
        folder, old = Path(work) / "new", Path(work) / "old"
        folder.mkdir()
        (folder / MARK).write_text("Pages written by convscope; an export to this folder replaces them.\n")
        yield folder
        if target.exists():
            target.rename(old)
        try:
            folder.rename(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise


def _write_static(folder: Path) -> None:
    source = files("convscope.web") / "static"
    for name in STATIC:
        _write(folder, INDEX.static(name), (source / name).read_bytes())


def _write_pictures(catalogue: Catalogue, folder: Path) -> None:
    for row in catalogue.atlas.picture_rows():
        _write(folder, INDEX.picture(row.image, catalogue.shots[row.image].encoding), row.encoded)


def _write_sheets(catalogue: Catalogue, folder: Path) -> None:
    for layer, path in catalogue.sheets.items():
        content = path.read_bytes()
        try:
            with Image.open(io.BytesIO(content), formats=["PNG"]) as sheet:
                sheet.verify()
        except (OSError, SyntaxError, ValueError) as error:
            raise AtlasFormatError(
                f"{path} is not a PNG picture ({error}). Remove it, or make the sheet again."
            ) from error
        _write(folder, INDEX.sheet(layer), content)


def _write_units(
    catalogue: Catalogue, folder: Path, pool: ThreadPoolExecutor, progress: Progress
) -> dict[int, list[TopRow]]:
    """Write sprites and pages of all units; returns for each image the activations it appears with."""
    patches = patches_of(_decoded(catalogue, folder))
    appearances: dict[int, list[TopRow]] = defaultdict(list)
    total = sum(len(catalogue.atlas.units(name)) for name in catalogue.places)
    done = 0
    for layer in catalogue.atlas.layers():
        tops = catalogue.atlas.top_of_layer(layer.layer)
        classes = catalogue.classes_of_layer(layer)
        for row in (row for rows in tops.values() for row in rows):
            appearances[row.image].append(row)
        jobs = (
            partial(
                _write_unit,
                catalogue,
                folder,
                patches,
                layer,
                unit,
                tops[unit.unit],
                found,
                classes[unit.unit],
            )
            for unit, found in _projected_units(catalogue.atlas, layer)
        )
        for _ in _run(pool, jobs):
            done += 1
            progress(done, total)
    return appearances


def _projected_units(atlas: Atlas, layer: LayerRow) -> Iterator[tuple[UnitRow, tuple[Projection, ...]]]:
    """All units of a layer with their projections, of which there may be none."""
    found = atlas.projections_of_layer(layer.layer)
    number, projections = next(found, (-1, ()))
    for unit in atlas.units(layer.layer):
        if unit.unit == number:
            yield unit, projections
            number, projections = next(found, (-1, ()))
        else:
            yield unit, ()


def _write_unit(
    catalogue: Catalogue,
    folder: Path,
    patches: Patches,
    layer: LayerRow,
    unit: UnitRow,
    tops: tuple[TopRow, ...],
    projections: tuple[Projection, ...],
    classes: ByClass,
) -> None:
    sprites = paint_unit(layer, catalogue.size, tops, projections, patches)
    key = (layer.layer, unit.unit)
    if sprites.card is not None:
        _write(folder, INDEX.card(*key), sprites.card)
    if sprites.projections is not None:
        _write(folder, INDEX.projections(*key), sprites.projections)
    _write_page(folder, INDEX.unit(*key), unit_page(catalogue, unit, tops, classes))


def _write_lists(catalogue: Catalogue, folder: Path) -> None:
    _write_page(folder, INDEX.index(), index_page(catalogue))
    for layer in catalogue.places:
        _write_page(folder, INDEX.layer(layer), layer_page(catalogue, layer))
    for part in range(parts_of(catalogue)):
        _write_page(folder, INDEX.images(part), images_page(catalogue, part))


def _decoded(catalogue: Catalogue, folder: Path) -> Pictures:
    """The pictures, decoded on demand from the files just written, the latest ones kept."""

    @lru_cache(maxsize=DECODED)
    def picture(image: int) -> Image.Image | None:
        shot = catalogue.shots.get(image)
        if shot is None:
            return None
        encoded = (folder / INDEX.picture(image, shot.encoding)).read_bytes()
        pixels = decode_picture(PictureRow(image, shot.width, shot.height, shot.encoding, encoded))
        return Image.fromarray(np.ascontiguousarray(to_rgb(pixels)))

    return picture


def _run(pool: ThreadPoolExecutor, jobs: Iterable[Callable[[], None]]) -> Iterator[None]:
    """Run jobs in the pool, a few ahead, so that what they hold in memory stays small."""
    ahead: deque[Future[None]] = deque()
    for job in jobs:
        ahead.append(pool.submit(job))
        if len(ahead) > 4 * (os.cpu_count() or 1):
            yield ahead.popleft().result()
    for future in ahead:
        yield future.result()


def _write_page(folder: Path, name: str, page: Page) -> None:
    _write(folder, name, to_html(page).encode())
    _write(folder, json_of(name), to_json(page).encode())


def _write(folder: Path, name: str, content: bytes) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
