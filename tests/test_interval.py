"""The interval of a mean: against the density of Student's t, written out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import integrate, special

from convscope.interval import Interval, interval

VALUES = [-0.012, -0.004, 0.003, -0.009, -0.001]


def density(t: float, freedom: int) -> float:
    """Of Student's t."""
    factor = special.gamma((freedom + 1) / 2) / (math.sqrt(freedom * math.pi) * special.gamma(freedom / 2))
    return float(factor * (1 + t * t / freedom) ** (-(freedom + 1) / 2))


def t_of(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return mean / math.sqrt(variance / len(values))


def test_the_interval_holds_95_per_cent_of_t() -> None:
    found = interval(VALUES)
    assert found.mean == pytest.approx(sum(VALUES) / 5)
    assert found.count == 5
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.mean == pytest.approx(found.mean - found.low)
    bound = (found.high - found.mean) * t_of(VALUES) / found.mean
    inside, _ = integrate.quad(density, -abs(bound), abs(bound), args=(4,))
    assert inside == pytest.approx(0.95)


def test_it_holds_the_mean_as_often_as_it_says() -> None:
    draws = np.random.default_rng(0).normal(3.0, 2.0, (1500, 4))
    spans = [interval(draw.tolist()) for draw in draws]
    held = np.mean([span.low <= 3.0 <= span.high for span in spans if span.low is not None and span.high is not None])
    # Binomial: deviation 0.006.
    assert abs(held - 0.95) < 0.02


def test_one_value_has_no_interval() -> None:
    assert interval([0.25]) == Interval(0.25, None, None, 1)


def test_equal_values_have_an_interval_of_no_width() -> None:
    assert interval([0.5, 0.5, 0.5]) == Interval(0.5, 0.5, 0.5, 3)
