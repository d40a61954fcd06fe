"""Is a part more consistent than chance? A permutation test and bootstrap intervals, from distances alone.

``apart``, float64 (n * (r + 1), n * (r + 1)), has all distances between the occlusions of n images: for each image its
part first and then its r random regions, image after image.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Distances = NDArray[np.float64]
CHUNK = 1_000
"""Permutations at a time."""
LEVEL = 0.95


def drawn_distances(apart: Distances, images: int) -> Distances:
    """Distances between the images under each draw, (r + 1, n, n): the part first, then each random draw."""
    kinds = len(apart) // images
    split = apart.reshape(images, kinds, images, kinds)
    found: Distances = np.einsum("ikjk->kij", split)
    return found


def mean_of_pairs(distances: Distances) -> NDArray[np.float64]:
    """Delta: the mean over all pairs of different images, of (…, n, n)."""
    count = distances.shape[-1]
    total = distances.sum((-2, -1)) - np.trace(distances, axis1=-2, axis2=-1)
    mean: NDArray[np.float64] = total / (count * (count - 1))
    return mean


def permutation_p(apart: Distances, images: int, permutations: int, rng: np.random.Generator) -> float:
    """(1 + number of permutations as consistent as the part) / (1 + permutations): one-sided, never 0.

    Under the null hypothesis nothing sets the part apart from its image's random regions, so any of the r + 1 may take
    its place, in each image independently.
    """
    kinds = len(apart) // images
    observed = _delta_of_choices(apart, np.zeros((1, images), np.int64))[0]
    as_low = 0
    for first in range(0, permutations, CHUNK):
        choices = rng.integers(kinds, size=(min(CHUNK, permutations - first), images))
        # Equal sums may differ in the last bit by the order in which they were added.
        as_low += int((_delta_of_choices(apart, choices) <= observed + 1e-12).sum())
    return (1 + as_low) / (1 + permutations)


def _delta_of_choices(apart: Distances, choices: NDArray[np.int64]) -> NDArray[np.float64]:
    """Delta for each row of choices (permutations, images), each a kind of occlusion for each image."""
    images = choices.shape[1]
    rows = choices + np.arange(images) * (len(apart) // images)
    total = np.zeros(len(choices))
    for one in range(images):
        for other in range(one):
            total += apart[rows[:, one], rows[:, other]]
    mean: NDArray[np.float64] = total / (images * (images - 1) / 2)
    return mean


def bootstrap(distances: Distances, resamples: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], ...]:
    """Delta, (resamples,), of each (n, n) of ``distances`` when the images are drawn anew with replacement.

    All share the same resamples. An image is never compared with itself; resamples of one image only are left out.
    """
    count = distances.shape[-1]
    weights = rng.multinomial(count, np.full(count, 1 / count), resamples).astype(np.float64)
    pairs = weights.sum(1) ** 2 - (weights**2).sum(1)
    weights, pairs = weights[pairs > 0], pairs[pairs > 0]
    off_diagonal = distances * (1 - np.eye(count))
    return tuple(np.einsum("bi,ij,bj->b", weights, one, weights, optimize=True) / pairs for one in off_diagonal)


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """The middle 95% of the values."""
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
