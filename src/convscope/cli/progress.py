"""How far a job is, on standard error: bars in a terminal; elsewhere, as in the log of a batch job, lines."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from convscope.cli.screen import err
from convscope.sizes import in_words

EVERY = 30.0
"""Seconds from one line to the next, and before the first: of a job that is done sooner, nothing is said."""

STAGES = {
    "scan": ("scanning", "images"),
    "project": ("projecting", "units"),
    "match": ("matching", "units"),
    "pages": ("drawing", "pages"),
    "occlude": ("occluding", "places"),
    "correspond": ("comparing", "occlusions"),
    "evolve": ("evolving", "images"),
    "transform": ("transforming", "images"),
    "spectrum": ("measuring", "layers"),
    "trust": ("testing", "passes"),
    "verify": ("verifying", "comparisons"),
    "files": ("reading", "bytes"),
    "read training": ("reading", "images"),
    "read validation": ("reading", "images"),
    "read first": ("reading", "images"),
    "read second": ("reading", "images"),
    "search": ("searching", "images"),
    "align": ("comparing", "pairs"),
    "check": ("checking", "sets"),
    "diagnose": ("diagnosing", "images"),
    "train": ("training", "steps"),
    "runs": ("finished", "runs"),
    "read": ("reading", "images"),
    "features": ("extracting", "images"),
    "classifiers": ("fitting", "classifiers"),
    "from scratch": ("training", "networks"),
    "evaluate": ("evaluating", "images"),
    "evaluate training": ("evaluating", "images"),
}
"""What is done in a stage, and to what."""

Report = Callable[[str, int, int], None]
"""(stage, done, total)."""


@contextmanager
def progress(as_json: bool, *, quiet: bool = False) -> Iterator[Report]:
    """A callable that says how far each stage is, how fast it goes and how long it still takes.

    In a terminal a bar for each stage. Elsewhere a line every half a minute, which ``as_json`` makes an object with the
    key ``progress``. With ``quiet`` nothing.
    """
    if quiet:
        yield _nothing
    elif as_json or not err.is_terminal:
        yield _Lines(as_json).report
    else:
        with _bars() as report:
            yield report


def _nothing(_stage: str, _done: int, _total: int) -> None:
    pass


class _Speed(ProgressColumn):
    """Units of work per second, in the stage's own unit."""

    def render(self, task: Task) -> Text:
        """The speed in words; empty until it is known."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} {task.fields['unit']}/s" if speed else "")


@contextmanager
def _bars() -> Iterator[Report]:
    bars = Progress(
        TextColumn("{task.description:>12}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Speed(),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=err,
    )
    tasks: dict[str, object] = {}

    def report(stage: str, done: int, total: int) -> None:
        name, unit = STAGES[stage]
        if stage not in tasks:
            tasks[stage] = bars.add_task(name, total=total, unit=unit)
        bars.update(tasks[stage], completed=done, total=total)  # type: ignore[arg-type]

    with bars:
        yield report


@dataclass(frozen=True)
class _Line:
    """How far a stage is; the times are in seconds, and unknown until something was done."""

    stage: str
    unit: str
    done: int
    total: int
    per_second: float | None
    seconds_left: float | None

    def sentence(self) -> str:
        """For people."""
        said = [self._of(f"{self._count(self.done)} of {self._count(self.total)}")]
        if self.per_second is not None:
            said.append(self._of(self._count(self.per_second)) + "/s")
        if self.seconds_left:
            said.append(f"{timedelta(seconds=round(self.seconds_left))} left")
        return f"{STAGES[self.stage][0]}: {', '.join(said)}"

    def _count(self, number: float) -> str:
        if self.unit == "bytes":
            return in_words(number)
        return f"{number:,}" if isinstance(number, int) else f"{number:,.1f}" if number >= 1 else f"{number:.2g}"

    def _of(self, words: str) -> str:
        return words if self.unit == "bytes" else f"{words} {self.unit}"


class _Lines:
    """Writes a line when the last one is old enough, and one at the end of a stage that had any."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._last = time.monotonic()
        self._begun = dict[str, tuple[int, float]]()
        self._unended = set[str]()

    def report(self, stage: str, done: int, total: int) -> None:
        """Write the line, if it is time for one."""
        now = time.monotonic()
        before, begun = self._begun.setdefault(stage, (done, now))
        ended = done >= total
        if now - self._last < EVERY and not (ended and stage in self._unended):
            return
        speed = (done - before) / (now - begun) if done > before and now > begun else None
        line = _Line(stage, STAGES[stage][1], done, total, speed, (total - done) / speed if speed else None)
        err.print(json.dumps({"progress": asdict(line)}) if self._as_json else line.sentence(), soft_wrap=True)
        self._last = now
        (self._unended.discard if ended else self._unended.add)(stage)
