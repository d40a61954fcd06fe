"""Approximate maps: measure a coarse lattice, look closer where it is uneven, interpolate the rest, check a sample.

What is interpolated can be wrong: a small decisive part between four lattice points with equal values stays unseen. So
a random sample of the interpolated places is computed in the end, and the differences are the error that is stated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import SettingError
from convscope.probes.occlusion.experiment import LABEL, LABEL_PROBABILITY, TARGET, Measured
from convscope.probes.occlusion.map import ErrorEstimate

COARSE = 4
"""Grid steps between points of the first lattice; a power of two."""
EVEN = 0.05
"""Default tolerance, as a part of the range of the target over the first lattice."""
AUDIT_LEAST, AUDIT_PART = 16, 0.03

Cell = tuple[int, int, int, int]
"""Corner places (top, left, bottom, right) in the grid, all inclusive."""


@dataclass(frozen=True)
class Approximate:
    """How far to go: cells whose corners differ by more than ``tolerance`` are refined, largest difference first.

    ``tolerance`` is an absolute change of the target; by default 5% of its range over the first lattice. ``budget`` is
    the largest part of all places to compute, the check included; None is no limit. ``seed`` chooses the places to
    check.
    """

    tolerance: float | None = None
    budget: float | None = 0.4
    seed: int = 0

    def __post_init__(self) -> None:
        if self.tolerance is not None and not self.tolerance >= 0:
            raise SettingError(f"tolerance is {self.tolerance}; it is an absolute change of the target, 0 or more")
        if self.budget is not None and not 0 < self.budget <= 1:
            raise SettingError(f"budget is {self.budget}; it is a part of all places, above 0 and at most 1")


@dataclass(frozen=True)
class Refined:
    """Grids (rows, columns) by name of the quantity, which of their places are exact, and how far off the rest is."""

    grids: dict[str, NDArray[Any]]
    exact: NDArray[np.bool_]
    error: ErrorEstimate


Measure = Callable[[Sequence[int]], Measured]


def refine(measure: Measure, shape: tuple[int, int], settings: Approximate) -> Refined:
    """Measure some places of a grid and interpolate the others; raises SettingError if the budget is too small."""
    known = _Known(measure, shape)
    rows, columns = _lattice(shape[0]), _lattice(shape[1])
    audit = max(AUDIT_LEAST, round(AUDIT_PART * shape[0] * shape[1]))
    limit = shape[0] * shape[1] if settings.budget is None else round(settings.budget * shape[0] * shape[1]) - audit
    if limit < len(rows) * len(columns):
        least = (len(rows) * len(columns) + audit) / (shape[0] * shape[1])
        raise SettingError(
            f"budget {settings.budget} does not cover the first lattice and the check, {least:.2f} of all places. "
            "Raise it, or choose a smaller stride"
        )
    known.add([(y, x) for y in rows for x in columns])
    cells = [
        (top, left, bottom, right)
        for top, bottom in zip(rows, rows[1:] or rows, strict=False)
        for left, right in zip(columns, columns[1:] or columns, strict=False)
    ]
    first = known.values[TARGET][known.exact]
    tolerance = EVEN * float(np.ptp(first)) if settings.tolerance is None else settings.tolerance
    leaves = _refine(known, cells, tolerance, limit)
    for cell in sorted(leaves, key=_area, reverse=True):
        known.interpolate(cell)
    return Refined(known.values, known.exact, _audit(known, audit, settings.seed))


class _Known:
    """The grids as far as they are known; exact values are never written over."""

    def __init__(self, measure: Measure, shape: tuple[int, int]) -> None:
        self.measure = measure
        self.shape = shape
        self.exact = np.zeros(shape, np.bool_)
        self.values: dict[str, NDArray[Any]] = {}

    def add(self, places: Sequence[tuple[int, int]]) -> None:
        """Compute these places, as far as they are not exact yet."""
        new = [place for place in dict.fromkeys(places) if not self.exact[place]]
        if not new:
            return
        rows, columns = np.array(new).T
        for name, numbers in self.measure([y * self.shape[1] + x for y, x in new]).items():
            self.values.setdefault(name, np.zeros(self.shape, numbers.dtype))[rows, columns] = numbers
        self.exact[rows, columns] = True

    def spread_of(self, cell: Cell) -> float:
        """The largest difference between the corners of a cell."""
        top, left, bottom, right = cell
        corners = self.values[TARGET][[top, top, bottom, bottom], [left, right, left, right]]
        return float(np.ptp(corners))

    def interpolate(self, cell: Cell) -> None:
        """Fill a cell from its corners: numbers bilinearly, labels and their probability from the nearest corner."""
        top, left, bottom, right = cell
        y, x = np.mgrid[top : bottom + 1, left : right + 1]
        down, along = (y - top) / max(bottom - top, 1), (x - left) / max(right - left, 1)
        inside = (slice(top, bottom + 1), slice(left, right + 1))
        near = (np.where(down > 0.5, bottom, top), np.where(along > 0.5, right, left))
        for name, grid in self.values.items():
            a, b, c, d = grid[top, left], grid[top, right], grid[bottom, left], grid[bottom, right]
            between = (a * (1 - along) + b * along) * (1 - down) + (c * (1 - along) + d * along) * down
            new = grid[near] if name in (LABEL, LABEL_PROBABILITY) else between
            grid[inside] = np.where(self.exact[inside], grid[inside], new)


def _lattice(length: int) -> list[int]:
    points = list(range(0, length, COARSE))
    return points if points[-1] == length - 1 else [*points, length - 1]


def _area(cell: Cell) -> int:
    return (cell[2] - cell[0] + 1) * (cell[3] - cell[1] + 1)


def _refine(known: _Known, cells: Sequence[Cell], tolerance: float, limit: int) -> list[Cell]:
    """Divide uneven cells, most uneven first, until all are even, single steps, or ``limit`` places are computed."""
    leaves: list[Cell] = []
    waiting = list(cells)
    while waiting:
        waiting.sort(key=known.spread_of, reverse=True)
        divided: list[Cell] = []
        new: dict[tuple[int, int], None] = {}
        for cell in waiting:
            parts = _quarters(cell)
            corners = {(y, x) for t, left, b, right in parts for y in (t, b) for x in (left, right)}
            wanted = {corner for corner in corners if not known.exact[corner] and corner not in new}
            full = int(known.exact.sum()) + len(new) + len(wanted) > limit
            if len(parts) < 2 or full or known.spread_of(cell) <= tolerance:
                leaves.append(cell)
                continue
            new |= dict.fromkeys(sorted(wanted))
            divided += parts
        known.add(list(new))
        waiting = divided
    return leaves


def _quarters(cell: Cell) -> list[Cell]:
    """The cell divided at the middle of each side that is longer than a step."""
    top, left, bottom, right = cell
    return [(t, l, b, r) for t, b in _halves(top, bottom) for l, r in _halves(left, right)]  # noqa: E741


def _halves(first: int, last: int) -> list[tuple[int, int]]:
    middle = (first + last) // 2
    return [(first, last)] if last - first < 2 else [(first, middle), (middle, last)]


def _audit(known: _Known, count: int, seed: int) -> ErrorEstimate:
    """Compute a random sample of the interpolated places; how far off they were."""
    open_places = np.argwhere(~known.exact)
    chosen = np.random.default_rng(seed).permutation(len(open_places))[:count]
    sample = [(int(y), int(x)) for y, x in open_places[np.sort(chosen)]]
    if not sample:
        return ErrorEstimate(0, 0, 0.0, 0.0, 0.0)
    at = tuple(np.array(sample).T)
    guessed = known.values[TARGET][at].astype(np.float64)
    known.add(sample)
    off = np.abs(known.values[TARGET][at] - guessed)
    return ErrorEstimate(
        len(sample), len(open_places), float(off.mean()), float(np.quantile(off, 0.95)), float(off.max())
    )
