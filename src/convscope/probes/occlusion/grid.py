"""Where occluders stand, and what a number per place means for each pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convscope.errors import SettingError

Mask = NDArray[np.bool_]
Patch = int | tuple[int, int] | Mask
"""A square's side, a rectangle's (height, width), or a mask that is true where pixels are replaced."""

PATCHES_PER_SIDE = 14
"""The default patch is this part of the shorter side, as an even number: 16 of 224 pixels."""


@dataclass(frozen=True)
class Grid:
    """A mask at every crossing of ``rows`` and ``columns``, which are pixels of its top left corner."""

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    mask: Mask
    size: tuple[int, int]
    """Height and width of the image."""

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and columns of places."""
        return len(self.rows), len(self.columns)

    def box(self, row: int, column: int) -> tuple[int, int, int, int]:
        """The rectangle of the mask at a place, (top, left, bottom, right) in pixels."""
        height, width = self.mask.shape
        top, left = self.rows[row], self.columns[column]
        return top, left, top + height, left + width

    def spread(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Float64 (height, width): for each pixel the mean over the places that cover it; NaN where none does."""
        total, count = np.zeros(self.size), np.zeros(self.size)
        height, width = self.mask.shape
        for row, y in enumerate(self.rows):
            for column, x in enumerate(self.columns):
                total[y : y + height, x : x + width] += self.mask * np.float64(values[row, column])
                count[y : y + height, x : x + width] += self.mask
        mean: NDArray[np.float64] = np.divide(total, count, out=np.full(self.size, np.nan), where=count > 0)
        return mean


def make_grid(size: tuple[int, int], patch: Patch | None = None, stride: int | tuple[int, int] | None = None) -> Grid:
    """Places 0, stride, 2 stride, … while the patch fits, and one flush with the far border if pixels remain.

    By default the patch is a fourteenth of the shorter side, and the stride half the patch. Raises SettingError.
    """
    mask = _mask(patch if patch is not None else default_patch(size))
    if mask.shape[0] > size[0] or mask.shape[1] > size[1]:
        raise SettingError(
            f"a patch of {mask.shape[0]}x{mask.shape[1]} pixels does not fit into the {size[0]}x{size[1]} pixels that "
            "the model sees; choose a smaller patch"
        )
    steps = (stride, stride) if isinstance(stride, int) else stride or tuple(max(side // 2, 1) for side in mask.shape)
    if min(steps) < 1:
        raise SettingError(f"the stride is {' x '.join(map(str, steps))}; it must be at least 1 pixel")
    rows, columns = (_places(*axis) for axis in zip(size, mask.shape, steps, strict=True))
    return Grid(rows, columns, mask, size)


def default_patch(size: tuple[int, int]) -> int:
    """A fourteenth of the shorter side, as an even number: 16 for 224 pixels."""
    return max(2 * round(min(size) / PATCHES_PER_SIDE / 2), 1)


def _places(length: int, patch: int, stride: int) -> tuple[int, ...]:
    last = length - patch
    places = tuple(range(0, last + 1, stride))
    return places if places[-1] == last else (*places, last)


def _mask(patch: Patch) -> Mask:
    if isinstance(patch, np.ndarray):
        if patch.dtype != np.bool_ or patch.ndim != 2 or not patch.any():
            raise SettingError(
                f"the mask is {patch.dtype} of shape {list(patch.shape)} with {np.count_nonzero(patch)} pixels set; "
                "expected bool (height, width), true for at least one pixel"
            )
        return patch.copy()
    sides: Sequence[int] = (patch, patch) if isinstance(patch, int) else patch
    if len(sides) != 2 or min(sides) < 1:
        raise SettingError(f"the patch is {patch}; it must be a side, or a height and a width, of at least 1 pixel")
    return np.ones(tuple(sides), np.bool_)
