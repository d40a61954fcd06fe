"""Paired tests and the correction: against the formulas, written out."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import integrate

from convscope.train.ablation import statistics
from convscope.train.ablation.statistics import difference, holm, smallest_p
from tests.test_interval import density, t_of

PAIRS = [-0.012, -0.004, 0.003, -0.009, -0.001]


def test_one_pair_has_no_interval() -> None:
    assert difference([0.25]) == statistics.Difference(0.25, None, None, 1, None, None)
    assert difference([]) is None


def test_p_is_the_tail_of_t() -> None:
    found = difference(PAIRS)
    assert found is not None
    tail, _ = integrate.quad(density, abs(t_of(PAIRS)), np.inf, args=(4,))
    assert found.p == pytest.approx(2 * tail)


def by_signs(pairs: Sequence[float]) -> float:
    sums = [
        abs(math.fsum(s * v for s, v in zip(signs, pairs, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(pairs))
    ]
    return sum(each >= abs(math.fsum(pairs)) - 1e-12 for each in sums) / len(sums)


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=7).filter(any))
@example([0, 15, 26, -41])  # a sum of zero, but for rounding
def test_p_by_signs_is_every_change_of_sign(pairs: list[int]) -> None:
    found = difference([pair / 100 for pair in pairs])
    assert found is not None
    assert found.p_signs == pytest.approx(by_signs([pair / 100 for pair in pairs]))


def test_five_pairs_cannot_give_less_than_a_sixteenth() -> None:
    found = difference([0.1, 0.2, 0.15, 0.12, 0.3])
    assert found is not None
    assert found.p_signs == smallest_p(5) == 1 / 16
    assert found.p is not None
    assert found.p < 0.05


def test_equal_differences_have_no_t_but_signs() -> None:
    found = difference([0.1 + 0.2, 0.3, 0.3])
    assert found is not None
    assert (found.p, found.p_signs) == (None, 0.25)
    nothing = difference([0.0, 0.0])
    assert nothing is not None
    assert (nothing.p, nothing.p_signs) == (None, None)


def test_many_pairs_are_sampled_the_same_way_each_time() -> None:
    pairs = np.random.default_rng(0).normal(0.3, 1, statistics.EXACT + 4).tolist()
    found, again = difference(pairs), difference(pairs)
    assert found == again
    assert found is not None
    assert found.p_signs is not None
    assert found.p is not None
    assert abs(found.p_signs - found.p) < 0.05
    certain = difference([1.0 + pair / 100 for pair in pairs])
    assert certain is not None
    assert certain.p_signs == pytest.approx(1 / (statistics.SAMPLED + 1), abs=2e-4)


@given(st.lists(st.none() | st.floats(0.001, 1), max_size=6))
def test_holm_rejects_what_its_steps_reject(ps: list[float | None]) -> None:
    corrected = holm(ps)
    known = sorted(p for p in ps if p is not None)
    for level in (0.01, 0.05, 0.3):
        rejected = 0
        while rejected < len(known) and known[rejected] <= level / (len(known) - rejected):
            rejected += 1
        found = sum(p is not None and p <= level * (1 + 1e-12) for p in corrected)
        assert found == rejected
    assert [p is None for p in corrected] == [p is None for p in ps]
