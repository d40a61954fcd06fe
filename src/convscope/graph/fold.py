"""A graph made cheaper to run: batch normalisation folded into convolutions, results overwritten where nobody looks.

Only for passes that read values off the graph (a scan); the walk down uses the graph as exported.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from convscope.graph.opgraph import OpGraph, OpNode, Ref, bind


def fold_batch_norm(graph: OpGraph, keep: Collection[str]) -> OpGraph:
    """Fold each batch normalisation into the convolution before it.

    Nodes in ``keep`` keep their values (within rounding). The weights are multiplied in float64.
    """
    constants = dict(graph.constants)
    renamed: dict[str, str] = {}
    nodes: list[OpNode] = []
    for node in graph.nodes:
        conv = _foldable(graph, node, keep)
        if conv is None:
            nodes.append(_rename(node, renamed))
            continue
        constants.update(_folded_constants(conv, node, constants))
        place = next(i for i, n in enumerate(nodes) if n.name == conv.name)
        nodes[place] = _with_weights(nodes[place], conv.name)
        renamed[node.name] = conv.name
    output = renamed.get(graph.output, graph.output)
    return OpGraph(tuple(nodes), constants, output, graph.input_shape)


def _foldable(graph: OpGraph, node: OpNode, keep: Collection[str]) -> OpNode | None:
    """The convolution that ``node``, a batch normalisation, can be folded into."""
    if node.op != "batch_norm" or node.name in keep:
        return None
    conv = graph.only_read_here(node.args[0], keep)
    if conv is None or conv.op != "conv2d":
        return None
    fixed = [ref for ref in (*conv.args[1:3], *node.args[1:5]) if isinstance(ref, Ref)]
    return conv if all(ref.name in graph.constants for ref in fixed) else None


def _folded_constants(conv: OpNode, norm: OpNode, constants: dict[str, Tensor]) -> dict[str, Tensor]:
    weight, bias = (bind(conv.argument(name), constants) for name in ("weight", "bias"))
    gain, shift = (bind(norm.argument(name), constants) for name in ("weight", "bias"))
    mean, variance = (bind(norm.argument(name), constants) for name in ("running_mean", "running_var"))
    scale = (variance.double() + norm.argument("eps")).rsqrt()
    scale = scale if gain is None else scale * gain.double()
    offset = (0 if bias is None else bias.double()) - mean.double()
    moved = offset * scale + (0 if shift is None else shift.double())
    folded = weight.double() * scale[:, None, None, None]
    return {f"{conv.name}.weight": folded.to(weight.dtype), f"{conv.name}.bias": moved.to(weight.dtype)}


def _with_weights(conv: OpNode, name: str) -> OpNode:
    return replace(conv, args=(conv.args[0], Ref(f"{name}.weight"), Ref(f"{name}.bias"), *conv.args[3:]))


def _rename(node: OpNode, renamed: dict[str, str]) -> OpNode:
    return replace(node, args=_renamed(node.args, renamed), kwargs=_renamed(node.kwargs, renamed))


def _renamed(value: Any, renamed: dict[str, str]) -> Any:
    if isinstance(value, Ref):
        return Ref(renamed.get(value.name, value.name))
    if isinstance(value, dict):
        return {key: _renamed(item, renamed) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_renamed(item, renamed) for item in value)
    return value


_aten = torch.ops.aten
_IN_PLACE = {
    "relu": _aten.relu_.default,
    "hardtanh": _aten.hardtanh_.default,
    "silu": _aten.silu_.default,
    "hardswish": _aten.hardswish_.default,
    "add": _aten.add_.Tensor,
}
FRESH = frozenset(["conv2d", "batch_norm", "add", "max_pool2d", "cat"])
"""Ops whose result is new memory that nothing else can see."""


def overwrite(graph: OpGraph, keep: Collection[str]) -> OpGraph:
    """Let an op write over its first operand where that is fresh, read by nobody else and not in ``keep``."""
    return replace_nodes(graph, tuple(_overwriting(graph, node, keep) for node in graph.nodes))


def _overwriting(graph: OpGraph, node: OpNode, keep: Collection[str]) -> OpNode:
    target = _IN_PLACE.get(node.op)
    if target is None or (node.op == "add" and not isinstance(node.args[1], Ref)):
        return node
    source = graph.only_read_here(node.args[0], keep)
    if source is None or source.op not in FRESH or source.shape != node.shape:
        return node
    return replace(node, target=target)


def any_layout(graph: OpGraph) -> OpGraph:
    """The same graph for maps in any memory layout: a ``view`` holds only for the layout that was exported."""
    reshape = _aten.reshape.default
    views = {"view", "_unsafe_view"}
    return replace_nodes(graph, tuple(replace(n, target=reshape) if n.op in views else n for n in graph.nodes))


def channels_last(graph: OpGraph) -> OpGraph:
    """The same graph, its constants with four axes in the layout that is fastest for maps, within rounding.

    All maps have it. A transposed convolution of small windows takes half the time if its weights have it too.
    """
    constants = {name: _laid_out(value) for name, value in graph.constants.items()}
    return OpGraph(graph.nodes, constants, graph.output, graph.input_shape)


def _laid_out(value: Tensor) -> Tensor:
    return value.contiguous(memory_format=torch.channels_last) if value.dim() == 4 else value


def nest_concatenations(graph: OpGraph) -> OpGraph:
    """A concatenation that begins with all that an earlier one holds takes that one's result instead.

    A dense block joins the maps of all its layers again before each layer; so each of them is moved once, not often.
    """
    held: dict[tuple[Any, ...], str] = {}
    nodes = []
    for node in graph.nodes:
        if node.op == "cat":
            parts, dim = tuple(node.argument("tensors")), node.argument("dim", 0)
            begun = max((n for n in range(2, len(parts)) if (parts[:n], dim) in held), default=0)
            held[parts, dim] = node.name
            if begun:
                joined = [Ref(held[parts[:begun], dim]), *parts[begun:]]
                node = replace(node, args=(joined, dim), kwargs={})
        nodes.append(node)
    return replace_nodes(graph, tuple(nodes))


def linear_first(graph: OpGraph) -> OpGraph:
    """``linear(transpose(x))`` as ``transpose(linear(x))``, where the transposition leaves the last axis alone.

    The numbers are the same; but a matrix product over memory that lies in order takes half the time.
    """
    nodes: list[OpNode] = []
    for node in graph.nodes:
        source = _transposition_before(graph, node)
        if source is None:
            nodes.append(node)
            continue
        first, second = source.args[1:]
        shape = list(node.shape or ())
        shape[first], shape[second] = shape[second], shape[first]
        ahead = replace(node, name=f"{node.name}.ahead", args=(source.args[0], *node.args[1:]), shape=tuple(shape))
        behind = replace(
            node,
            op=source.op,
            target=source.target,
            args=(Ref(ahead.name), first, second),
            kwargs={},
            parameters=source.parameters,
        )
        nodes += [ahead, behind]
    return replace_nodes(graph, tuple(nodes))


def _transposition_before(graph: OpGraph, node: OpNode) -> OpNode | None:
    operand = node.args[0] if node.op == "linear" else None
    source = graph.by_name.get(operand.name) if isinstance(operand, Ref) else None
    if source is None or source.op != "transpose" or len(source.args) != 3 or source.shape is None:
        return None
    last = len(source.shape) - 1
    return source if all(axis % (last + 1) != last for axis in source.args[1:]) else None


def replace_nodes(graph: OpGraph, nodes: tuple[OpNode, ...]) -> OpGraph:
    """The same graph with other nodes."""
    return OpGraph(nodes, graph.constants, graph.output, graph.input_shape)
