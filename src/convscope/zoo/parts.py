"""What networks of this form are put together from: contrast normalisation and kinds of pooling."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def contrast_normalisation() -> nn.LocalResponseNorm:
    """Across five neighbouring maps, as in Krizhevsky et al. 2012: ``x / (2 + 1e-4 * sum(x^2)) ** 0.75``.

    PyTorch divides alpha by the number of maps, hence 5e-4 for the paper's 1e-4.
    """
    return nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)


class BlurPool(nn.Module):
    """Maxima at every position, then a binomial low-pass before positions are dropped (Zhang 2019, section 4)."""

    def __init__(self, channels: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.maxima = nn.MaxPool2d(kernel, stride=1, padding=kernel // 2)
        self.stride = stride
        line = torch.tensor([0.25, 0.5, 0.25])
        self.register_buffer("filter", torch.outer(line, line).expand(channels, 1, 3, 3).clone(), persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Float [n, channels, height, width] -> the same thinned by the stride, rounded up."""
        low = self.get_buffer("filter")
        return F.conv2d(self.maxima(maps), low, stride=self.stride, padding=1, groups=len(low))


def _max(_: int, kernel: int, stride: int, ceil: bool) -> nn.Module:
    return nn.MaxPool2d(kernel, stride, ceil_mode=ceil)


def _average(_: int, kernel: int, stride: int, ceil: bool) -> nn.Module:
    return nn.AvgPool2d(kernel, stride, ceil_mode=ceil)


def _blur(channels: int, kernel: int, stride: int, _: bool) -> nn.Module:
    return BlurPool(channels, kernel, stride)


POOLS: Mapping[str, Callable[[int, int, int, bool], nn.Module]] = {"max": _max, "average": _average, "blur": _blur}
"""Kind of pooling to what makes it from (channels, kernel, stride, ceil); blur always rounds up."""
