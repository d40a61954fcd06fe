"""The network itself, watched from outside: the one place where modules are asked what they give.

Everything else runs the exported graph, so this is a second way to the same values.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

Given = dict[str, list[Tensor]]
"""By a module's path, what it gave each time it was called."""


def watched(module: nn.Module, image: Tensor, paths: Collection[str]) -> tuple[Tensor, Given]:
    """The result of ``module`` for (1, channels, height, width), and what the modules at ``paths`` gave.

    Values are copied at once: a later op may write into them.
    """
    given: Given = {}
    parts = dict(module.named_modules())
    hooks = [parts[path].register_forward_hook(partial(_keep, given, path)) for path in paths if path in parts]
    try:
        with torch.no_grad():
            result = module(image)
    finally:
        for hook in hooks:
            hook.remove()
    return first_tensor(result), given


def _keep(given: Given, path: str, _module: nn.Module, _inputs: Any, result: Any) -> None:
    if isinstance(result, Tensor):
        given.setdefault(path, []).append(result.detach().clone())


def first_tensor(result: Any) -> Tensor:
    """The result of a network that gives a tensor, or a structure whose first tensor counts, as the graph takes it."""
    if isinstance(result, Tensor):
        return result
    parts = result.values() if isinstance(result, dict) else result
    return first_tensor(next(iter(parts)))
