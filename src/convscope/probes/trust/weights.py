"""The learned weights of a graph, and new ones in their place."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from convscope.graph.opgraph import OpGraph, OpNode, Ref

Weights = Mapping[str, Tensor]
"""New values for constants of a graph, by name."""

_NAMED: Mapping[str, tuple[str, str]] = {
    "conv1d": ("weight", "bias"),
    "conv2d": ("weight", "bias"),
    "conv3d": ("weight", "bias"),
    "conv_transpose2d": ("weight", "bias"),
    "linear": ("weight", "bias"),
    "addmm": ("mat2", "self"),
    "matmul": ("other", ""),
    "mm": ("mat2", ""),
}
"""Ops with learned weights: what their schemas call the weights, and the bias."""


def weighted_nodes(graph: OpGraph, *names: str) -> tuple[OpNode, ...]:
    """The ops with learned weights that the nodes ``names`` are made by, in execution order."""
    return tuple(node for node in graph.ancestors(*names) if has_weights(graph, node))


def has_weights(graph: OpGraph, node: OpNode) -> bool:
    """Whether an op has weights that are fixed, and not worked out from the image."""
    return weight_name(graph, node) is not None


def weight_name(graph: OpGraph, node: OpNode) -> str | None:
    """The constant that holds an op's weights; None if there is none."""
    return _constant(graph, node, 0)


def bias_name(graph: OpGraph, node: OpNode) -> str | None:
    """The constant that holds an op's bias; None if there is none."""
    return _constant(graph, node, 1)


def _constant(graph: OpGraph, node: OpNode, which: int) -> str | None:
    named = _NAMED.get(node.op)
    argument = node.argument(named[which]) if named else None
    return argument.name if isinstance(argument, Ref) and argument.name in graph.constants else None


def fresh_weights(graph: OpGraph, nodes: Iterable[OpNode], seed: int) -> Weights:
    """New weights for these ops: normal with variance 2 / fan-in (He et al. 2015), biases 0.

    So what passes through keeps its scale from layer to layer. The numbers of a tensor depend on its name and ``seed``
    alone: networks re-initialised to different depths share what is new in both, and a weight used twice stays one.
    """
    made: dict[str, Tensor] = {}
    for node in nodes:
        weight, bias = weight_name(graph, node), bias_name(graph, node)
        if weight is not None:
            made[weight] = _drawn(graph.constants[weight], f"{seed} {weight}")
        if bias is not None:
            made[bias] = torch.zeros_like(graph.constants[bias])
    return made


def _drawn(like: Tensor, key: str) -> Tensor:
    number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:7])
    generator = torch.Generator().manual_seed(number)
    fan_in = max(1, like.numel() // max(1, len(like)))
    # Drawn on the CPU and in double precision, so that a device or a precision has no numbers of its own.
    drawn = torch.randn(like.shape, generator=generator, dtype=torch.float64)
    return drawn.mul_((2 / fan_in) ** 0.5).to(like)
