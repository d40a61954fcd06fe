"""The ten crops of a picture (Krizhevsky et al. 2012; Zeiler & Fergus 2013, section 3)."""

from __future__ import annotations

import torch
from torch import Tensor


def five_places(down: int, across: int) -> list[tuple[int, int]]:
    """First row and column of a crop in the four corners and in the middle, with so much room to move, in pixels."""
    return [(0, 0), (0, across), (down, 0), (down, across), (round(down / 2), round(across / 2))]


def ten_crops(pictures: Tensor, height: int, width: int) -> Tensor:
    """Four corners and the middle, then each of them mirrored: (n, c, h, w) -> (n, 10, c, height, width)."""
    places = five_places(pictures.shape[-2] - height, pictures.shape[-1] - width)
    crops = [pictures[..., y : y + height, x : x + width] for y, x in places]
    return torch.stack([*crops, *(crop.flip(-1) for crop in crops)], 1)
