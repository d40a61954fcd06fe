"""Windows along one axis, many at once: exact extents, and windows of one size that hold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convscope.window import Field

Starts = NDArray[np.int64]


@dataclass(frozen=True)
class Extent:
    """Intervals ``[first[i], last[i])`` of an axis, each of its own size."""

    first: Starts
    last: Starts

    def __getitem__(self, which: Starts) -> Extent:
        """Some of the intervals."""
        return Extent(self.first[which], self.last[which])

    @property
    def sizes(self) -> Starts:
        """Their sizes, at least 1: a window without positions cannot be run."""
        sizes: Starts = np.maximum(self.last - self.first, 1)
        return sizes

    def fitted(self, length: int) -> Span:
        """Windows of one size that hold them and lie inside the axis: those near its end are moved back."""
        size = int(self.sizes.max())
        return Span(np.minimum(self.first, length - size), size)


@dataclass(frozen=True)
class Span:
    """Window i covers positions ``[starts[i], starts[i] + size)`` of an axis."""

    starts: Starts
    size: int

    def __getitem__(self, which: Starts) -> Span:
        """Some of the windows."""
        return Span(self.starts[which], self.size)

    @property
    def extent(self) -> Extent:
        """The same as intervals."""
        return Extent(self.starts, self.starts + self.size)

    def seen_by(self, reach: Field) -> Span:
        """What windows of a result see of an operand; may lie partly outside it."""
        return Span(self.starts * reach.stride + reach.start, (self.size - 1) * reach.stride + reach.size)

    def inside(self, length: int) -> Span:
        """Windows inside an axis of ``length`` that hold what these have inside of it."""
        return _clipped(self.starts, self.starts + self.size, length).fitted(length)


def everything(count: int, length: int) -> Span:
    """The whole of an axis, ``count`` times."""
    return Span(np.zeros(count, np.int64), length)


def same(one: Sequence[Span], other: Sequence[Span]) -> bool:
    """True if all windows are the same."""
    return all(a.size == b.size and bool((a.starts == b.starts).all()) for a, b in zip(one, other, strict=True))


def changed_by(operands: Sequence[tuple[Extent, Field]], length: int) -> Extent:
    """The positions of a result, an axis of ``length``, that see any part of the operands' intervals."""
    first = np.min([np.floor_divide(e.first - r.start - r.size, r.stride) + 1 for e, r in operands], axis=0)
    last = np.max([np.floor_divide(e.last - 1 - r.start, r.stride) + 1 for e, r in operands], axis=0)
    return _clipped(first, last, length)


def hull(one: Span, other: Span, length: int) -> Span:
    """Windows inside an axis of ``length`` that hold those of both."""
    first, last = np.minimum(one.starts, other.starts), np.maximum(one.extent.last, other.extent.last)
    return _clipped(first, last, length).fitted(length)


def _clipped(first: Starts, last: Starts, length: int) -> Extent:
    return Extent(np.minimum(np.maximum(first, 0), length), np.minimum(np.maximum(last, 0), length))
