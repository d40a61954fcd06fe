"""The plan of a job: a value, and the one sentence that says it."""

from __future__ import annotations

from dataclasses import dataclass

from convscope.sizes import in_words

_MINUTE, _HOUR = 60, 3600


@dataclass(frozen=True)
class Plan:
    """What a job is going to do, and to take; ``seconds``, from and to, and ``basis`` are empty where nothing is known.

    ``memory`` and ``disk`` are in bytes, both at most: ``memory`` of the whole process, ``disk`` of new files.
    """

    job: str
    images: int
    units: int
    projections: int
    memory: int
    disk: int
    seconds: tuple[float, float] | None
    basis: str

    def sentence(self) -> str:
        """In one line, for people."""
        counts = ((self.images, "images"), (self.units, "units"), (self.projections, "projections"))
        work = ", ".join(f"{count:,} {_one(what, count)}" for count, what in counts if count)
        takes = [f"up to {in_words(self.memory)} of memory", *([f"{in_words(self.disk)} on disk"] if self.disk else [])]
        time = "" if self.seconds is None else f"; estimated {_between(*self.seconds)} ({self.basis})"
        return f"plan: {work or self.job}; {' and '.join(takes)}{time}"


def _one(words: str, count: int) -> str:
    return words.removesuffix("s") if count == 1 else words


def _between(low: float, high: float) -> str:
    if high < 1:
        return "less than a second"
    if high < 2 * _MINUTE:
        return f"{max(low, 1):.0f} to {max(high, 2):.0f} s"
    if high < 2 * _HOUR:
        return f"{max(low / _MINUTE, 1):.0f} to {high / _MINUTE:.0f} minutes"
    return f"{max(low / _HOUR, 1):.0f} to {high / _HOUR:.0f} hours"
