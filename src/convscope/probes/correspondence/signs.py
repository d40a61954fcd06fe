"""Which way each feature goes when a part is covered, and how far apart two such answers are.

Zeiler & Fergus 2013, section 4.3: epsilon = features of the image minus features of the occluded image, and
H(sign(epsilon_i), sign(epsilon_j)), the Hamming distance between the signs of two images.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from convscope.engine.allowance import PAIR, images_at_once
from convscope.engine.forward import Forward
from convscope.errors import NumberError, SettingError
from convscope.finite import is_finite
from convscope.models import Preprocessing
from convscope.probes.fills import View

Signs = NDArray[np.int8]
"""(occlusions, dimensions), values -1, 0 and 1."""
Counts = NDArray[np.int64]
Cover = tuple[int, int, int, int]
"""What is covered, in whole pixels of the view: top, left, bottom, right."""

BATCH = 16
CHUNK = 1 << 13
"""Dimensions that are multiplied at a time, as float32, which counts exactly up to 2**24."""


@dataclass(frozen=True)
class Shared:
    """How pairs of answers agree, int64 (n, n): over all dimensions, and over those where neither is zero."""

    differ: Counts
    both: Counts
    opposite: Counts
    dimensions: int


@dataclass(frozen=True)
class Starting:
    """A view without an occluder, and what an occluder shows; both uint8 (height, width, channels)."""

    view: View
    fill: View

    def covered(self, cover: Cover) -> View:
        """The view with the fill inside the cover."""
        top, left, bottom, right = cover
        shown = self.view.copy()
        shown[top:bottom, left:right] = self.fill[top:bottom, left:right]
        return shown


def occluded_signs(
    forward: Forward, preprocessing: Preprocessing, start: Starting, covers: Sequence[Cover]
) -> Mapping[str, Signs]:
    """For each node that ``forward`` shows, the signs of epsilon under each cover; raises NumberError for NaN.

    Each batch holds the bare view as well and all have one size, so a feature that a cover does not reach gets the
    very same number twice, and its epsilon is exactly zero.
    """
    found: dict[str, list[Tensor]] = {node: [] for node in forward.shown}
    layers = {node.name: node.address for node in forward.nodes}
    batch = images_at_once(BATCH, PAIR)
    for first in range(0, len(covers), batch - 1):
        some = [start.covered(cover) for cover in covers[first : first + batch - 1]]
        count = len(some) + 1

        def keep(node: str, value: Tensor, count: int = count) -> None:
            found[node].append(_signs(value.flatten(1)[:count], layers[node]))

        views = np.stack([start.view, *some, *[start.view] * (batch - count)])
        forward(preprocessing.normalise(torch.from_numpy(views)), keep)
    return {node: torch.cat(parts).numpy() for node, parts in found.items()}


def _signs(values: Tensor, layer: str) -> Tensor:
    if not is_finite(values):
        raise NumberError(f"a feature of layer {layer!r} is NaN or infinite. Look for NaN in the weights")
    return (values[:1] - values[1:]).sign().to(torch.int8).cpu()


def shared(signs: Signs) -> Shared:
    """All pairs of rows compared, by two matrix products for each chunk of dimensions; exact."""
    count = len(signs)
    same, both = np.zeros((count, count), np.int64), np.zeros((count, count), np.int64)
    for first in range(0, signs.shape[1], CHUNK):
        some = torch.from_numpy(signs[:, first : first + CHUNK]).float()
        changed = some.abs()
        both += _counted(changed)
        same += _counted(some)
    # Where both are +-1 the products are 1 for equal and -1 for opposite signs.
    opposite = (both - same) // 2
    changed_in = np.diag(both)
    one_only = changed_in[:, None] + changed_in[None, :] - 2 * both
    return Shared(one_only + opposite, both, opposite, signs.shape[1])


def _counted(some: Tensor) -> Counts:
    counts: Counts = (some @ some.T).round().to(torch.int64).numpy()
    return counts


def _own(pairs: Shared) -> NDArray[np.float64]:
    parts: NDArray[np.float64] = pairs.differ / pairs.dimensions
    return parts


def _skip(pairs: Shared) -> NDArray[np.float64]:
    parts: NDArray[np.float64] = np.full(pairs.both.shape, CHANCE)
    np.divide(pairs.opposite, pairs.both, out=parts, where=pairs.both > 0)
    return parts


CHANCE = 0.5
"""The distance of two answers that share no dimension: what independent signs would have."""

ZEROS: Mapping[str, Callable[[Shared], NDArray[np.float64]]] = {"own": _own, "positive": _own, "skip": _skip}
"""What becomes of an epsilon of zero: a sign of its own, a positive sign, or left out where either is zero."""


def distances(signs: Signs, zero: str) -> NDArray[np.float64]:
    """Hamming distances of all pairs of rows by part of the dimensions, float64 (n, n); raises SettingError."""
    if zero not in ZEROS:
        raise SettingError(f"zero is {zero!r}; choose one of {', '.join(ZEROS)}")
    read = np.where(signs >= 0, np.int8(1), np.int8(-1)) if zero == "positive" else signs
    return ZEROS[zero](shared(read))
