"""Networks that are awkward for windows: sums written over an operand, nested joins, gates, shuffles."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.nets import Net


def conv(kernel: int = 3, before: int = 4, after: int = 4, **settings: Any) -> nn.Conv2d:
    return nn.Conv2d(before, after, kernel, **{"padding": kernel // 2, **settings})


def residual(m: Any, x: Tensor) -> Tensor:
    y = F.relu(m.stem(x))
    y = F.relu(m.b(F.relu(m.a(y))) + y)
    return F.relu(m.d(F.relu(m.c(y))) + m.short(y))


def dense(m: Any, x: Tensor) -> Tensor:
    maps = [m.stem(x)]
    for layer in (m.a, m.b, m.c):
        maps.append(layer(F.relu(torch.cat(maps, 1))))
    return torch.cat(maps, 1)


def excited(m: Any, x: Tensor) -> Tensor:
    y = F.silu(m.stem(x))
    gate = m.gate(m.a(y).mean((2, 3), keepdim=True)).sigmoid()
    result: Tensor = m.b(y * gate)
    return result


def beside(m: Any, x: Tensor) -> Tensor:
    """A gate reads a map that a fused sum is written over, by 1 x 1 convolutions that leave windows as they are."""
    y = F.relu(m.stem(x))
    gate = (y.mean((2, 3), keepdim=True).tanh() * 2).abs().tanh()
    result: Tensor = m.c(F.relu(m.b(F.relu(m.a(y))) + y)) * gate
    return result


def shuffled(m: Any, x: Tensor) -> Tensor:
    y = m.stem(x)
    mixed = y.view(y.shape[0], 2, 2, *y.shape[2:]).transpose(1, 2).reshape(y.shape[0], -1, *y.shape[2:])
    result: Tensor = mixed + mixed.flip(3)
    return result


NETS: dict[str, Any] = {
    "residual": lambda: Net(
        residual, stem=conv(before=1), a=conv(), b=conv(), c=conv(stride=2), d=conv(), short=conv(1, stride=2)
    ),
    "dense": lambda: Net(dense, stem=conv(before=1), a=conv(), b=conv(before=8), c=conv(before=12)),
    "squeeze-excite": lambda: Net(excited, stem=conv(before=1, stride=2), a=conv(), b=conv(), gate=conv(1)),
    "gate beside a sum": lambda: Net(beside, stem=conv(before=1), a=conv(1), b=conv(1), c=conv()),
    "shuffled": lambda: Net(shuffled, stem=conv(before=1)),
}
