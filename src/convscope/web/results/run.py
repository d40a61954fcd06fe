"""What the page of a training run says; a run that is still going shows what is there."""

from __future__ import annotations

import re
import shlex
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from convscope.errors import AtlasFormatError
from convscope.web.chart import Chart, Series, chart
from convscope.web.pages import Fact, Head, Link
from convscope.web.result_files import ResultFiles, pick
from convscope.web.results.course import EPOCHS, STEPS, Course, read_course, thinned
from convscope.web.results.parts import downloads_of, result_head, size_of, spelled
from convscope.web.results.values import Download

RUN, RESULT, SNAPSHOTS = "run.json", "result.json", "snapshots"
FILES = {EPOCHS: "figures of every epoch", STEPS: "loss and learning rate of every step"}
_SNAPSHOT = re.compile(r"(epoch|step)-(\d{1,9})\.safetensors", re.ASCII)
_LOOKS = ("first", "second", "third", "fourth")


@dataclass(frozen=True)
class RunFacts:
    """The part of ``run.json`` that the page uses."""

    key: str
    training: str
    validation: str
    seed: int
    validation_from: str
    excluded: tuple[str, ...] = ()


@dataclass(frozen=True)
class ResultFacts:
    """The part of ``result.json`` that the page uses; errors are shares of images."""

    parameters: int
    multiply_adds: int
    epochs: int
    seconds: float
    crops: str
    training_error: float
    validation_error: float
    validation_error_5: float | None
    skipped: dict[str, str]


@dataclass(frozen=True)
class SnapshotLine:
    """A snapshot of the network on the way."""

    name: str
    moment: str  # epoch or step
    size: str
    written: str  # time, UTC


@dataclass(frozen=True)
class Errors:
    """What the finished network does wrong, shares of images."""

    training: float
    validation: float
    validation_5: float | None  # the class is not among the five most probable


@dataclass(frozen=True)
class Command:
    """What to do next."""

    title: str
    text: str


@dataclass(frozen=True)
class RunPage:
    """A training run."""

    head: Head
    name: str
    finished: bool
    epochs: int  # finished so far
    planned: int  # epochs in the recipe
    errors: Errors | None  # None: not finished
    result: tuple[Fact, ...]  # size, time and how errors were taken; empty until it is finished
    note: str  # of the recipe
    recipe: tuple[Fact, ...]
    data: tuple[Fact, ...]
    charts: tuple[Chart, ...]
    snapshots: tuple[SnapshotLine, ...]
    commands: tuple[Command, ...]
    skipped: tuple[Fact, ...]  # images that could not be used, with the reasons
    downloads: tuple[Download, ...]


def run_page(folder: str | Path, trail: tuple[Link, ...] = (), root: str = "") -> RunPage:
    """The page of a folder that ``convscope train`` writes.

    Raises AtlasError if there is no run, and AtlasFormatError if a file of it is damaged.
    """
    files = ResultFiles(Path(folder))
    facts = files.facts(RUN)
    about = pick(RunFacts, facts, str(files.path / RUN))
    recipe = _recipe(facts, files)
    result = files.picked(ResultFacts, RESULT) if files.has(RESULT) else None
    course = read_course(files, EPOCHS, ("epoch",))
    snapshots = _snapshots(files)
    name = files.path.resolve().name
    return RunPage(
        head=result_head(f"Training \N{MIDDLE DOT} {name}", trail, root),
        name=name,
        finished=result is not None,
        epochs=course.rows,
        planned=recipe["epochs"],
        errors=None
        if result is None
        else Errors(result.training_error, result.validation_error, result.validation_error_5),
        result=() if result is None else _result(result),
        note=str(recipe.get("note") or ""),
        recipe=tuple(spelled({key: each for key, each in recipe.items() if key != "note"}, str(files.path / RUN))),
        data=_data(about),
        charts=tuple(_charts(course, read_course(files, STEPS, ("step", "loss")))),
        snapshots=snapshots,
        commands=_commands(name, snapshots),
        skipped=() if result is None else tuple(Fact(image, reason) for image, reason in result.skipped.items()),
        downloads=downloads_of(files, FILES),
    )


def _recipe(facts: dict[str, Any], files: ResultFiles) -> dict[str, Any]:
    recipe = facts.get("recipe")
    if not isinstance(recipe, dict) or type(recipe.get("epochs")) is not int:
        raise AtlasFormatError(f"{files.path / RUN}: expected a recipe with its number of epochs. Train again.")
    return recipe


def _result(result: ResultFacts) -> tuple[Fact, ...]:
    return (
        Fact("parameters", f"{result.parameters:,}"),
        Fact("multiply-adds of an image", f"{result.multiply_adds:,}"),
        Fact("time of all epochs", f"{result.seconds / 60:.3g} minutes"),
        Fact("validation on", f"{result.crops} crops"),
    )


def _data(about: RunFacts) -> tuple[Fact, ...]:
    return (
        Fact("seed", str(about.seed)),
        Fact("validation images", about.validation_from),
        Fact("left out on purpose", str(len(about.excluded))),
        Fact("digest of the training images", about.training[:16]),
        Fact("digest of the validation images", about.validation[:16]),
        Fact("key of the run", about.key[:16]),
    )


def _charts(epochs: Course, steps: Course) -> list[Chart]:
    positions = [each or 0.0 for each in epochs.column("epoch")]
    drawn = []
    for quantity, names in (
        ("loss", {"train_loss": "training", "val_loss": "validation"}),
        ("error", {"train_error": "training", "val_error": "validation", "val_error_5": "validation, top 5"}),
    ):
        there = [name for name in names if name in epochs.columns]
        series = [Series(names[name], look, epochs.column(name)) for name, look in zip(there, _LOOKS, strict=False)]
        if positions and series:
            drawn.append(chart(f"{quantity.capitalize()} by epoch", "epoch", positions, series))
    points = list(thinned(steps.column("loss")))
    if points:
        numbers, losses = zip(*points, strict=True)
        drawn.append(chart("Loss by step, means", "step", numbers, [Series("training", "first", losses)]))
    return drawn


def _snapshots(files: ResultFiles) -> tuple[SnapshotLine, ...]:
    """The snapshots in the order of their names; a link is none."""
    folder = files.path / SNAPSHOTS
    if folder.is_symlink() or not folder.is_dir():
        return ()
    matched = ((path, _SNAPSHOT.fullmatch(path.name)) for path in sorted(folder.iterdir()))
    return tuple(
        SnapshotLine(
            path.name,
            f"{found[1]} {int(found[2])}",
            size_of(about.st_size),
            datetime.fromtimestamp(about.st_mtime, UTC).strftime("%Y-%m-%d %H:%M"),
        )
        for path, found in matched
        if found is not None and stat.S_ISREG((about := path.lstat()).st_mode)
    )


def _commands(name: str, snapshots: tuple[SnapshotLine, ...]) -> tuple[Command, ...]:
    """With the folder's name only: what lies above it is nobody's business."""
    if not snapshots:
        return ()
    # Named by its run, of which it is the last: by their names, those of steps would come after those of epochs.
    folder, last = shlex.quote(f"./{name}"), shlex.quote(f"snapshot:./{name}")
    return (
        Command("Follow features through the training", f"convscope evolve {folder} IMAGES -o evolution"),
        Command("Make an atlas of the last snapshot", f"convscope atlas {last} IMAGES -o atlas"),
    )
