"""The peaks of a layer: each unit's strongest activation in each image of a sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convscope.errors import AtlasFormatError


@dataclass(frozen=True)
class Peaks:
    """``values`` float32 (units, n): the peaks in ``images``, int32 (n,) indices of the set, rising."""

    images: NDArray[np.int32]
    values: NDArray[np.float32]


def peaks_of_rows(
    units: int, total: int, unit: NDArray[np.int32], image: NDArray[np.int32], value: NDArray[np.float32]
) -> Peaks:
    """The rows of a layer of so many ``units``, over some of ``total`` images, as a matrix.

    ``unit``, ``image`` and ``value`` have shape (units x n,). AtlasFormatError unless there is one row for every unit
    and sampled image, sorted.
    """
    count = len(value) // max(units, 1)
    images = image[:count]
    if (
        not count
        or len(value) != units * count
        or (np.diff(images, prepend=-1, append=total) <= 0).any()
        or (unit.reshape(units, count) != np.arange(units)[:, None]).any()
        or (image.reshape(units, count) != images).any()
    ):
        raise AtlasFormatError(
            "its rows are not one for every unit and sampled image, sorted by unit and image. "
            "Restore the file, or make the atlas again."
        )
    if not np.isfinite(value).all():
        raise AtlasFormatError("column value: holds NaN or infinity. Restore the file, or make the atlas again.")
    return Peaks(images, value.reshape(units, count))
