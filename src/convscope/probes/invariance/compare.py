"""How far feature vectors are apart, whole layers and unit by unit, from one batch of maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from convscope.probes.invariance.follow import Sources

Squares = NDArray[np.float64]

_AT_ONCE = 1 << 17
"""Numbers handled together, half a megabyte: each is read several times, which is cheap only out of the cache."""


@dataclass(frozen=True)
class Apart:
    """Sums of squares per vector and unit, float64 (count, units): of the difference, of the one, of the other."""

    difference: Squares
    one: Squares
    other: Squares

    def distance(self) -> Squares:
        """Euclidean distances of whole layers, (count,)."""
        distances: Squares = np.sqrt(self.difference.sum(1))
        return distances

    def normalised(self) -> Squares:
        """Distances of whole layers, (count,), as ``normalise`` says; 0 where both vectors are zero."""
        return np.nan_to_num(normalise(self.difference.sum(1), self.one.sum(1) + self.other.sum(1)))

    def normalised_units(self) -> Squares:
        """The same for each unit, (count, units); NaN where it is zero in both."""
        return normalise(self.difference, self.one + self.other)


def normalise(difference: Squares, both: Squares) -> Squares:
    """``|a - b| / sqrt(|a|^2 + |b|^2)``: 0 the same, 1 at right angles, sqrt 2 opposite; NaN for two zero vectors."""
    return np.sqrt(np.divide(difference, both, out=np.full_like(difference, np.nan), where=both > 0))


def as_rows(values: Tensor) -> Tensor:
    """Maps (count, units, height, width) or vectors (count, units) as (count, positions, units)."""
    if values.dim() == 2:
        return values[:, None]
    return values.permute(0, 2, 3, 1).flatten(1, 2)


def compare(rows: Tensor, reference: Tensor) -> Apart:
    """Each of ``rows`` (count, positions, units) with ``reference`` (positions, units)."""
    positions, units = reference.shape
    difference, one = (torch.zeros(len(rows), units, device=rows.device, dtype=rows.dtype) for _ in range(2))
    long = max(1, min(positions, _AT_ONCE // units))
    for start in range(0, positions, long):
        part = slice(start, start + long)
        _add_squares(rows[:, part], reference[part], difference, one)
    own = _host(reference.square().sum(0)).numpy()
    met = _host(one).numpy()
    return Apart(_host(difference).numpy(), met, np.broadcast_to(own, met.shape))


def _add_squares(rows: Tensor, reference: Tensor, difference: Tensor, one: Tensor) -> None:
    """Add the sums of squares of a block of positions, a few rows at a time."""
    # As many rows as there are threads: each then keeps to its own, from the difference to the sum.
    step = torch.get_num_threads() * max(1, _AT_ONCE // reference.numel())
    for start in range(0, len(rows), step):
        few = rows[start : start + step]
        squares = few - reference
        squares.mul_(squares)
        difference[start : start + step] += squares.sum(1)
        torch.mul(few, few, out=squares)
        one[start : start + step] += squares.sum(1)


def compare_moved(rows: Sequence[Tensor], reference: Tensor, sources: Sequence[Sources | None]) -> Apart:
    """Each of ``rows`` with ``reference`` moved along, at the positions that have a source; zeros where none has."""
    found = [_compare_moved(row, reference, source) for row, source in zip(rows, sources, strict=True)]
    difference, one, other = np.stack(found, 1)
    return Apart(difference, one, other)


def _compare_moved(row: Tensor, reference: Tensor, source: Sources | None) -> Squares:
    """The three sums of squares, (3, units)."""
    units = reference.shape[1]
    sums = torch.zeros(3, units, device=row.device, dtype=row.dtype)
    for part in source.parts(max(1, _AT_ONCE // units)) if source is not None else ():
        expected, met = part.moved(reference), row[part.positions]
        sums[1] += met.square().sum(0)
        sums[2] += expected.square().sum(0)
        sums[0] += met.sub_(expected).square_().sum(0)
    return _host(sums).numpy()


def _host(values: Tensor) -> Tensor:
    return values.cpu().double()
