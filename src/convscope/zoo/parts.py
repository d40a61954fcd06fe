"""What networks of this form are put together from: contrast normalisation and kinds of pooling."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ContrastNormalisation(nn.LocalResponseNorm):
    """Across five neighbouring maps, as in Krizhevsky et al. 2012: ``x / (2 + 1e-4 * sum((scale x)^2)) ** 0.75``.

    The constants are for inputs of about -128 to 128; where inputs were divided by ``scale``, it does the same to them.
    PyTorch divides alpha by the number of maps, hence 5e-4 for the paper's 1e-4. In training the sums are taken by a
    convolution with a band of ones: the same numbers but for rounding, in a quarter of the time.
    """

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__(5, alpha=5e-4 * scale**2, beta=0.75, k=2.0)

    def forward(self, maps: Tensor) -> Tensor:
        """Float [n, channels, height, width] -> the same shape."""
        if not self.training:
            return super().forward(maps)
        number = torch.arange(maps.shape[1], device=maps.device)
        band = ((number[:, None] - number).abs() <= self.size // 2).to(maps)[:, :, None, None]
        strength = F.conv2d(maps.square(), band * (self.alpha / self.size)) + self.k
        root = strength.rsqrt()
        return maps * root * root.sqrt()


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
