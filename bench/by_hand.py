"""DeconvNet projections as one writes them by hand: autograd through ReLUs that rectify the gradient."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

Place = tuple[int, int, int]
"""Unit, row, column."""
WAYS = ("batched", "loop")
"""All seeds in one batched backward pass, or one pass for each."""


class RectifiedGradient(torch.autograd.Function):
    """ReLU whose backward pass keeps the positive part of the gradient, whatever the forward pass was."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.clamp_min(0)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient.clamp_min(0)

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Tensor) -> tuple[Tensor, int | None]:
        return RectifiedGradient.apply(x), in_dims[0]


class DeconvReLU(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return RectifiedGradient.apply(x)  # type: ignore[no-any-return]


def rewritten(module: nn.Module) -> nn.Module:
    """A copy with every nn.ReLU replaced."""
    module = copy.deepcopy(module)
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.ReLU):
                setattr(parent, name, DeconvReLU())
    return module


class _Reached(Exception):  # noqa: N818
    """Thrown by the last hook: what comes after it is not needed."""


class ByHand:
    """A module made ready once; ``forward`` keeps the maps of the modules at ``paths``, and stops at the last."""

    def __init__(self, module: nn.Module, paths: Sequence[str], device: str = "cpu") -> None:
        self.module = rewritten(module).eval().to(device)
        self.maps: dict[str, Tensor] = {}
        self.image = torch.empty(0)
        by_path = dict(self.module.named_modules())
        for path in paths:
            by_path[path].register_forward_hook(self._keep(path, last=path == paths[-1]))

    def _keep(self, path: str, last: bool) -> Any:
        def hook(module: nn.Module, inputs: object, output: Tensor) -> None:
            self.maps[path] = output
            if last:
                raise _Reached

        return hook

    def forward(self, image: Tensor) -> None:
        self.maps.clear()
        self.image = image.clone().requires_grad_()
        try:
            self.module(self.image)
        except _Reached:
            return
        raise AssertionError("the last of the paths was never reached")

    def down(self, path: str, places: Sequence[Place], way: str) -> Tensor:
        """The projections, (len(places), channels, height, width); ``forward`` can be used again."""
        maps = self.maps[path]
        if way == "loop":
            return torch.cat([self._one(maps[0, unit, y, x]) for unit, y, x in places])
        seeds = torch.zeros(len(places), *maps.shape, device=maps.device)
        for row, (unit, y, x) in enumerate(places):
            seeds[row, 0, unit, y, x] = maps[0, unit, y, x].detach()
        return torch.autograd.grad(maps, self.image, seeds, retain_graph=True, is_grads_batched=True)[0][:, 0]

    def _one(self, value: Tensor) -> Tensor:
        return torch.autograd.grad(value, self.image, value.detach(), retain_graph=True)[0]


def module_path(address: str) -> str:
    """The module whose result a layer is: of a module that is called again (``relu#2``), the one around it."""
    path, _, call = address.partition("#")
    return path.rpartition(".")[0] if call else path


def strongest(maps: Tensor, count: int) -> list[Place]:
    """The strongest position of the ``count`` units with the strongest peaks; ``maps`` is (1, units, height, width)."""
    units = maps[0].amax((1, 2)).topk(count).indices.tolist()
    return [(unit, *divmod(int(maps[0, unit].argmax()), maps.shape[3])) for unit in units]
