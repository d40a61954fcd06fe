"""The tape of one op: its values for one image, and its vector-Jacobian product for many signals at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.nn.grad import conv2d_input

from convscope.graph.opgraph import OpNode, bind, evaluate


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
        leaves = {name: self._leaf(name) for name in self.live}
        with torch.inference_mode(False), torch.enable_grad():
            return leaves, evaluate(self.node, {**self.values, **leaves})

    def _leaf(self, name: str) -> Tensor:
        value: Tensor = self.values[name].detach()
        return (value.contiguous() if self.node.op in _CONTIGUOUS else value).requires_grad_()

    def transpose(self, signal: Tensor) -> dict[str, Tensor]:
        """The op's own vector-Jacobian product.

        ``signal`` has shape (units, *result shape); each returned tensor (units, *input shape). An input that the
        result does not depend on is left out.
        """
        direct = _DIRECT.get(self.node.op)
        written_out = None if direct is None else direct(self, signal)
        return self._by_autograd(signal) if written_out is None else written_out

    def _by_autograd(self, signal: Tensor) -> dict[str, Tensor]:
        leaves, result = self._recorded
        if not leaves or not result.requires_grad:
            return {}
        found = torch.autograd.grad(
            result, list(leaves.values()), signal, retain_graph=True, is_grads_batched=True, allow_unused=True
        )
        return {name: grad for name, grad in zip(leaves, found, strict=True) if grad is not None}


def _convolution(tape: Tape, signal: Tensor) -> dict[str, Tensor] | None:
    """The transposed convolution, all units as one batch: several times faster than autograd's batched signals."""
    name, weight = tape.node.inputs[:2]
    padding = tape.node.argument("padding", 0)
    if tape.live != (name,) or isinstance(padding, str):
        return None
    # One image may be several of the convolution's (groups folded into the batch): units and images make one batch.
    rows = signal.flatten(0, 1)
    shape = (len(rows), *tape.values[name].shape[1:])
    stride, dilation, groups = (tape.node.argument(key, 1) for key in ("stride", "dilation", "groups"))
    down: Tensor = conv2d_input(  # type: ignore[no-untyped-call]
        shape, tape.values[weight], rows, stride, padding, dilation, groups
    )
    return {name: down.reshape(*signal.shape[:2], *down.shape[1:])}


def batch_norm_scale(node: OpNode, values: Mapping[str, Any]) -> Tensor | None:
    """What a batch norm in eval mode multiplies each channel by, shape (channels); None: it takes the batch's own."""
    gain, variance = (bind(node.argument(key), values) for key in ("weight", "running_var"))
    if variance is None:
        return None
    scale: Tensor = (variance + node.argument("eps")).rsqrt()
    return scale if gain is None else scale * gain


def _batch_norm(tape: Tape, signal: Tensor) -> dict[str, Tensor] | None:
    name = tape.node.inputs[0]
    scale = batch_norm_scale(tape.node, tape.values) if tape.live == (name,) else None
    return None if scale is None else {name: signal * scale.view(-1, *[1] * (signal.dim() - 3))}


_CONTIGUOUS = frozenset({"group_norm"})
"""Ops that torch 2.9 cannot derive for many signals at once where channels lie side by side."""

_DIRECT = {"conv2d": _convolution, "batch_norm": _batch_norm}
"""Ops whose vector-Jacobian product is written out, because these are where the time goes; None: not this form."""
