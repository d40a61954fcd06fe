"""What a person sees while waiting: progress on standard error, results on standard output."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table as Lines
from rich.text import Text

from convscope.pipeline.table import Table

_WIDE = 200
"""Columns of a table that goes to a file or a pipe, where there is no window to fit."""

# Names and paths may hold brackets and colons, which are not to be taken for markup or emoji.
err = Console(stderr=True, highlight=False, markup=False, emoji=False)
out = Console(highlight=False, markup=False, emoji=False)
if not out.is_terminal:
    out.width = _WIDE

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


class _Speed(ProgressColumn):
    """Units of work per second, in the stage's own unit."""

    def render(self, task: Task) -> Text:
        """The speed in words; empty until it is known."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} {task.fields['unit']}/s" if speed else "")


@contextmanager
def progress(quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A callable (stage, done, total) that draws one bar per stage, with speed and time left."""
    bars = Progress(
        TextColumn("{task.description:>12}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Speed(),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=err,
        disable=quiet,
    )
    tasks: dict[str, object] = {}

    def report(stage: str, done: int, total: int) -> None:
        name, unit = STAGES[stage]
        if stage not in tasks:
            tasks[stage] = bars.add_task(name, total=total, unit=unit)
        bars.update(tasks[stage], completed=done, total=total)  # type: ignore[arg-type]

    with bars:
        yield report


def print_table(table: Table) -> None:
    """On standard output: the first column left, the others right."""
    lines = Lines(box=None, header_style="")
    for place, head in enumerate(table.heads):
        lines.add_column(Text(head), justify="right" if place else "left")
    for line in table.lines:
        lines.add_row(*map(Text, line))
    out.print(lines)
