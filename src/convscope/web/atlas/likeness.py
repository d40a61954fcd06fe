"""Which units of a layer answer alike: correlation of their peaks over the sampled images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from convscope.atlas.peaks import Peaks

BLOCK = 64
"""Units whose correlations are computed together. One unit asked for alone is computed with its block, so that a server
and an export, which takes block after block, come to the same bits."""
LEAST = 20
"""With fewer images no correlation is told: that of unrelated units is then often above a half."""
MOST = 6
"""Similar units that are shown."""
TWIN = 0.95
"""Units that correlate at least so much tell each other's answers nearly exactly."""


@dataclass(frozen=True)
class Alike:
    """Another unit of the layer and Pearson's correlation of its peaks, rounded to what float32 can tell."""

    unit: int
    correlation: float


def standardised(peaks: Peaks) -> NDArray[np.float32]:
    """Peaks less their mean and of length 1, float32 (units, n); all 0 for a unit that is constant or never above 0.

    Correlations of units are inner products of these.
    """
    wide = peaks.values.astype(np.float64)
    # Not the deviation's being 0: that of equal numbers is often a rounding error above it.
    lively = (np.ptp(peaks.values, axis=1, keepdims=True) > 0) & (peaks.values.max(1, keepdims=True) > 0)
    centred = np.where(lively, wide - wide.mean(1, keepdims=True), 0)
    length = np.sqrt(np.square(centred).sum(1, keepdims=True))
    return (centred / np.where(length > 0, length, 1)).astype(np.float32)


def by_chance(units: int, images: int) -> float:
    """A little above the strongest correlation that a unit is expected to have with so many unrelated ones.

    Over so many images it is nearly normal with variance 1/images, and the largest of k normal numbers is expected at
    most sqrt(2 ln k) deviations above their mean.
    """
    return sqrt(2 * log(max(units, 2)) / images)


def most_alike(layer: NDArray[np.float32], unit: int) -> tuple[Alike, ...]:
    """The units whose ``standardised`` peaks are most like those of ``unit``: at most ``MOST``, strongest first.

    Only correlations above ``by_chance`` count; a unit that is dead or constant has none.
    """
    first = unit - unit % BLOCK
    return () if layer.shape[1] < LEAST else _strongest(_table(layer, first)[unit - first], by_chance(*layer.shape))


def all_most_alike(layer: NDArray[np.float32]) -> tuple[tuple[Alike, ...], ...]:
    """``most_alike`` of every unit of a layer, with one matrix product for each block of units."""
    return tuple(found for first in range(0, len(layer), BLOCK) for found in _of_block(layer, first))


def _of_block(layer: NDArray[np.float32], first: int) -> Sequence[tuple[Alike, ...]]:
    if layer.shape[1] < LEAST:
        return [()] * len(layer[first : first + BLOCK])
    least = by_chance(*layer.shape)
    return [_strongest(row, least) for row in _table(layer, first)]


def _table(layer: NDArray[np.float32], first: int) -> NDArray[np.float32]:
    """Correlations of a block of units with all: always of whole blocks, because others would be rounded otherwise."""
    block = layer[first : first + BLOCK]
    table = (block @ layer.T).round(4)
    rows = np.arange(len(block))
    table[rows, first + rows] = 0  # a unit is no likeness of itself
    return table


def _strongest(row: NDArray[np.float32], least: float) -> tuple[Alike, ...]:
    """Of one unit's correlations (units,) the strongest above ``least``."""
    limit = np.partition(row, -MOST)[-MOST] if len(row) > MOST else 0
    units = np.flatnonzero((row >= limit) & (row > least))
    chosen = units[np.argsort(-row[units], kind="stable")][:MOST]
    values = row[chosen].tolist()
    return tuple(Alike(unit, round(value, 4)) for unit, value in zip(chosen.tolist(), values, strict=True))
