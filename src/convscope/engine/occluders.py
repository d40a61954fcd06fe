"""Occluders: one mask, slid over the image, through which another picture shows (paper, section 4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Occluders:
    """A mask at every crossing of ``rows`` and ``columns``, the pixels of its top left corner.

    Places are numbered row by row. The mask lies inside the image at all of them.
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    mask: Tensor
    """bool (height, width): True where pixels are replaced."""
    fill: Tensor
    """float (1, channels, image height, image width): what shows in place of the image, as the network takes it."""

    def __len__(self) -> int:
        """Number of places."""
        return len(self.rows) * len(self.columns)

    def corner(self, place: int) -> tuple[int, int]:
        """Row and column of the mask's top left corner."""
        row, column = divmod(place, len(self.columns))
        return self.rows[row], self.columns[column]

    def covered(self, image: Tensor, places: Sequence[int]) -> Tensor:
        """The whole images, (len(places), channels, height, width), from ``image`` (1, channels, height, width)."""
        images = image.expand(len(places), -1, -1, -1).clone()
        height, width = self.mask.shape
        for row, place in enumerate(places):
            y, x = self.corner(place)
            shown = self.fill[0, :, y : y + height, x : x + width]
            part = images[row, :, y : y + height, x : x + width]
            part.copy_(torch.where(self.mask, shown, part))
        return images
