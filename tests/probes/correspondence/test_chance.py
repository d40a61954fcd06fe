"""Permutation test and bootstrap against enumeration, loops, and what must come out."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from numpy.typing import NDArray

from convscope.probes.correspondence.chance import (
    bootstrap,
    drawn_distances,
    interval,
    mean_of_pairs,
    permutation_p,
)


def symmetric(count: int, seed: int = 0) -> NDArray[np.float64]:
    values = np.random.default_rng(seed).random((count, count))
    both: NDArray[np.float64] = (values + values.T) / 2
    np.fill_diagonal(both, 0)
    return both


def delta(apart: NDArray[np.float64], rows: list[int]) -> float:
    return float(np.mean([apart[a, b] for a, b in combinations(rows, 2)]))


def test_distances_by_draw() -> None:
    images, kinds = 4, 3
    apart = symmetric(images * kinds)
    split = drawn_distances(apart, images)
    assert split.shape == (kinds, images, images)
    for kind in range(kinds):
        rows = [image * kinds + kind for image in range(images)]
        assert (split[kind] == apart[np.ix_(rows, rows)]).all()
        assert mean_of_pairs(split)[kind] == pytest.approx(delta(apart, rows))


@pytest.mark.parametrize("seed", range(4))
def test_the_permutation_test_estimates_the_enumerated_p(seed: int) -> None:
    images, kinds, permutations = 4, 3, 20_000
    apart = symmetric(images * kinds, seed)
    observed = delta(apart, [image * kinds for image in range(images)])
    all_choices = list(product(range(kinds), repeat=images))
    deltas = [delta(apart, [i * kinds + k for i, k in enumerate(choice)]) for choice in all_choices]
    exact = np.mean([value <= observed + 1e-12 for value in deltas])
    found = permutation_p(apart, images, permutations, np.random.default_rng(0))
    assert found == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / permutations) + 1 / permutations)


def test_p_is_smallest_for_the_most_consistent_and_1_where_nothing_differs() -> None:
    apart = symmetric(15) + 1
    own = np.arange(0, 15, 3)
    apart[np.ix_(own, own)] = 0
    assert permutation_p(apart, 5, 200, np.random.default_rng(0)) <= 3 / 201  # the part itself may be drawn
    assert permutation_p(np.ones((15, 15)), 5, 99, np.random.default_rng(0)) == 1


def test_p_is_uniform_where_the_part_is_like_its_draws() -> None:
    found = [permutation_p(symmetric(20, seed), 5, 199, np.random.default_rng(seed)) for seed in range(300)]
    assert np.quantile(found, [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.07)


def test_a_resample_is_the_mean_over_pairs_of_different_images() -> None:
    first, second = symmetric(5), symmetric(5, 1)
    found = bootstrap(np.stack((first, second)), 50, np.random.default_rng(7))
    weights = np.random.default_rng(7).multinomial(5, np.full(5, 0.2), 50)
    for row, weight in enumerate(weights):
        drawn = np.repeat(np.arange(5), weight)
        pairs = [(a, b) for a, b in combinations(drawn.tolist(), 2) if a != b]
        for apart, values in zip((first, second), found, strict=True):
            assert values[row] == pytest.approx(np.mean([apart[a, b] for a, b in pairs]))


def test_resamples_of_a_single_image_are_left_out() -> None:
    (found,) = bootstrap(symmetric(2)[None], 400, np.random.default_rng(0))
    assert 100 < len(found) < 300
    assert np.ptp(found) < 1e-15


def test_an_interval_covers_the_true_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(200):
        own = rng.normal(size=30)
        low, high = interval(bootstrap((own[:, None] + own[None, :])[None], 300, rng)[0])
        inside += low <= 0 <= high
    assert 0.85 <= inside / 200 <= 0.99
