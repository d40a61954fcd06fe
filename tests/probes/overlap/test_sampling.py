"""Resampling as a matrix: against the definition, sample by sample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convscope.probes.overlap.sampling import SHORTEST, STEPS, sampler, samplers
from convscope.probes.overlap.view import SIDE


@given(st.integers(SHORTEST, STEPS), st.integers(0, STEPS), st.sampled_from([8, 16, 32]))
def test_weights_are_a_triangle_around_each_sample(length: int, start: int, samples: int) -> None:
    start = min(start, STEPS - length)
    found = sampler(start, length, samples)
    for number in range(samples):
        middle = (start + length * (number + 0.5) / samples) * SIDE / STEPS
        width = max(1.0, length * SIDE / STEPS / samples)
        weights = [max(0.0, 1 - abs(pixel + 0.5 - middle) / width) for pixel in range(SIDE)]
        np.testing.assert_allclose(found[number], np.array(weights) / sum(weights), atol=1e-6)


def test_the_whole_at_full_size_is_the_view_itself() -> None:
    np.testing.assert_array_equal(sampler(0, STEPS, SIDE), np.eye(SIDE))


def test_a_ramp_is_sampled_where_the_box_says() -> None:
    ramp = (np.arange(SIDE) + 0.5) / SIDE
    expected = (16 + 40 * (np.arange(16) + 0.5) / 16) / STEPS
    np.testing.assert_allclose(sampler(16, 40, 16) @ ramp, expected, atol=0.002)


@pytest.mark.parametrize(("start", "length"), [(0, 64), (3, 32), (32, 32), (10, 54)])
def test_the_table_holds_every_sampler(start: int, length: int) -> None:
    np.testing.assert_array_equal(samplers(16)[start, length], sampler(start, length, 16))
