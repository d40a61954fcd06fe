"""Matches against explicit loops, and against what must hold of a layer and itself, a shuffled copy, and noise."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from convscope.atlas.comparison.chance import USUAL, Chance
from convscope.atlas.comparison.matching import NOBODY, Matches, match
from convscope.atlas.comparison.rows import correlation, jaccard, peak_rows, top_rows
from convscope.errors import SettingError

Peaks = NDArray[np.float32]


def peaks(units: int, images: int, seed: int = 0) -> Peaks:
    """Peaks as a rectifier leaves them: many are 0."""
    return np.random.default_rng(seed).normal(0.3, 1, (units, images)).clip(0).astype(np.float32)


def matched(first: Peaks, second: Peaks, chance: Chance = USUAL, assign: bool = False) -> Matches:
    return match(peak_rows(first), peak_rows(second), correlation, chance, assign=assign)


def slow_correlation(first: Peaks, second: Peaks) -> NDArray[np.float64]:
    """One by one; NaN where one of the two is constant."""
    table = np.full((len(first), len(second)), np.nan)
    for a, one in enumerate(first):
        for b, other in enumerate(second):
            if np.ptp(one) and np.ptp(other):
                table[a, b] = np.corrcoef(one.astype(float), other.astype(float))[0, 1]
    return table


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(6, 20), st.integers(0, 1000))
def test_the_best_is_the_best_of_all_correlations(units: int, others: int, images: int, seed: int) -> None:
    first, second = peaks(units, images, seed), peaks(others, images, seed + 1)
    first[0] = 0
    found, table = matched(first, second), slow_correlation(first, second)
    for unit, row in enumerate(table):
        if np.isnan(row).all() or np.nanmax(row) <= 0:
            assert found.best[unit] == NOBODY
            assert np.isnan(found.score[unit])
            continue
        assert found.best[unit] == np.nanargmax(row)
        assert found.score[unit] == pytest.approx(np.nanmax(row), abs=1e-5)
        assert found.mutual[unit] == (np.nanargmax(table[:, found.best[unit]]) == unit)
    assert found.comparable.tolist() == [bool(np.ptp(row)) for row in first]


def test_chance_is_the_best_with_permuted_images() -> None:
    first, second, chance = peaks(5, 12), peaks(4, 12, 1), Chance(3, 7)
    found = matched(first, second, chance)
    generator = np.random.default_rng(7)
    tables = [slow_correlation(first, second[:, generator.permutation(12)]) for _ in range(3)]
    best, back = np.max(tables, (0, 2)), np.max(tables, (0, 1))
    np.testing.assert_allclose(found.chance, best, atol=1e-5)
    table = slow_correlation(first, second)
    assert found.counterpart.tolist() == [bool(row.max() > level) for row, level in zip(table, best, strict=True)]
    assert found.lonely == sum(column.max() <= max(level, 0) for column, level in zip(table.T, back, strict=True))


@pytest.mark.parametrize(("units", "others"), [(4, 4), (3, 5), (5, 3)])
def test_the_assignment_is_the_best_of_all_assignments(units: int, others: int) -> None:
    first, second = peaks(units, 15), peaks(others, 15, 1)
    table = slow_correlation(first, second)
    found = matched(first, second, assign=True)
    assert found.partner is not None
    assert found.partner_score is not None
    wide = table if units <= others else table.T
    best = max(sum(wide[a, b] for a, b in enumerate(order)) for order in permutations(range(wide.shape[1]), len(wide)))
    assert np.nansum(found.partner_score) == pytest.approx(best, abs=1e-4)
    taken = found.partner[found.partner != NOBODY].tolist()
    assert len(taken) == len(set(taken)) == min(units, others)
    for unit, partner in enumerate(found.partner.tolist()):
        assert np.isnan(found.partner_score[unit]) == (partner == NOBODY)


def test_a_layer_is_like_itself() -> None:
    layer = peaks(40, 200)
    layer[7] = 0
    found = matched(layer, layer * 3, assign=True)
    living = np.arange(40) != 7
    assert found.best[living].tolist() == np.flatnonzero(living).tolist()
    np.testing.assert_allclose(found.score[living], 1, atol=1e-5)
    assert found.mutual.tolist() == found.counterpart.tolist() == living.tolist()
    assert (found.best[7], found.lonely) == (NOBODY, 0)
    assert found.partner is not None
    assert found.partner.tolist() == found.best.tolist()


def test_units_in_another_order_are_found_under_noise() -> None:
    layer, order = peaks(60, 300), np.random.default_rng(3).permutation(60)
    noise = np.random.default_rng(4).normal(0, 0.2, (60, 300)).astype(np.float32)
    found = matched(layer, layer[order] + noise)
    assert order[found.best].tolist() == list(range(60))
    assert found.mutual.all()
    assert (found.score > 0.8).all()


def test_noise_passes_as_seldom_as_is_said() -> None:
    layers = [(peaks(200, 100, seed), peaks(50, 100, seed + 1000)) for seed in range(10)]
    share = np.mean([matched(first, second, Chance(9, 1)).counterpart.mean() for first, second in layers])
    assert 0.04 < share < 0.17  # 1 in 10


def test_a_layer_of_dead_units_has_nobody() -> None:
    found = matched(peaks(3, 10), np.zeros((4, 10), np.float32), assign=True)
    assert found.best.tolist() == [NOBODY] * 3
    assert found.comparable.all()
    assert not found.counterpart.any()
    assert (found.lonely, matched(np.zeros((4, 10), np.float32), peaks(3, 10)).lonely) == (0, 3)


def test_a_large_constant_is_still_constant() -> None:
    steady = np.full((1, 50), 1e4, np.float32) + np.float32(1e-3) * np.arange(50, dtype=np.float32) % np.float32(1e-3)
    assert len(peak_rows(steady).units) == 0


def test_shared_top_images_against_sets() -> None:
    generator = np.random.default_rng(0)
    tops = [[frozenset(generator.permutation(12)[:5].tolist()) for _ in range(count)] for count in (6, 7)]
    tops[0][2] = frozenset()
    found = match(top_rows(tops[0], 12), top_rows(tops[1], 12), jaccard)
    for unit, mine in enumerate(tops[0]):
        shares = [len(mine & other) / len(mine | other) for other in tops[1]]
        if max(shares):
            assert found.best[unit] == np.argmax(shares)
            assert found.score[unit] == pytest.approx(max(shares))
    assert not found.comparable[2]


def test_chance_that_says_nothing_is_refused() -> None:
    for wrong in ((0, 1), (3, -1)):
        with pytest.raises(SettingError, match="at least"):
            Chance(*wrong)
