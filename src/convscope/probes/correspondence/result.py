"""What a correspondence experiment found: for each layer and part how consistent it is, and against what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convscope.probes.correspondence.chance import mean_of_pairs

Distances = NDArray[np.float64]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Consistency:
    """One part at one layer over n images, with r random draws beside it.

    ``distances`` (n, n) and ``random_distances`` (r, n, n) are the Hamming distances of the signs of epsilon for
    all pairs of ``images`` (indices into the set), as part of the dimensions.
    """

    layer: str
    part: str
    images: tuple[int, ...]
    distances: Distances
    random_distances: Distances
    p: float
    """Of the permutation test: how often a random choice of regions is as consistent."""
    interval: Interval | None
    """Of Delta, 95%, by bootstrap over images; None for fewer than three."""
    difference_interval: Interval | None
    """Of Delta minus the mean Delta of the random draws, from the same resamples."""
    changed: float
    """The part of the dimensions that covering the part changes at all, mean over images."""
    random_changed: float

    @property
    def delta(self) -> float:
        """The paper's Delta, normalised: the mean over pairs of images."""
        return float(mean_of_pairs(self.distances))

    @property
    def random_deltas(self) -> NDArray[np.float64]:
        """Delta of each random draw, (r,)."""
        return mean_of_pairs(self.random_distances)

    @property
    def random_delta(self) -> float:
        """Mean Delta of the random draws."""
        return float(self.random_deltas.mean())

    @property
    def difference(self) -> float:
        """Delta minus that of random regions; negative where the part is more consistent."""
        return self.delta - self.random_delta

    def spread(self, of: str) -> float | None:
        """What stands behind ±; see SPREADS. None where it does not exist."""
        return SPREADS[of](self.distances[None])

    def random_spread(self, of: str) -> float | None:
        """The same of the random draws together."""
        return SPREADS[of](self.random_distances)


def _of_pairs(distances: Distances) -> float | None:
    count = distances.shape[-1]
    return _deviation(distances[:, *np.triu_indices(count, 1)].ravel())


def _of_images(distances: Distances) -> float | None:
    mean = distances.mean(0)
    count = len(mean)
    return _deviation((mean.sum(1) - np.diag(mean)) / (count - 1))


def _of_draws(distances: Distances) -> float | None:
    return _deviation(mean_of_pairs(distances))


def _deviation(values: NDArray[np.float64]) -> float | None:
    return float(values.std(ddof=1)) if len(values) > 1 else None


SPREADS: Mapping[str, Callable[[Distances], float | None]] = {
    "pairs": _of_pairs,
    "images": _of_images,
    "draws": _of_draws,
}
"""Standard deviation of the pairs' distances, of the images' mean distances, or of the draws' Deltas."""


@dataclass(frozen=True)
class Example:
    """An image as the model sees it, uint8 (height, width, channels), and what is covered: top, left, bottom, right."""

    image: str
    view: NDArray[np.uint8]
    fill: NDArray[np.uint8]
    covers: Mapping[str, tuple[int, int, int, int]]
    """By part."""
    random: tuple[int, int, int, int]
    """A random region of the first part's size."""


@dataclass(frozen=True)
class Settings:
    """The choices that the paper leaves open, as they were made; see ``correspond``."""

    zero: str
    draws: int
    where: str
    spread: str
    fill: str
    seed: int
    permutations: int


@dataclass(frozen=True, repr=False)
class Correspondence:
    """Table 1 of Zeiler & Fergus 2013 with what it rests on: one row for each layer and part, in that order."""

    rows: tuple[Consistency, ...]
    layers: tuple[tuple[str, int], ...]
    """Address and number of dimensions."""
    parts: tuple[str, ...]
    images: tuple[str, ...]
    """Names of the set's images."""
    examples: tuple[Example, ...]
    settings: Settings
    left_out: tuple[tuple[str, str, str], ...]
    """Image, part (empty: the whole image) and the reason."""
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        used = {index for row in self.rows for index in row.images}
        return f"<Correspondence: {len(self.layers)} layers, {len(self.parts)} parts, {len(used)} images>"

    def row(self, layer: str, part: str) -> Consistency:
        """One cell of the table; raises KeyError."""
        return {(row.layer, row.part): row for row in self.rows}[layer, part]

    def random_delta(self, layer: str) -> float:
        """The paper's last line: random regions, mean over parts and draws."""
        return float(np.mean([row.random_delta for row in self.rows if row.layer == layer]))
