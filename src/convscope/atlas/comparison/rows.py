"""The units of a layer as rows over the same images, ready to be compared with those of another layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Scores = NDArray[np.float32]
"""How alike each unit of one layer (rows) is to each of another (columns)."""
CONSTANT = 1e-6
"""A row whose standard deviation is at most so much of its largest value does not vary: what is left is rounding."""


@dataclass(frozen=True)
class Rows:
    """The units that can be compared, as rows of ``values`` (len(units), images); the layer has ``count`` in all."""

    values: Any  # a float32 array, or a sparse one
    units: NDArray[np.intp]
    count: int


def peak_rows(peaks: NDArray[np.float32]) -> Rows:
    """Rows of mean 0 and length 1, from peaks (units, images); units whose peaks do not vary are left out."""
    exact = np.asarray(peaks, np.float64)
    centred = exact - exact.mean(1, keepdims=True)
    varying = centred.std(1) > CONSTANT * np.abs(exact).max(1, initial=0)
    kept = centred[varying]
    scaled = kept / np.linalg.norm(kept, axis=1, keepdims=True)
    return Rows(scaled.astype(np.float32), np.flatnonzero(varying), len(exact))


def correlation(first: Any, second: Any) -> Scores:
    """Pearson's correlation of each of the first rows with each of the second; both from ``peak_rows``."""
    return np.asarray(first @ second.T, np.float32)


def top_rows(tops: Sequence[frozenset[int]], images: int) -> Rows:
    """Rows that are 1 where an image is among a unit's strongest; units without any are left out."""
    units = np.array([unit for unit, found in enumerate(tops) if found], np.intp)
    columns = [sorted(tops[unit]) for unit in units]
    indices = np.array([image for row in columns for image in row], np.int32)
    starts = np.concatenate([[0], np.cumsum([len(row) for row in columns], dtype=np.int32)]).astype(np.int32)
    values = csr_array((np.ones(len(indices), np.float32), indices, starts), shape=(len(units), images))
    return Rows(values, units, len(tops))


def jaccard(first: Any, second: Any) -> Scores:
    """Images that two units share, of all that either has; both from ``top_rows``."""
    shared = (first @ second.T).toarray()
    either = first.sum(1)[:, None] + second.sum(1)[None, :] - shared
    return np.asarray(shared / either, np.float32)
