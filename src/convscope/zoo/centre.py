"""The first stage of a trained network: from pixels to what it was trained on."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Centre(nn.Module):
    """The mean image away, then a division: pixels 0..255 in, what the network was trained on out."""

    def __init__(self, mean: Tensor, scale: float) -> None:
        super().__init__()
        self.register_buffer("mean", mean.clone())
        self.register_buffer("scale", torch.tensor(scale))

    def forward(self, pixels: Tensor) -> Tensor:
        """Float [n, channels, height, width], of the same shape as ``mean`` but for n."""
        return (pixels - self.get_buffer("mean")) / self.get_buffer("scale")
