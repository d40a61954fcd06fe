"""How like its final self a unit is, and where on the way it got there: rank correlations, cosines, curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Numbers = NDArray[np.floating]

SETTLED = 0.9
"""From here on a layer counts as settled, on the way from what unrelated units have in common (0) to the end (1)."""


@dataclass(frozen=True)
class Curve:
    """The similarity of a layer's units to their final state, at each checkpoint.

    ``values`` float32 (checkpoints, units): 0 where a unit had nothing to compare yet, NaN where it has nothing in the
    end. ``median``, ``low`` and ``high`` (quartiles) float32 (checkpoints,) are over the ``counted`` units that have
    numbers. ``unrelated`` is the same similarity between *different* units of the final checkpoint, median: what
    likeness without identity amounts to, and what ``beyond`` takes for 0. ``settled`` is the position from which the
    median, taken that way, stays at 0.9 or above, interpolated linearly; None where no unit has numbers.
    """

    values: NDArray[np.float32]
    median: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    counted: int
    unrelated: float | None
    settled: float | None

    def beyond(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Similarities on the scale from unrelated units (0) to the final state (1)."""
        return rescaled(values, self.unrelated)


def curve_of(values: Numbers, positions: Sequence[float], unrelated: Numbers) -> Curve:
    """The curve of ``values`` (checkpoints, units), NaN where a unit has nothing to compare.

    ``unrelated`` are similarities of different units.
    """
    some = ~np.isnan(values[-1])
    filled = np.where(some, np.nan_to_num(values, nan=0.0), np.nan).astype(np.float32)
    low, median, high = _quartiles(filled[:, some])
    apart = unrelated[~np.isnan(unrelated)]
    chance = float(np.median(apart)) if len(apart) else None
    return Curve(
        values=filled,
        median=median,
        low=low,
        high=high,
        counted=int(some.sum()),
        unrelated=chance,
        settled=settling(positions, rescaled(median, chance).tolist()) if some.any() else None,
    )


def _quartiles(values: Numbers) -> NDArray[np.float32]:
    if not values.shape[1]:
        return np.full((3, len(values)), np.nan, np.float32)
    return np.quantile(values, [0.25, 0.5, 0.75], axis=1).astype(np.float32)


def rescaled(values: NDArray[np.float32], unrelated: float | None) -> NDArray[np.float32]:
    """From the level of unrelated units, or 0 if that is lower or not known, to 1; NaN where units are all alike."""
    level = max(unrelated or 0.0, 0.0)
    if level > 1 - 1e-6:
        return np.full(values.shape, np.nan, np.float32)
    return np.asarray((values - level) / (1 - level), np.float32)


def settling(positions: Sequence[float], curve: Sequence[float]) -> float | None:
    """The position from which a curve stays at 0.9 or above, linear between checkpoints; None if it ends below.

    The first position if the curve is never below: it may have settled before.
    """
    below = [number for number, value in enumerate(curve) if not value >= SETTLED]
    if not below:
        return positions[0]
    last = below[-1]
    if last == len(curve) - 1:
        return None
    part = (SETTLED - curve[last]) / (curve[last + 1] - curve[last])
    return positions[last] + part * (positions[last + 1] - positions[last])


def cosine(one: Numbers, other: Numbers) -> float:
    """Of two pictures as vectors; NaN where one of them is zero everywhere."""
    a, b = one.astype(np.float64).ravel(), other.astype(np.float64).ravel()
    length = np.sqrt((a @ a) * (b @ b))
    return float(np.clip(a @ b / length, -1, 1)) if length > 0 else float("nan")


def ranked(peaks: Numbers) -> NDArray[np.float64]:
    """Ranks of each row, equal values averaged, centred and of length 1; NaN for a row whose values are all equal."""
    if not peaks.shape[1]:
        return np.zeros(peaks.shape)
    ranks = rankdata(peaks, axis=1) - (peaks.shape[1] + 1) / 2
    length = np.sqrt((ranks**2).sum(1, keepdims=True))
    return np.asarray(np.divide(ranks, length, out=np.full(ranks.shape, np.nan), where=length > 0))


def rank_correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float32]:
    """Spearman's correlation of each pair of rows that ``ranked`` made ready, (rows,)."""
    if not one.shape[1]:
        return np.full(len(one), np.nan, np.float32)
    return np.asarray(np.clip((one * other).sum(1), -1, 1), np.float32)


def alike_rankings(one: Numbers, other: Numbers) -> NDArray[np.float32]:
    """Spearman's correlation of each row of two arrays (units, images) over the images without NaN, (units,)."""
    readable = ~(np.isnan(one).any(0) | np.isnan(other).any(0))
    return rank_correlation(ranked(one[:, readable]), ranked(other[:, readable]))
