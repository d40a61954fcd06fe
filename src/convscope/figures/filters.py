"""The filters of a layer that sees pixels, as one sheet."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from convscope.display import Picture, grid, to_picture

MOST_SHOWN = 512
"""Filters that are drawn: more would be smaller than a dot."""
_TILE = 28
"""Pixels of a filter's picture, at least."""
_SHAPE = 1.6
"""Columns of filters to rows."""


def filter_sheet(filters: NDArray[np.float32], *, together: bool) -> Picture:
    """Filters (units, rows, columns, channels) side by side, mid-grey where a weight is 0.

    ``together``: one scaling for all of them, up to the largest weight and no percentile, so that a filter that
    dominates is seen to; else each is scaled by itself.
    """
    shown, largest = filters[:MOST_SHOWN], _largest(filters)
    times = math.ceil(_TILE / max(filters.shape[1:3]))
    tiles = [to_picture(one, largest if together else _largest(one)).repeat(times, 0).repeat(times, 1) for one in shown]
    return grid(tiles, math.ceil(math.sqrt(len(tiles) * _SHAPE)), gap=max(2, times // 2))


def _largest(weights: NDArray[np.float32]) -> float:
    return float(np.abs(weights).max()) or 1.0
