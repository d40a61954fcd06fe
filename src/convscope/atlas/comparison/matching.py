"""Each unit's most alike unit in another layer, and whether chance would do as well (after Li et al. 2015).

Chance is measured: the images of one layer are permuted, which keeps how often and how strongly each unit answers and
takes away to what. A unit has a *counterpart* if its best score is above its best in every permutation; with ``n``
permutations, a unit that is like nobody passes with a probability of 1 / (n + 1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from convscope.atlas.comparison.chance import USUAL, Chance
from convscope.atlas.comparison.rows import Rows, Scores

NOBODY = -1
Likeness = Callable[[Any, Any], Scores]


@dataclass(frozen=True)
class Matches:
    """The units of one layer, each with its best match in another; arrays are (units,), NaN where there is none."""

    comparable: NDArray[np.bool_]
    """Units whose peaks vary, or that have top images; the others are like nobody."""
    best: NDArray[np.int32]
    """The most alike unit of the other layer; ``NOBODY`` if none has a score above 0."""
    score: NDArray[np.float32]
    chance: NDArray[np.float32]
    """The best score with permuted images."""
    mutual: NDArray[np.bool_]
    """Whether the unit is the best match of its best match."""
    partner: NDArray[np.int32] | None
    """The other unit in the one-to-one assignment with the largest sum of scores; None if it was not asked for."""
    partner_score: NDArray[np.float32] | None
    lonely: int
    """Units of the other layer that can be compared and have no counterpart in this one."""

    @property
    def counterpart(self) -> NDArray[np.bool_]:
        """Whether the best match is better than chance."""
        return np.asarray((self.best != NOBODY) & (self.score > self.chance))


def match(first: Rows, second: Rows, likeness: Likeness, chance: Chance = USUAL, *, assign: bool = False) -> Matches:
    """Match the units of ``first`` to those of ``second``; of equally alike ones the first counts."""
    if not len(first.units) or not len(second.units):
        return _nobody(first, len(second.units), assign)
    scores = likeness(first.values, second.values)
    best, back = scores.argmax(1), scores.argmax(0)
    score = scores.max(1)
    by_chance = _by_chance(first, second, likeness, chance)
    found = score > 0
    mutual = found & (back[best] == np.arange(len(best)))
    partners = _assigned(first, second, scores) if assign else (None, None)
    return Matches(
        comparable=_comparable(first),
        best=_spread(first, np.where(found, second.units[best], NOBODY), NOBODY),
        score=_spread(first, np.where(found, score, np.nan), np.nan),
        chance=_spread(first, by_chance[0], np.nan),
        mutual=_spread(first, mutual, False),
        partner=partners[0],
        partner_score=partners[1],
        lonely=int((scores.max(0) <= np.maximum(by_chance[1], 0)).sum()),
    )


def _by_chance(first: Rows, second: Rows, likeness: Likeness, chance: Chance) -> tuple[Scores, Scores]:
    """The best score with permuted images, of the units of either layer."""
    generator = np.random.default_rng(chance.seed)
    bests = np.full(len(first.units), -np.inf, np.float32), np.full(len(second.units), -np.inf, np.float32)
    for _ in range(chance.permutations):
        scores = likeness(first.values, second.values[:, generator.permutation(second.values.shape[1])])
        for axis, best in ((1, bests[0]), (0, bests[1])):
            np.maximum(best, scores.max(axis), out=best)
    return bests


def _assigned(first: Rows, second: Rows, scores: Scores) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    rows, columns = linear_sum_assignment(scores, maximize=True)
    partner = np.full(first.count, NOBODY, np.int32)
    score = np.full(first.count, np.nan, np.float32)
    partner[first.units[rows]] = second.units[columns]
    score[first.units[rows]] = scores[rows, columns]
    return partner, score


def _spread(rows: Rows, values: NDArray[Any], otherwise: float) -> NDArray[Any]:
    """Values of the units that can be compared, as values of all units."""
    found: NDArray[Any] = np.full(rows.count, otherwise, _NARROW[values.dtype.kind])
    found[rows.units] = values
    return found


_NARROW = {"i": np.int32, "f": np.float32, "b": np.bool_}


def _comparable(rows: Rows) -> NDArray[np.bool_]:
    return _spread(rows, np.ones(len(rows.units), np.bool_), False)


def _nobody(rows: Rows, others: int, assign: bool) -> Matches:
    nobody, nothing = np.full(rows.count, NOBODY, np.int32), np.full(rows.count, np.nan, np.float32)
    return Matches(
        comparable=_comparable(rows),
        best=nobody,
        score=nothing,
        chance=nothing,
        mutual=np.zeros(rows.count, np.bool_),
        partner=nobody if assign else None,
        partner_score=nothing if assign else None,
        lonely=others,
    )
