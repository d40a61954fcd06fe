"""From a plan and a data set to a folder: runs, tables, figures, a report."""

from __future__ import annotations

import json
import platform
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from convscope.cores import cores
from convscope.engine.executor import HERE, Executor
from convscope.errors import SettingError
from convscope.figures.ablation import errors_png, gap_png
from convscope.figures.ablation_measures import curves_png, measures_png
from convscope.images.entry import printable
from convscope.pipeline.ablation_report import Circumstances, report_of
from convscope.pipeline.ablation_rows import (
    CurveRow,
    RunRow,
    SummaryRow,
    ValueRow,
    curve_rows,
    run_rows,
    summary_rows,
    value_rows,
)
from convscope.pipeline.results import ResultFolder, check_place
from convscope.regular import read_text
from convscope.train.ablation.ablate import Ask, Crew, Prepared, Report, carry_out, prepare
from convscope.train.ablation.curves import CURVES
from convscope.train.ablation.measures import MEASURES
from convscope.train.ablation.result import Ablation
from convscope.train.reading import assignments_of

FACTS, RUNS = "ablation.json", "runs"
FILES = (
    "runs.csv",
    "values.parquet",
    "summary.parquet",
    "summary.csv",
    "curves.parquet",
    "figure.png",
    "gap.png",
    "measures.png",
    "curves.png",
    "report.md",
)
"""All that a result may have beside its facts and the runs."""


@dataclass(frozen=True)
class Place:
    """Where it goes: ``output`` for what came out, ``runs`` for the trainings, which several ablations may share."""

    output: Path
    runs: Path | None = None

    @property
    def trainings(self) -> Path:
        """The folder of the runs."""
        return self.runs or self.output / RUNS


def ablate(
    ask: Ask,
    place: Place,
    crew: Crew | None = None,
    *,
    overwrite: bool = False,
    report: Report = lambda _stage, _done, _total: None,
    executor: Executor = HERE,
) -> Ablation:
    """Train every variant with every seed, compare them, and write tables, figures and ``report.md``.

    Runs that are finished are not repeated, whatever has changed in the plan around them; one that fails is listed with
    its reason. The ``executor`` trains; its workers must share the folder of the runs. Raises SettingError for a plan
    that cannot be run, or a folder with the result of another plan, and ImageSetError for data that cannot be trained
    on.
    """
    used = crew or Crew()
    prepared = prepare(ask)
    folder = ResultFolder(place.output, FACTS, _asked(prepared), FILES)
    _check_owner(folder, ask.plan.name, overwrite=overwrite)
    started = time.perf_counter()
    place.trainings.mkdir(parents=True, exist_ok=True)
    found = carry_out(prepared, place.trainings, used, report, executor)
    if len(found.failed) == len(found.outcomes):
        raise SettingError(f"no run of plan {ask.plan.name} has finished; the first: {found.failed[0].failure}")
    _write(folder, found, prepared, used, time.perf_counter() - started)
    return found


def _write(folder: ResultFolder, found: Ablation, prepared: Prepared, crew: Crew, seconds: float) -> None:
    folder.begin()
    folder.write_rows("runs.csv", RunRow, run_rows(found))
    folder.write_rows("values.parquet", ValueRow, value_rows(found))
    for suffix in ("parquet", "csv"):
        folder.write_rows(f"summary.{suffix}", SummaryRow, summary_rows(found))
    if found.plan.curves:
        folder.write_rows("curves.parquet", CurveRow, curve_rows(found))
    figures = _figures(found)
    for name, _, draw in figures:
        folder.write(name, draw(found))
    titles = {name: title for name, title, _ in figures}
    folder.write("report.md", report_of(found, _circumstances(prepared, crew), titles).encode())
    folder.finish(_facts(found), {"ablation": seconds})


def _figures(found: Ablation) -> list[tuple[str, str, Callable[[Ablation], bytes]]]:
    plan = found.plan
    wanted: list[tuple[str, str, Callable[[Ablation], bytes]]] = [
        ("figure.png", "Validation error of every run, and differences in pairs", errors_png),
        ("gap.png", "Training and validation error", gap_png),
    ]
    if plan.measures:
        titles = {name: MEASURES[name].title for name in plan.measures}
        wanted.append(
            ("measures.png", "Validation error against what was measured", lambda each: measures_png(each, titles))
        )
    if plan.curves:
        curves = {name: (CURVES[name].title, CURVES[name].axis) for name in plan.curves}
        wanted.append(
            ("curves.png", "Curves, means over seeds with 95% intervals", lambda each: curves_png(each, curves))
        )
    return wanted


def _check_owner(folder: ResultFolder, plan: str, *, overwrite: bool) -> None:
    """A changed plan may replace its own result, as runs are kept; not that of another plan."""
    check_place(folder.path, folder.facts)
    try:
        known = json.loads(read_text(folder.path / folder.facts))["plan"]["name"]
    except (FileNotFoundError, ValueError, KeyError, TypeError, RecursionError):
        return
    if known != plan and not overwrite:
        raise SettingError(
            f"{folder.path} holds the result of plan {known!r}; choose another folder with -o, or give --overwrite"
        )


def _asked(prepared: Prepared) -> dict[str, Any]:
    ask = prepared.ask
    return {
        "plan": asdict(ask.plan),
        "recipe": ask.recipe,
        "changes": dict(ask.changes),
        "training": ask.source.training,
        "data": _name(ask.source.data),
        "held_out": prepared.listed.origin,
        "runs": sorted(prepared.listed.different),
    }


def _facts(found: Ablation) -> Mapping[str, Any]:
    return {
        "variants": [asdict(facts) for facts in found.variants],
        "summaries": [asdict(row) for row in found.summaries.values()],
        "failed": [{"variant": run.variant, "seed": run.seed, "reason": run.failure} for run in found.failed],
    }


def _circumstances(prepared: Prepared, crew: Crew) -> Circumstances:
    ask = prepared.ask
    first = next(iter(prepared.listed.runs.values()))
    budget = ask.plan.budget.changes if ask.recipe is None else ()
    changed = ", ".join(f"`{change}`" for change in (*budget, *assignments_of(ask.changes)))
    ground = f"Recipe `{_name(ask.recipe or ask.plan.recipe)}`" + (f" with {changed}" if changed else "")
    threads = f"{crew.jobs} runs at a time, {crew.threads} threads each" if crew.jobs > 1 else "one run at a time"
    given = ask.source.validation
    held_out = prepared.listed.origin if given is None else _name(given)
    return Circumstances(
        command=shlex.join(_command(ask, crew)),
        data=f"Data: {_name(ask.source.data)}, {first.images:,} training images in each run; held out: {held_out}",
        ground=ground,
        machine=f"{platform.system()} {platform.machine()}, {cores()} cores, {threads}, torch {torch.__version__}",
    )


def _command(ask: Ask, crew: Crew) -> Iterator[str]:
    """What gives this result again, with places for the images and the folder."""
    yield from ("convscope", "ablate", _name(ask.named or ask.plan.name), "DATA", "-o", "DIR")
    if ask.source.validation is not None:
        yield from ("--validation", "IMAGES")
    yield from ("--seeds", str(ask.plan.seeds))
    if ask.source.training is not None:
        yield from ("--training", str(ask.source.training))
    yield from ("--jobs", str(crew.jobs))
    if ask.recipe is not None:
        yield from ("--recipe", _name(ask.recipe))
    for change in assignments_of(ask.changes):
        yield from ("--set", change)


def _name(path: str) -> str:
    """Without the folders above it, which are nobody's business."""
    return printable(Path(path).name)
