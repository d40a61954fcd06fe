"""Whether the predicted class stays when the image moves by a few pixels (Zhang 2019; Azulay & Weiss 2019)."""

from __future__ import annotations

import torch
from torch import Tensor

SHIFTS = 4
"""Pixels that images are moved by, from 1 to this many: smaller and larger than the strides of most ops."""


def moved(views: Tensor, pixels: int) -> Tensor:
    """Views, uint8 (images, rows, columns, channels), moved down and to the right; mirrored where they have ended."""
    rows, columns = ((torch.arange(length) - pixels).abs() for length in views.shape[1:3])
    return views[:, rows][:, :, columns]
