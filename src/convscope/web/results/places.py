"""Trainings, ablations and other experiments as places: their pages and the files that these lead to."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from convscope.web.listed import ChangingPlace, ListedPlace, Maker, static_contents
from convscope.web.pages import Link
from convscope.web.result_files import ResultFiles
from convscope.web.results import ablation, experiment, run
from convscope.web.results.parts import INDEX, files_at
from convscope.web.shown import shown
from convscope.web.sources import COMMON


def recognised_run(folder: Path) -> bool:
    """Whether a folder holds a training run, finished or not."""
    return ResultFiles(folder).has(run.RUN)


def run_place(folder: str | Path) -> ChangingPlace:
    """The place of a folder that ``convscope train`` writes, maybe just now."""
    files = ResultFiles(Path(folder))
    return ChangingPlace("training", files.path.resolve().name, INDEX, partial(_run, files))


def _run(files: ResultFiles) -> dict[str, Maker]:
    own = dict([*shown(INDEX, partial(run.run_page, files.path)), *files_at(files, tuple(run.FILES))])
    return own | static_contents(*COMMON)


def recognised_ablation(folder: Path) -> bool:
    """Whether a folder holds an ablation, or the report of one."""
    files = ResultFiles(folder)
    return files.has(ablation.FACTS) or (files.has(ablation.SUMMARY) and files.has(ablation.RUNS_TABLE))


def ablation_place(folder: str | Path) -> ListedPlace:
    """The place of a folder that ``convscope ablate`` wrote, with the pages of its runs that are in it."""
    files = ResultFiles(Path(folder))
    page = ablation.ablation_page(files.path)
    own = [
        *shown(INDEX, partial(ablation.ablation_page, files.path)),
        *files_at(files, (*ablation.FIGURES, *ablation.FILES)),
    ]
    contents = dict([*own, *_runs(files, page.name)]) | static_contents(*COMMON)
    return ListedPlace("ablation", page.name, INDEX, contents)


def recognised_experiment(folder: Path) -> bool:
    """Whether a folder holds a result of one of the other experiments."""
    return experiment.facts_of(folder) is not None


def experiment_place(folder: str | Path) -> ListedPlace:
    """The place of the folder of another experiment."""
    files = ResultFiles(Path(folder))
    page = experiment.experiment_page(files.path)
    kind = next(kind for kind in experiment.KINDS.values() if kind.command == page.command)
    named = (*kind.pictures, *kind.tables)
    contents = dict([*shown(INDEX, partial(experiment.experiment_page, files.path)), *files_at(files, named)])
    return ListedPlace(
        page.command, f"{page.title}: {files.path.resolve().name}", INDEX, contents | static_contents(*COMMON)
    )


def _runs(files: ResultFiles, name: str) -> Iterator[tuple[str, Maker]]:
    for number, folder in enumerate(ablation.folders_of(files).values()):
        at = ablation.run_address(number)
        yield from shown(f"{at}{INDEX}", partial(run.run_page, folder, (Link(name, f"../../{INDEX}"),), "../../"))
        yield from files_at(ResultFiles(folder), tuple(run.FILES), at)
