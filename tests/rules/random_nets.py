"""Random convolutional networks, block by block; every block keeps or shrinks (4, height, width)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from tests.nets import Net


def conv(kernel: int = 3, **settings: Any) -> nn.Conv2d:
    return nn.Conv2d(4, 4, kernel, **settings)


def permuted_linear(m: Any, x: Tensor) -> Tensor:
    return torch.as_tensor(m.linear(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))


def shuffled(m: Any, x: Tensor) -> Tensor:
    y = x.view(-1, 2, 2, *x.shape[2:]).transpose(1, 2).reshape(x.shape)
    return torch.cat(y.chunk(2, 1)[::-1], 1)


BLOCKS: Mapping[str, Callable[[], nn.Module]] = {
    "conv": lambda: conv(padding=1),
    "strided": lambda: conv(stride=2),
    "dilated": lambda: conv(dilation=2, padding=2),
    "depthwise": lambda: conv(padding=1, groups=4),
    "even kernel": lambda: conv(2, padding="same"),
    "oblong": lambda: nn.Conv2d(4, 4, (3, 1), padding=(0, 1)),
    "reflected": lambda: conv(padding=1, padding_mode="reflect"),
    "max": lambda: nn.MaxPool2d(3, 2, ceil_mode=True),
    "max, padded": lambda: nn.MaxPool2d(3, 1, padding=1),
    "average": lambda: nn.AvgPool2d(2, 1),
    "average, ceil": lambda: nn.AvgPool2d(3, 2, padding=1, ceil_mode=True),
    "adaptive": lambda: Net(lambda m, x: F.adaptive_avg_pool2d(x, (x.shape[2], x.shape[3]))),
    "norm": lambda: nn.BatchNorm2d(4),
    "relu": lambda: nn.ReLU(inplace=True),
    "contrast": lambda: nn.LocalResponseNorm(3),
    "uneven border": lambda: Net(lambda m, x: F.pad(x, (2, 0, 0, 1))),
    "border behind": lambda: Net(lambda m, x: F.pad(x, (0, 1, 0, 2), value=0.5)),
    "cropped behind": lambda: Net(lambda m, x: x[:, :, :-1, :-2]),
    "cropped": lambda: Net(lambda m, x: x[:, :, 1:, :-1]),
    "thinned": lambda: Net(lambda m, x: torch.cat([x[:, :2, ::2, ::2], x[:, 2:, ::2, ::2]], 1)),
    "residual": lambda: Net(lambda m, x: F.relu(m.conv(x) + x), conv=conv(padding=1)),
    "branches": lambda: Net(
        lambda m, x: torch.cat([m.one(x)[:, :2], m.five(x)[:, 2:]], 1), one=conv(1), five=conv(5, padding=2)
    ),
    "shuffled": lambda: Net(shuffled),
    "linear": lambda: Net(permuted_linear, linear=nn.Linear(4, 4)),
    "excited everywhere": lambda: Net(
        lambda m, x: x * m.fc(x.mean((2, 3), keepdim=True)).sigmoid().expand_as(x), fc=conv(1)
    ),
    "excited": lambda: Net(lambda m, x: x * m.fc(x.mean((2, 3), keepdim=True)).sigmoid(), fc=conv(1)),
    "group norm": lambda: nn.GroupNorm(2, 4),
}
GATED = {"excited", "excited everywhere", "group norm"}

chains = st.lists(st.sampled_from(sorted(BLOCKS)), min_size=1, max_size=4)


def build(chain: list[str]) -> nn.Sequential:
    """The blocks in a row, behind a convolution from one channel."""
    return nn.Sequential(nn.Conv2d(1, 4, 2), *(BLOCKS[name]() for name in chain))
