"""The tape of one op on windows: its values where a batch of units looks, and its vector-Jacobian product there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from convscope.engine.gather import Spans, cut_out, positions_back, positions_first, with_border
from convscope.engine.spans import everything
from convscope.graph.geometry import pair
from convscope.graph.opgraph import OpNode
from convscope.rules.local import Local
from convscope.rules.vjp import batch_norm_scale

Trim = tuple[int, int]
"""Padding, and output padding, of a transposed convolution that gives just the map and no border."""


@dataclass(frozen=True)
class WindowTape:
    """An op at the windows ``spans`` of its result, one for each unit; ``values`` are those of the whole image."""

    node: OpNode
    local: Local
    values: Mapping[str, Any]
    live: tuple[str, ...]
    """The inputs that depend on the image; only these can receive a signal."""
    spans: Spans

    @property
    def count(self) -> int:
        """Number of units."""
        return len(self.spans[0].starts)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the windows."""
        return self.spans[0].size, self.spans[1].size

    def lengths(self, name: str) -> tuple[int, int]:
        """Rows and columns of an operand's map."""
        rows, columns = self.local.operands[name].axes
        shape = self.values[name].shape
        return shape[rows], shape[columns]

    def needed(self, name: str) -> Spans:
        """The windows of an operand that those of the result look at; may lie partly outside its map."""
        rows, columns = self.local.operands[name].reach
        return self.spans[0].seen_by(rows), self.spans[1].seen_by(columns)

    def arrival(self, name: str) -> Spans:
        """The windows of an operand that its share of the signal comes at."""
        if self.node.op != "conv2d":
            return self.needed(name)
        rows, columns = (
            span if self.trim(axis) is None else everything(self.count, self.lengths(name)[axis])
            for axis, span in enumerate(self.needed(name))
        )
        return rows, columns

    def trim(self, axis: int) -> Trim | None:
        """How a convolution whose windows are whole axes gives just its map; None where they are not."""
        name = self.node.inputs[0]
        field = self.local.operands[name].reach[axis]
        result = (self.node.shape or ())[self.local.axes[axis]]
        reached = (result - 1) * field.stride + field.size
        behind = self.lengths(name)[axis] - (reached + 2 * field.start)
        fits = field.start <= 0 and 0 <= behind < field.stride
        return (-field.start, behind) if self.size[axis] == result and fits else None

    def window(self, name: str) -> Tensor:
        """The operand's values where the windows look, (units, …), with the border that the op sees."""
        operand = self.local.operands[name]
        return at_windows(self.values[name], operand.axes, self.needed(name), operand.outside)

    def transpose(self, signal: Tensor) -> dict[str, Tensor]:
        """The op's own vector-Jacobian product: ``signal`` (units, *window of the result) -> by operand."""
        if self.local.factor is not None:
            signal = signal * at_windows(self.local.factor.to(signal), self.local.axes, self.spans)
        direct = _DIRECT.get(self.node.op)
        written_out = None if direct is None else direct(self, signal)
        return self._by_autograd(signal) if written_out is None else written_out

    def _by_autograd(self, signal: Tensor) -> dict[str, Tensor]:
        values = {name: self._operand(name) for name in self.node.inputs}
        leaves = {name: values[name].detach().requires_grad_() for name in self.live}
        with torch.inference_mode(False), torch.enable_grad():
            result = self.local.run({**values, **leaves}, self.size)
        if not leaves or not result.requires_grad:
            return {}
        found = torch.autograd.grad(result, list(leaves.values()), signal, allow_unused=True)
        return {name: grad for name, grad in zip(leaves, found, strict=True) if grad is not None}

    def _operand(self, name: str) -> Any:
        if name in self.local.operands:
            return self.window(name)
        value = self.values[name]
        return value.expand(self.count, *value.shape[1:]) if name in self.live else value


def at_windows(value: Tensor, axes: tuple[int, int], spans: Spans, outside: float = 0.0) -> Tensor:
    """Windows (n, …) of a value (1, …), to be read only."""
    maps = positions_first(value, axes)
    rows, columns = spans
    if tuple(maps.shape[1:3]) == (rows.size, columns.size) and not (rows.starts.any() or columns.starts.any()):
        return value.expand(len(rows.starts), *value.shape[1:])
    maps, spans = with_border(maps, spans, outside)
    return positions_back(cut_out(maps, spans), axes)


def _convolution(tape: WindowTape, signal: Tensor) -> dict[str, Tensor] | None:
    """The transposed convolution; of a single position it is a matrix product."""
    name, weight = tape.node.inputs[0], tape.values[tape.node.inputs[1]]
    if tape.live != (name,):
        return None
    stride, dilation = (pair(tape.node.argument(key, 1)) for key in ("stride", "dilation"))
    groups = tape.node.argument("groups", 1)
    trims = tape.trim(0), tape.trim(1)
    if tape.size == (1, 1) and groups == 1 and dilation == [1, 1] and trims == (None, None):
        kernels = weight.movedim(1, 3)  # the order in which a window's numbers lie in memory
        down = signal.flatten(1) @ kernels.flatten(1)
        return {name: down.view(-1, *kernels.shape[1:]).movedim(3, 1)}
    padding, behind = zip(*(trim or (0, 0) for trim in trims), strict=True)
    signal = signal.contiguous(memory_format=torch.channels_last)
    return {name: F.conv_transpose2d(signal, weight, None, stride, padding, behind, groups, dilation)}


def _batch_norm(tape: WindowTape, signal: Tensor) -> dict[str, Tensor] | None:
    name = tape.node.inputs[0]
    scale = batch_norm_scale(tape.node, tape.values) if tape.live == (name,) else None
    return None if scale is None else {name: signal * scale.view(-1, *[1] * (signal.dim() - 2))}


def _relu(tape: WindowTape, signal: Tensor) -> dict[str, Tensor]:
    (name,) = tape.live
    return {name: torch.ops.aten.threshold_backward(signal, tape.window(name), 0)}


def _hardtanh(tape: WindowTape, signal: Tensor) -> dict[str, Tensor]:
    (name,) = tape.live
    low, high = (tape.node.argument(key, usual) for key, usual in (("min_val", -1), ("max_val", 1)))
    return {name: torch.ops.aten.hardtanh_backward(signal, tape.window(name), low, high)}


def _add(tape: WindowTape, signal: Tensor) -> dict[str, Tensor] | None:
    """A sum hands its signal to both operands, if these are of its own shape."""
    shapes = {tuple(tape.values[name].shape) for name in tape.live}
    if tape.node.argument("alpha", 1) != 1 or len(tape.live) != 2 or shapes != {tape.node.shape}:
        return None
    return dict.fromkeys(tape.live, signal)


_DIRECT: Mapping[str, Callable[[WindowTape, Tensor], dict[str, Tensor] | None]] = {
    "conv2d": _convolution,
    "batch_norm": _batch_norm,
    "relu": _relu,
    "hardtanh": _hardtanh,
    "add": _add,
}
"""Ops whose vector-Jacobian product is written out, because these are where the time goes; None: not this form."""
