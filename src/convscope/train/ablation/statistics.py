"""Differences between runs in pairs, and how sure they are. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from convscope.interval import interval

EXACT = 16
"""Up to so many pairs all changes of sign are tried; beyond, a fixed sample of them."""
SAMPLED = 9_999
_EQUAL = 1e-9
"""Relative difference that is rounding."""


@dataclass(frozen=True)
class Difference:
    """Mean of ``count`` differences with its interval; None where there are too few, or all are equal.

    ``p`` is of the paired t-test; ``p_signs`` of the exact test that flips the signs of differences, which assumes no
    normal distribution and cannot go below ``2 / 2 ** count``.
    """

    mean: float
    low: float | None
    high: float | None
    count: int
    p: float | None
    p_signs: float | None


def difference(pairs: Sequence[float]) -> Difference | None:
    """Of one from another, given for each pair; None without a pair."""
    apart = np.array(pairs, np.float64)
    if not len(apart):
        return None
    found = interval(pairs)
    varied = len(apart) > 1 and float(np.ptp(apart)) > _EQUAL * float(np.abs(apart).max())
    return Difference(
        mean=found.mean,
        low=found.low,
        high=found.high,
        count=found.count,
        p=float(stats.ttest_1samp(apart, 0.0).pvalue) if varied else None,
        p_signs=_by_signs(apart) if len(apart) > 1 and apart.any() else None,
    )


def _by_signs(apart: NDArray[np.float64]) -> float:
    """Share of all changes of sign that give a sum at least as far from zero; beyond ``EXACT`` pairs, of a sample."""
    count = len(apart)
    if count <= EXACT:
        signs = 1 - 2 * (np.arange(2**count)[:, None] >> np.arange(count) & 1)
    else:
        drawn = np.random.default_rng(0).choice((-1, 1), (SAMPLED, count))
        signs = np.concatenate([np.ones((1, count), drawn.dtype), drawn])  # what was observed is one of them
    sums = np.abs(signs @ apart)
    least = abs(float(apart.sum())) - _EQUAL * float(np.abs(apart).sum())  # also where the sum is zero but for rounding
    return int(np.count_nonzero(sums >= least)) / len(sums)


def smallest_p(count: int) -> float:
    """The smallest p that flipping signs can give with so many pairs."""
    return 0.5 ** (count - 1)


def holm(ps: Sequence[float | None]) -> tuple[float | None, ...]:
    """Holm's correction for as many comparisons as there are numbers; None stays None."""
    known = sorted((p, place) for place, p in enumerate(ps) if p is not None)
    found: list[float | None] = [None] * len(ps)
    highest = 0.0
    for rank, (p, place) in enumerate(known):
        highest = max(highest, min(1.0, p * (len(known) - rank)))
        found[place] = highest
    return tuple(found)
