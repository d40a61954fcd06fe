"""A feature map moved along with the image: what a perfectly equivariant layer would show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from convscope.probes.invariance.transform import Inverse, Numbers, Size
from convscope.probes.invariance.watched import Places

_ROUNDING = 1e-6
"""Positions nearer than this to a whole one are taken for it."""


@dataclass(frozen=True)
class Sources:
    """For each of the ``positions`` (count,) that has a source: four neighbours in the map, and their weights.

    Positions are counted row by row. ``corners`` and ``weights`` are (count, 4).
    """

    positions: Tensor
    corners: Tensor
    weights: Tensor

    def moved(self, reference: Tensor) -> Tensor:
        """The reference map (positions, units) moved along, (count, units), interpolated linearly between positions."""
        # A bag of embeddings is a weighted sum of rows, and torch has no faster way to take one.
        return F.embedding_bag(self.corners, reference, mode="sum", per_sample_weights=self.weights)

    def parts(self, most: int) -> Iterator[Sources]:
        """The same in parts of at most ``most`` positions."""
        columns = (self.positions, self.corners, self.weights)
        yield from (Sources(*part) for part in zip(*(torch.split(column, most) for column in columns), strict=True))

    def to(self, device: torch.device) -> Sources:
        """The same on another device."""
        return Sources(self.positions.to(device), self.corners.to(device), self.weights.to(device))


def sources_of(places: Places, inverse: Inverse, view: Size) -> Sources | None:
    """Where each position of a map takes its value when the map is moved as the image is.

    Positions whose source lies outside the map are left out; None if that is all of them.
    """
    height, width = places.size
    positions = np.array(list(product(range(height), range(width))), np.float64)
    centres = np.array(places.first) + positions * places.stride
    origin = inverse.source(centres, (view[0] / 2, view[1] / 2))
    wanted = _whole((origin - places.first) / places.stride)
    inside = ((wanted >= 0) & (wanted <= (height - 1, width - 1))).all(1)
    if not inside.any():
        return None
    corners, weights = _bilinear(wanted[inside], width, height)
    numbers = np.flatnonzero(inside)
    return Sources(torch.from_numpy(numbers), torch.from_numpy(corners), torch.from_numpy(weights))


def _whole(positions: Numbers) -> Numbers:
    nearest = np.rint(positions)
    return np.where(np.abs(positions - nearest) < _ROUNDING, nearest, positions)


def _bilinear(wanted: Numbers, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    low = np.floor(wanted).astype(np.int64)
    high = np.minimum(low + 1, (height - 1, width - 1))
    part = wanted - low
    rows = ((low[:, 0], 1 - part[:, 0]), (high[:, 0], part[:, 0]))
    columns = ((low[:, 1], 1 - part[:, 1]), (high[:, 1], part[:, 1]))
    pairs = list(product(rows, columns))
    corners = np.stack([row * width + column for (row, _), (column, _) in pairs], 1)
    weights = np.stack([down * across for (_, down), (_, across) in pairs], 1)
    return corners, weights.astype(np.float32)
