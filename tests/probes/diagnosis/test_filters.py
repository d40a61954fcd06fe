"""Sizes of filters and duplicates among them, against plain loops."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from convscope.probes.diagnosis.filters import ALIKE, alike_from, sizes, twins


def test_sizes_are_root_mean_squares_over_the_median_of_what_is_not_zero() -> None:
    weights = np.array([[3.0, 4.0], [0.0, 0.0], [1.0, 1.0], [20.0, 0.0]])
    found = sizes(weights)
    np.testing.assert_allclose(found.rms, np.sqrt([12.5, 0, 1, 200]), rtol=1e-6)
    np.testing.assert_allclose(found.ratio, np.sqrt([1, 0, 1 / 12.5, 16]), rtol=1e-6)
    assert (sizes(np.zeros((3, 4))).ratio == 0).all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), groups=st.sampled_from([1, 2, 3]), plant=st.booleans())
def test_twins_are_those_of_a_loop(seed: int, groups: int, plant: bool) -> None:
    generator = np.random.default_rng(seed)
    weights = generator.normal(size=(12, 2, 3, 3))
    if plant:
        weights[7] = 2.5 * weights[6] + 0.01 * generator.normal(size=(2, 3, 3))
        weights[9] = -weights[8]
        weights[11] = 0
    found = twins(weights, groups)
    assert found is not None
    of, opposite = [], 0
    each = 12 // groups
    for i in range(12):
        cosines = {}
        for j in range(i // each * each, i):
            length = np.linalg.norm(weights[i]) * np.linalg.norm(weights[j])
            cosines[j] = float((weights[i] * weights[j]).sum() / length) if length else 0.0
        of.append(next((j for j, cosine in cosines.items() if cosine >= found.least), -1))
        opposite += sum(cosine <= -found.least for cosine in cosines.values())
    assert found.of.tolist() == of
    assert found.opposite == opposite
    assert (of[7] == 6) == plant
    assert (opposite == 1) == plant


def test_what_cannot_be_compared_is_none() -> None:
    weights = np.ones((4, 1, 3, 3))
    assert twins(weights, groups=4) is None  # each reads another map
    assert twins(np.ones((4, 1, 1, 1))) is None  # one weight: all are alike or opposite


def test_short_filters_must_be_more_alike() -> None:
    assert alike_from(64, 300) == ALIKE
    assert ALIKE < alike_from(64, 9) < alike_from(64, 3) < 1


def test_by_chance_random_filters_have_no_twins() -> None:
    generator = np.random.default_rng(1)
    drawn = [twins(generator.normal(size=(64, 3))) for _ in range(60)]
    assert sum((found.of >= 0).sum() for found in drawn if found is not None) <= 3  # 0.6 expected
