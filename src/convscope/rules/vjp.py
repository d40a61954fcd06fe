"""The tape of one op: its values for one image, and its vector-Jacobian product for many signals at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from convscope.graph.opgraph import OpNode, evaluate


@dataclass(frozen=True)
class Tape:
    """An op with the values that its inputs had in the forward pass of one image."""

    node: OpNode
    values: Mapping[str, Any]
    """Values of the node's inputs, constants included."""
    live: tuple[str, ...]
    """The inputs that depend on the image; only these can receive a signal."""

    @cached_property
    def _recorded(self) -> tuple[dict[str, Tensor], Tensor]:
        """The op run once more with its own piece of autograd graph; kept, since many units share it."""
        leaves = {name: self.values[name].detach().requires_grad_() for name in self.live}
        with torch.enable_grad():
            return leaves, evaluate(self.node, {**self.values, **leaves})

    def transpose(self, signal: Tensor) -> dict[str, Tensor]:
        """The op's own vector-Jacobian product.

        ``signal`` has shape (units, *result shape); each returned tensor (units, *input shape). An input that the
        result does not depend on is left out.
        """
        leaves, result = self._recorded
        if not leaves or result.grad_fn is None:
            return {}
        found = torch.autograd.grad(
            result, list(leaves.values()), signal, retain_graph=True, is_grads_batched=True, allow_unused=True
        )
        return {name: grad for name, grad in zip(leaves, found, strict=True) if grad is not None}
