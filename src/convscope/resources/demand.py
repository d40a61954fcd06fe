"""What a job asks for, before it is known how much it may have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One kind of step of a job: ``fixed`` bytes, and ``each`` for all that it takes at once.

    ``bound`` is the field of ``Allowance`` that says how many it takes: ``least`` to ``usual``. ``ways`` say how else
    it would need less.
    """

    what: str
    bound: str
    fixed: int
    each: int
    least: int
    usual: int
    ways: str = ""


@dataclass(frozen=True)
class Demand:
    """Counts, steps, bytes of new files, and how long it will take; ``memory`` is held whatever the steps take.

    ``measure`` finds the seconds, by a quick look at this machine; ``basis`` says by what.
    """

    job: str
    images: int = 0
    units: int = 0
    projections: int = 0
    steps: tuple[Step, ...] = ()
    memory: int = 0
    disk: int = 0
    measure: Callable[[], float] | None = None
    basis: str = ""
