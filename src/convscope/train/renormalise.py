"""Renormalisation of filters: none may be stronger than a radius (Zeiler & Fergus 2013, section 3)."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def renormalise(network: nn.Module, radius: float) -> int:
    """Scale each convolution filter whose RMS exceeds ``radius`` down to it, in place; returns how many there were.

    The RMS of a filter is the root of the mean of its squared weights, over input channels and positions.
    """
    count = 0
    for stage in network.modules():
        if isinstance(stage, nn.Conv2d):
            strength = stage.weight.square().mean((1, 2, 3), keepdim=True).sqrt()
            stage.weight.mul_((radius / strength).clamp(max=1.0))
            count += int((strength > radius).sum())
    return count
