"""Curves and settling points, by the definitions written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from convscope.probes.evolution.likeness import SETTLED, alike_rankings, cosine, curve_of, settling
from convscope.probes.evolution.result import order_of

values = st.floats(-1, 1, allow_nan=False)


@given(st.lists(values, min_size=2, max_size=12))
@settings(deadline=None)
def test_from_the_settling_point_on_the_curve_is_above_and_just_before_below(curve: list[float]) -> None:
    positions = [3.0 * number for number in range(len(curve))]
    at = settling(positions, curve)
    if curve[-1] < SETTLED:
        assert at is None
        return
    assert at is not None
    after = np.linspace(at, positions[-1], 50)
    assert (np.interp(after, positions, curve) >= SETTLED - 1e-9).all()
    if at > positions[0]:
        assert np.interp(at - 1e-3, positions, curve) < SETTLED
    else:
        assert min(curve) >= SETTLED


def test_a_line_from_half_to_one_is_settled_at_four_fifths() -> None:
    assert settling([10.0, 20.0], [0.5, 1.0]) == pytest.approx(18.0)
    assert settling([10.0, 20.0, 40.0], [0.95, 0.4, 1.0]) == pytest.approx(20 + 20 * 0.5 / 0.6)


@given(st.integers(2, 30), st.integers(1, 4), st.integers(0, 99))
@settings(deadline=None, max_examples=25)
def test_rank_correlations_with_ties_are_those_of_the_library(images: int, units: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    one, other = (draw.integers(0, 4, (units, images)).astype(np.float32) for _ in range(2))
    for unit, found in enumerate(alike_rankings(one, other).tolist()):
        constant = len(set(one[unit])) == 1 or len(set(other[unit])) == 1
        expected = np.nan if constant else spearmanr(one[unit], other[unit]).statistic
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_images_that_one_of_both_could_not_read_do_not_count() -> None:
    one = np.array([[1, 2, np.nan, 4, 9]], np.float32)
    other = np.array([[1, 2, 9, 4, np.nan]], np.float32)
    assert alike_rankings(one, other).tolist() == [1.0]
    nothing = np.full((1, 3), np.nan, np.float32)
    assert np.isnan(alike_rankings(nothing, nothing)).all()


def test_nothing_has_no_direction() -> None:
    assert np.isnan(cosine(np.zeros((2, 2, 1)), np.ones((2, 2, 1))))
    assert cosine(np.ones((2, 2, 1)), -3 * np.ones((2, 2, 1))) == pytest.approx(-1)


def test_a_curve_is_the_median_of_the_units_that_have_something_in_the_end() -> None:
    found = np.array([[0.1, np.nan, 0.7, 0.5], [0.3, 0.9, np.nan, 0.6], [1, 1, np.nan, 1]], np.float32)
    curve = curve_of(found, [0, 1, 2], np.array([0.2, np.nan, 0.4]))
    assert curve.counted == 3
    np.testing.assert_allclose(curve.median, [0.1, 0.6, 1])
    np.testing.assert_allclose(curve.low, [0.05, 0.45, 1])
    np.testing.assert_allclose(curve.high, [0.3, 0.75, 1])
    np.testing.assert_allclose(curve.values[:, 1], [0, 0.9, 1])  # it had nothing to compare at first: not like itself
    assert np.isnan(curve.values[:, 2]).all()
    assert curve.unrelated == pytest.approx(0.3)
    # Nine tenths of the way from 0.3 to 1 is 0.93, and that lies at 0.33 of 0.4 between the last two.
    assert curve.settled == pytest.approx(1.825)
    np.testing.assert_allclose(curve.beyond(curve.median), [-2 / 7, 3 / 7, 1], rtol=1e-6)


def test_the_order_of_layers_in_a_sentence() -> None:
    def settled_at(*points: float) -> list[float | None]:
        curves = [curve_of(np.array([[0.0], [point], [1.0]], np.float32), [0, 1, 2], np.zeros(0)) for point in points]
        order = order_of(curves, [0, 1, 2])
        return [order.correlation]

    assert settled_at(0.8, 0.5, 0.1) == [pytest.approx(1)]
    assert settled_at(0.1, 0.5, 0.8) == [pytest.approx(-1)]
    assert settled_at(0.5, 0.5, 0.5) == [None]
    assert settled_at(0.5, 0.1) == [None]
    rising = [curve_of(np.array([[0.0], [p], [1.0]], np.float32), [0, 1, 2], np.zeros(0)) for p in (0.8, 0.5, 0.1)]
    assert order_of(rising, [0, 1, 2]).sentence.startswith("lower layers settle first: rank correlation")
    assert order_of(rising[::-1], [0, 1, 2]).sentence.startswith("upper layers settle first")
    assert order_of([rising[0], rising[2], rising[1], rising[0]], [0, 1, 2]).sentence.startswith(
        "layers settle in no clear order"
    )


def test_what_units_have_in_common_anyway_is_no_likeness() -> None:
    values = np.array([[0.9], [1.0]], np.float32)
    assert curve_of(values, [0, 1], np.array([0.9])).settled == pytest.approx(0.9)
    assert curve_of(values, [0, 1], np.array([-0.5])).settled == pytest.approx(
        0, abs=1e-6
    )  # less than nothing in common is nothing
    assert curve_of(values, [0, 1], np.array([1.0])).settled is None  # units that are all alike cannot settle


def test_the_sentence_says_how_many_layers_prove_little() -> None:
    never = curve_of(np.array([[0.95], [0.95], [1.0]], np.float32), [0, 1, 2], np.zeros(0))
    between, late = (curve_of(np.array([[0.0], [p], [1.0]], np.float32), [0, 1, 2], np.zeros(0)) for p in (0.95, 0.2))
    said = order_of([never, between, late], [0, 1, 2]).sentence
    assert said.endswith("+1.00 over 3 layers, 1 settled from the first checkpoint on, 1 not before the last")
    assert order_of([between, between, late], [0, 1, 2]).sentence.endswith("over 3 layers, 1 not before the last")
