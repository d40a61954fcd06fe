"""An independent derivation of DeconvNet and guided backprop: the eager model, its rectifiers rewritten for autograd.

Every call of a rectifier, by whatever module or function, becomes an autograd.Function whose forward is the real one
and whose backward is the method's. No graph, no tables, no walk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

RECTIFIERS: Mapping[Any, Callable[..., Tensor]] = {
    F.relu: torch.relu,
    torch.relu: torch.relu,
    torch.relu_: torch.relu,
    Tensor.relu: torch.relu,
    Tensor.relu_: torch.relu,
    F.relu6: lambda x: x.clamp(0, 6),
    F.hardtanh: lambda x, low=-1.0, high=1.0: x.clamp(low, high),
    F.hardswish: lambda x: x * (x + 3).clamp(0, 6) / 6,
    F.silu: lambda x: x * torch.sigmoid(x),
    Tensor.clamp: lambda x, min=None, max=None: x.clamp(min, max),
}
IN_PLACE = {torch.relu_, Tensor.relu_}


class Rectifier(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, function: Callable[[Tensor], Tensor], guided: bool, inplace: bool) -> Tensor:
        ctx.save_for_backward(x.clone())
        ctx.function, ctx.guided = function, guided
        if not inplace:
            return function(x)
        ctx.mark_dirty(x)
        return x.copy_(function(x))

    @staticmethod
    def backward(ctx: Any, *signals: Tensor) -> tuple[Tensor, None, None, None]:
        positive = signals[0].clamp_min(0)
        if not ctx.guided:
            return positive, None, None, None
        with torch.enable_grad():
            leaf = ctx.saved_tensors[0].requires_grad_()
            (down,) = torch.autograd.grad(ctx.function(leaf), leaf, positive)
        return down, None, None, None


class Rewritten(TorchFunctionMode):
    def __init__(self, guided: bool) -> None:
        super().__init__()
        self.guided = guided

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func not in RECTIFIERS:
            return func(*args, **kwargs)
        inplace = bool(kwargs.pop("inplace", False)) or func in IN_PLACE
        bounds = args[1:]
        names = {"min_val": "low", "max_val": "high"}
        kwargs = {names.get(key, key): value for key, value in kwargs.items()}
        return Rectifier.apply(args[0], lambda x: RECTIFIERS[func](x, *bounds, **kwargs), self.guided, inplace)


def by_rewriting(net: nn.Module, image: Tensor, seeds: Tensor, method: str) -> Tensor:
    """The seeds at the net's result carried down by rewritten rectifiers, one at a time."""
    leaf = image.clone().requires_grad_()
    with Rewritten(guided=method == "guided_backprop"):
        result = net(leaf * 1)
    return torch.cat([torch.autograd.grad(result, leaf, seed, retain_graph=True)[0] for seed in seeds])
