"""From what a job asks for and what it may have to its plan, and to how large its steps may be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from convscope.atomic import free_bytes
from convscope.engine.allowance import Allowance
from convscope.engine.room import available, resident
from convscope.errors import DiskFullError, MemoryLimitError
from convscope.resources.demand import Demand, Step
from convscope.resources.plan import Plan
from convscope.sizes import in_words

SLACK = 192_000_000
"""Bytes that a process grows by besides what its steps hold: code that is loaded late, memory in small pieces."""
ENDS = 2.0
"""Seconds that a job takes beside its work: code that is loaded late, tables and figures that are written."""
SPREAD = (0.6, 2.0)
"""From what part to what multiple of the estimate a job may take."""
MARGIN = 0.05
"""Part of the disk that a job must leave free, of what it writes itself."""


def settle(demand: Demand, limit: int | None = None) -> tuple[Plan, Allowance]:
    """The plan of a job that may hold ``limit`` bytes of memory, and what its steps may take.

    None: what this process holds, and what the machine has to give. Raises MemoryLimitError if even its smallest step
    needs more.
    """
    now = resident()
    most = now + available() if limit is None else limit
    held = now + SLACK + demand.memory
    if held > most:
        raise _too_little("this job", held, limit)
    allowance = Allowance()
    memory = held
    for step in demand.steps:
        count = _count(step, most - held, limit, held)
        memory = max(memory, held + step.fixed + count * step.each)
        allowance = replace(allowance, **{step.bound: min(getattr(allowance, step.bound), count)})
    seconds = None if demand.measure is None else demand.measure() + ENDS
    between = None if seconds is None else (SPREAD[0] * seconds, SPREAD[1] * seconds)
    plan = Plan(demand.job, demand.images, demand.units, demand.projections, memory, demand.disk, between, demand.basis)
    return plan, allowance


def _count(step: Step, room: int, limit: int | None, held: int) -> int:
    count = min((room - step.fixed) // step.each, step.usual)
    if count < step.least:
        raise _too_little(step.what, held + step.fixed + step.least * step.each, limit, step.ways)
    return count


def _too_little(what: str, needed: int, limit: int | None, ways: str = "") -> MemoryLimitError:
    given = "what is free" if limit is None else f"the {in_words(limit)} of --max-memory"
    return MemoryLimitError(
        f"{what} needs about {in_words(needed)} of memory, the program and the model included; more than "
        f"{given}. Give it at least {in_words(1.05 * needed)}, or look at a smaller model or at earlier layers"
        f"{ways and ', or '}{ways}"
    )


def check_disk(plan: Plan, output: Path, ways: str) -> None:
    """Raise DiskFullError unless the disk of ``output`` has room for all that is planned.

    ``ways`` say how to need less. What an earlier run of the same job has written counts as room, as it is not written
    again.
    """
    needed = int(plan.disk * (1 + MARGIN)) - written(output)
    free = free_bytes(output)
    if needed > free:
        raise DiskFullError(
            f"{output} will need up to {in_words(needed)}, and its disk has {in_words(free)} free. Nothing was "
            f"written. Make room, or choose another place with -o{f', or {ways}' if ways else ''}"
        )


def written(folder: Path) -> int:
    """Bytes of the files in a folder, or of a file; 0 where there is none."""
    if folder.is_file():
        return folder.stat().st_size
    return sum(each.lstat().st_size for each in folder.rglob("*") if each.is_file()) if folder.is_dir() else 0


@contextmanager
def more_needed_named(plan: Plan, output: Path) -> Iterator[None]:
    """Add to a DiskFullError how much more the job is expected to write."""
    try:
        yield
    except DiskFullError as error:
        missing = max(plan.disk - written(output), 0)
        expected = f" About {in_words(missing)} more are expected to be written." if missing else ""
        raise DiskFullError(f"{error}{expected}") from error
