"""The second stage of an atlas: projections and pictures of the strongest activations, in parts of some images each.

It reads what to make from the tables of the scan, so each part can be made, and made again, without the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch

from convscope.atlas.digests import is_sound
from convscope.atlas.projection import Projection
from convscope.atlas.schema import PictureRow, ProjectionRow, UnitRow
from convscope.atlas.store import open_tables, read_rows
from convscope.atlas.tables import file_of
from convscope.atlas.tops import images_on_top, read_tops
from convscope.atlas.writer import write_table
from convscope.engine.graphs import graph_of
from convscope.engine.layers import Layer
from convscope.engine.loading import View, read_view
from convscope.engine.project import Way, project_units
from convscope.engine.trace import trace
from convscope.errors import ImageSetError
from convscope.images import ImageSet
from convscope.models import Model
from convscope.pipeline.pictures import encode_picture
from convscope.pipeline.winners import Task, Winner, choose_units, in_parts, tasks_of, winners_of

Progress = Callable[[int, int], None]


def tasks_in(folder: Path, layers: Sequence[Layer], units: int | None) -> list[Task]:
    """What is to be made of ``units`` units of each layer (None: all), from the tables of the scan in ``folder``."""
    tables = open_tables(folder)
    rows = sorted(read_rows(tables["units"], UnitRow), key=lambda row: row.unit)
    tops = [read_tops(tables, layer.address) for layer in layers]
    chosen = [
        choose_units([row for row in rows if row.layer == layer.address], top, units)
        for layer, top in zip(layers, tops, strict=True)
    ]
    return tasks_of(images_on_top(tables), winners_of(layers, tops, chosen))


def write_projections(
    folder: Path,
    model: Model,
    images: ImageSet,
    tasks: Sequence[Task],
    way: Way,
    raw: bool,
    device: str,
    report: Progress,
) -> None:
    """Write the parts that are not finished; each holds the pictures of some images, and the projections from them."""
    size = (model.preprocessing.height, model.preprocessing.width)
    total = sum(len(task.winners) for task in tasks)
    done = 0
    for number, part in enumerate(in_parts(tasks, size, 2 * model.preprocessing.channels)):
        name = f"part-{number:05d}"
        if not all(is_sound(folder, file) for file in _files_of(name, part)):
            _write_part(folder, name, model, images, part, way, raw, device, _from(report, done, total))
        done += sum(len(task.winners) for task in part)
        report(done, total)


def _files_of(name: str, part: Sequence[Task]) -> list[str]:
    projected = any(task.winners for task in part)
    return [file_of(table, name) for table in (("projections", "pictures") if projected else ("pictures",))]


def _from(report: Progress, before: int, total: int) -> Callable[[int], None]:
    return lambda done: report(before + done, total)


def _write_part(
    folder: Path,
    name: str,
    model: Model,
    images: ImageSet,
    part: Sequence[Task],
    way: Way,
    raw: bool,
    device: str,
    progress: Callable[[int], None],
) -> None:
    pictures: list[PictureRow] = []
    packed: list[ProjectionRow] = []
    for task in part:
        view = _view(model, images, task.image)
        pictures += [encode_picture(task.image, view)] if task.picture else []
        found = project_image(model, torch.from_numpy(view)[None], task.winners, way, device)
        packed += [projection.pack(raw=raw) for projection in found]
        progress(len(packed))
    packed.sort(key=lambda row: (row.layer, row.unit, row.rank))
    if packed:
        write_table(folder, "projections", packed, name)
    write_table(folder, "pictures", pictures, name)


def _view(model: Model, images: ImageSet, image: int) -> View:
    outcome, view = read_view(images, image, model.preprocessing)
    if view is None:
        raise ImageSetError(
            f"image {images.names[image]!r} could be read during the scan and cannot be now: {outcome.skipped}. "
            "Restore it and run the same command again"
        )
    return view


def project_image(
    model: Model, view: torch.Tensor, winners: Sequence[Winner], way: Way, device: str
) -> Iterator[Projection]:
    """One forward pass, then every unit of every layer that this image is among the strongest of."""
    if not winners:
        return
    by_layer: dict[str, list[Winner]] = {}
    for winner in winners:
        by_layer.setdefault(winner.layer.node, []).append(winner)
    recorded = trace(graph_of(model, device), model.preprocessing.normalise(view), *by_layer)
    for group in by_layer.values():
        places = [(w.unit, w.y, w.x) for w in group]
        for winner, pixels in zip(group, project_units(recorded, group[0].layer, places, way), strict=True):
            top, left, bottom, right = winner.box(pixels.shape[:2])
            yield Projection(
                winner.layer.address,
                winner.unit,
                winner.rank,
                winner.image,
                way.method,
                top,
                left,
                pixels[top:bottom, left:right],
            )
