"""Likeness of layers, and shared images by chance, each by a second derivation."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from convscope.atlas.comparison.chance import expected_jaccard
from convscope.atlas.comparison.layers import linear_cka


def unbiased(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """The unbiased estimator of HSIC by sums over four different images (Song et al. 2012, equation 4)."""
    k, l = first.T @ first, second.T @ second  # noqa: E741
    n, total = len(k), 0.0
    for i in range(n):
        for j in {*range(n)} - {i}:
            for q in {*range(n)} - {i, j}:
                for r in {*range(n)} - {i, j, q}:
                    total += k[i, j] * (l[i, j] + l[q, r] - 2 * l[i, q])
    return total / (n * (n - 1) * (n - 2) * (n - 3))


def test_cka_against_the_sum_over_quadruples() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.normal(2, 1, (3, 7)), generator.normal(1, 1, (5, 7))
    second[:3] += first
    expected = unbiased(first, second) / np.sqrt(unbiased(first, first) * unbiased(second, second))
    (found,) = linear_cka([first.astype(np.float32)], [second.astype(np.float32)])
    assert found[0] == pytest.approx(expected, abs=1e-4)


def test_cka_is_blind_to_rotation_and_scale_and_sees_through_noise_of_many_units() -> None:
    generator = np.random.default_rng(1)
    layer = generator.normal(size=(20, 100)).astype(np.float32)
    rotation = np.linalg.qr(generator.normal(size=(20, 20)))[0].astype(np.float32)
    wide = [generator.normal(size=(2000, 100)).astype(np.float32) for _ in range(2)]
    table = linear_cka([layer, wide[0]], [layer, 3 * rotation @ layer + 5, wide[1]])
    assert table.shape == (2, 3)
    np.testing.assert_allclose(table[0, :2], 1, atol=1e-4)
    assert abs(table[1, 2]) < 0.05
    centred = [each - each.mean(1, keepdims=True) for each in wide]
    usual = np.linalg.norm(centred[0] @ centred[1].T) ** 2 / np.prod([np.linalg.norm(c @ c.T) for c in centred])
    assert usual > 0.8


def test_a_layer_that_does_not_vary_has_no_likeness() -> None:
    layer = np.random.default_rng(0).normal(size=(3, 10)).astype(np.float32)
    constant = np.tile(np.array([[3.3], [0.0], [7.1]], np.float32), 10)
    assert np.isnan(linear_cka([constant], [layer, constant])).all()


@pytest.mark.parametrize(("first", "second", "images"), [(2, 3, 6), (3, 3, 4), (1, 4, 5), (5, 5, 5)])
def test_chance_over_all_draws(first: int, second: int, images: int) -> None:
    mine = set(range(first))
    shares = [Fraction(len(mine & {*d}), len(mine | {*d})) for d in combinations(range(images), second)]
    assert expected_jaccard(first, second, images) == pytest.approx(float(sum(shares) / len(shares)))
    assert expected_jaccard(0, second, images) == 0
