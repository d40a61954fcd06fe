"""The second stage of an atlas: projections and pictures of the strongest activations, in parts of some images each.

It reads what to make from the tables of the scan, so each part can be made, and made again, without the others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from pathlib import Path

from convscope.atlas.schema import UnitRow
from convscope.atlas.store import open_tables, read_rows
from convscope.atlas.tables import file_of
from convscope.atlas.tops import images_on_top, read_tops
from convscope.atlas.writer import write_table
from convscope.engine.executor import HERE, Advance, Executor
from convscope.engine.graphs import Carried
from convscope.engine.layers import Layer
from convscope.engine.project import Way
from convscope.images import ImageSet
from convscope.models import Model
from convscope.pipeline.atlas_spectra import RANKS, evenly
from convscope.pipeline.part_projection import PartTasks, ProjectParts, part_of
from convscope.pipeline.winners import Task, choose_units, in_parts, tasks_of, winners_of

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
    sound: Collection[str],
    model: Model,
    images: ImageSet,
    tasks: Sequence[Task],
    way: Way,
    raw: bool,
    device: str,
    report: Progress,
    executor: Executor = HERE,
) -> None:
    """Write the parts that are not ``sound``; each holds the pictures of some images, and the projections from them."""
    size = (model.preprocessing.height, model.preprocessing.width)
    parts = {
        f"part-{number:05d}": part_of(images, part)
        for number, part in enumerate(in_parts(tasks, size, 2 * model.preprocessing.channels))
    }
    total = sum(part.winners for part in parts.values())
    missing = [name for name, part in parts.items() if not _files_of(name, part).issubset(sound)]
    advance = Advance(total, report, total - sum(parts[name].winners for name in missing))
    work = ProjectParts(Carried(model), way, raw, _spectral(tasks), device)
    jobs = [parts[name] if executor.here else parts[name].witnessed() for name in missing]
    with closing(executor.run(work, jobs, advance)) as results:
        for job, (pictures, projections) in results:
            name = missing[job]
            if projections:
                write_table(folder, "projections", projections, name)
            write_table(folder, "pictures", pictures, name)
            advance(job, parts[name].winners)


def _spectral(tasks: Sequence[Task]) -> dict[str, frozenset[int]]:
    """For each layer the units that its spectrum is measured on: some of those with a strong projection."""
    strong: dict[str, set[int]] = {}
    for winner in (winner for task in tasks for winner in task.winners):
        units = strong.setdefault(winner.layer.address, set())
        if winner.rank < RANKS:
            units.add(winner.unit)
    return {layer: frozenset(evenly(units)) for layer, units in strong.items()}


def _files_of(name: str, part: PartTasks) -> set[str]:
    return {file_of(table, name) for table in (("projections", "pictures") if part.winners else ("pictures",))}
