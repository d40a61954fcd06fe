"""What the filters of a layer are to each other: how large, how many alike. Weights alone, no image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

Numbers = NDArray[np.float32]

RADIUS = 0.1
"""RMS that the paper does not let a filter exceed in training (Zeiler & Fergus 2013, section 3)."""
VANISHING = 0.01
"""Filters of less RMS than this part of the layer's median hardly answer at all."""
ALIKE = 0.95
"""Cosine from which two filters are called duplicates, at least."""
BY_CHANCE = 0.01
"""Pairs that random filters of the same number and size may be expected to have above the cosine that is used."""


@dataclass(frozen=True)
class Sizes:
    """Root mean square of each filter's weights, and its ratio to the layer's median; both (units,)."""

    rms: Numbers
    ratio: Numbers


def sizes(weights: NDArray[np.floating]) -> Sizes:
    """The sizes of filters, (units, …); the median is that of the filters that are not zero."""
    rms = np.sqrt(np.square(weights, dtype=np.float64).reshape(len(weights), -1).mean(1))
    filled = rms[rms > 0]
    median = float(np.median(filled)) if filled.size else 1.0
    return Sizes(rms.astype(np.float32), (rms / median).astype(np.float32))


@dataclass(frozen=True)
class Twins:
    """Which filters repeat another one; ``of`` and ``cosine`` are (units,)."""

    of: NDArray[np.int32]
    """The first filter of the layer that this one repeats; -1: none."""
    cosine: Numbers
    """Largest cosine with any other filter that reads the same maps."""
    opposite: int
    """Pairs of filters that are each other's negative: no duplicates, since behind a rectifier they see two things."""
    least: float
    """Cosine from which two filters were called duplicates here."""


def twins(weights: NDArray[np.floating], groups: int = 1) -> Twins | None:
    """The duplicates among filters (units, …) that read the same maps, those of a group.

    None where nothing can be compared: one filter per group, or one weight per filter.
    """
    flat = weights.reshape(groups, len(weights) // groups, -1).astype(np.float32)
    _, count, length = flat.shape
    if count < 2 or length < 2:
        return None
    least = alike_from(count, length)
    of, cosine, opposite = [], [], 0
    for number, group in enumerate(flat):
        cosines = _cosines(group)
        lower = np.tril(cosines, -1)
        near = lower >= least
        of.append(np.where(near.any(1), near.argmax(1) + number * count, -1))
        np.fill_diagonal(cosines, -np.inf)
        cosine.append(cosines.max(1))
        opposite += int((lower <= -least).sum())
    return Twins(np.concatenate(of).astype(np.int32), np.concatenate(cosine).astype(np.float32), opposite, least)


def alike_from(count: int, length: int) -> float:
    """The cosine from which ``count`` filters of ``length`` weights are called alike.

    ``ALIKE``, or more where filters are so short that random ones would have ``BY_CHANCE`` pairs above it.
    """
    # The cosine of two random directions exceeds t with probability I(1 - t^2; (d - 1)/2, 1/2) / 2.
    chance = min(2 * BY_CHANCE / (count * (count - 1) / 2), 1.0)
    least = np.sqrt(1 - betaincinv((length - 1) / 2, 0.5, chance))
    return float(max(ALIKE, least))


def _cosines(group: NDArray[np.float32]) -> NDArray[np.float32]:
    """Between all pairs; 0 with a filter that is empty, which repeats nothing."""
    length = np.linalg.norm(group, axis=1, keepdims=True)
    median = np.median(length[length > 0]) if (length > 0).any() else 1.0
    filled = length >= VANISHING * median
    unit = np.divide(group, length, out=np.zeros_like(group), where=filled)
    product: NDArray[np.float32] = unit @ unit.T
    return product
