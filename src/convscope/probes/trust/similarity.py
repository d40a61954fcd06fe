"""How alike two projections are: rank correlation, signed and absolute, and structural similarity as displayed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from skimage.metrics import structural_similarity

from convscope.display import display_scale, shrink

Numbers = NDArray[np.floating]
Box = tuple[int, int, int, int]
"""Top, left, bottom, right, in pixels."""

VALUES = 8192
"""Values of a window that ranks are taken of: of a larger one, so many are drawn, the same for every pair.

By chance alone, two pictures then differ from their true rank correlation by about 0.01; a mean of many by less.
"""
TILE = 64
"""Pixels of the longer side at which structural similarity is taken: about as large as pictures are looked at."""
_NEIGHBOURS = 7
"""Side of the window of structural similarity (Wang et al. 2004)."""


@dataclass(frozen=True)
class Similarity:
    """Of two projections: Spearman's correlation of signed and of absolute values, and SSIM; each at most 1.

    NaN where a number is not defined: of absolute values that are all the same, of a window too small for SSIM.
    """

    rank: float
    absolute: float
    ssim: float


@dataclass(frozen=True, eq=False)
class Sample:
    """A projection made ready to be compared with others in the same window.

    ``ranks`` and ``absolute``, float32 (values,), are centred and of length 1, or all 0; ``picture``, float32 (height,
    width, channels) of 0 to 1, is grey for 0.
    """

    ranks: NDArray[np.float32]
    absolute: NDArray[np.float32]
    picture: NDArray[np.float32]

    @property
    def empty(self) -> bool:
        """All values are 0, or the same: there is nothing to compare."""
        return not self.ranks.any()


def sample(pixels: Numbers, box: Box) -> Sample:
    """What a projection, float (height, width, channels), shows in ``box``."""
    top, left, bottom, right = box
    window = np.ascontiguousarray(pixels[top:bottom, left:right], np.float32)
    values = window.ravel()[_drawn(window.size)]
    small = shrink(window, TILE)
    picture = np.clip(small / np.float32(display_scale([small])), -1, 1) / 2 + np.float32(0.5)
    return Sample(_ranks(values), _ranks(np.abs(values)), picture)


@lru_cache(maxsize=64)
def _drawn(size: int) -> NDArray[np.int64]:
    if size <= VALUES:
        return np.arange(size)
    return np.sort(np.random.default_rng(size).choice(size, VALUES, replace=False))


def _ranks(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Ranks, those of equal values averaged, centred and scaled so that a product is Spearman's correlation."""
    ranks = rankdata(values) - (len(values) + 1) / 2
    length = np.sqrt((ranks**2).sum())
    return np.asarray(ranks / length if length else ranks, np.float32)


def similarity(one: Sample, other: Sample) -> Similarity | None:
    """How alike two projections of the same window are; None if one of them is empty."""
    if one.empty or other.empty:
        return None
    absolute = float(one.absolute @ other.absolute) if one.absolute.any() and other.absolute.any() else float("nan")
    return Similarity(float(one.ranks @ other.ranks), absolute, _structural(one.picture, other.picture))


def _structural(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    side = min(_NEIGHBOURS, *one.shape[:2])
    side -= 1 - side % 2
    if side < 3:
        return float("nan")
    return float(
        structural_similarity(one, other, win_size=side, data_range=1.0, channel_axis=-1)  # type: ignore[no-untyped-call]
    )
