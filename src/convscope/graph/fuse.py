"""Convolutions that rectify, and add a residual, while the result is still in the processor's cache.

oneDNN can do both as part of a convolution; PyTorch's own compiler uses the same ops. They give the same numbers and
save one or two trips of every map through memory, which is where a scan's time on a CPU goes beside the convolutions.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import torch

from convscope.finite import is_finite
from convscope.graph.fold import FRESH, overwrite, replace_nodes
from convscope.graph.geometry import pair
from convscope.graph.opgraph import INPUT, OpGraph, OpNode, Ref
from convscope.graph.products import fuse_products, has_products

SUMMED = "conv2d_sum"
"""Name of the fused op that also adds a map, its argument ``other``, and writes the sum over that."""
_CONVOLUTION = ("input", "weight", "bias", "padding", "stride", "dilation", "groups")
"""The fused ops' arguments by the names that the plain one gives them."""
_UNDEFINED = frozenset(["sqrt", "rsqrt", "log", "reciprocal"])
"""Ops that have no answer to some finite numbers; a division by something that the image decides is one as well."""
_KEEPING = frozenset(["add", "clamp", "clamp_min", "maximum"])
_PASSING = frozenset(["pow", "sqrt", "rsqrt", "expand", "view", "reshape", "unsqueeze", "squeeze", "mul", "clone"])
_RECTIFIERS = frozenset(["relu", "relu6", "hardtanh"])
_COPYING = frozenset("conv2d add max_pool2d avg_pool2d adaptive_avg_pool2d mean".split())
"""Readers that keep nothing of the memory they read, unlike a view."""


def can_fuse(graph: OpGraph, device: torch.device) -> bool:
    """Whether this build of PyTorch has the fused ops, and they serve this device and these numbers.

    The fused rectifier turns NaN into 0, so weights that are not finite take the ordinary way and are found out.
    """
    numbers = [value for value in graph.constants.values() if value.is_floating_point()]
    single = all(value.dtype == torch.float32 and is_finite(value) for value in numbers)
    available: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    built = available and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
    return device.type == "cpu" and single and built


def _hides_nan(graph: OpGraph) -> bool:
    """Whether finite images and weights may become NaN on the way, as in a division by zero, and meet a rectifier."""
    live, undefined = {INPUT}, set[str]()
    for node in graph.nodes:
        if live.isdisjoint(node.inputs):
            continue
        live.add(node.name)
        place = 0 if node.op in _UNDEFINED else 1 if node.op == "div" else None
        operand = None if place is None or len(node.args) <= place else node.args[place]
        may = isinstance(operand, Ref) and operand.name in live and not _kept_from_zero(graph, operand.name)
        if may or not undefined.isdisjoint(node.inputs):
            undefined.add(node.name)
            if node.op in _RECTIFIERS:
                return True
    return False


def _kept_from_zero(graph: OpGraph, name: str) -> bool:
    """Whether a number above zero was added, or is the least, on the way to a divisor: then it was thought of."""
    while (node := graph.by_name.get(name)) is not None:
        if node.op in _KEEPING:
            return any(isinstance(value, int | float) and value > 0 for value in node.args[1:])
        first = node.args[0] if node.args else None
        if node.op not in _PASSING or not isinstance(first, Ref):
            return False
        name = first.name
    return False


def make_lean(graph: OpGraph, keep: Collection[str], device: torch.device) -> OpGraph:
    """A graph that touches memory as little as its device and numbers allow; nodes in ``keep`` keep their values."""
    if can_fuse(graph, device) and not _hides_nan(graph):
        graph = fuse_rectifiers(graph, keep)
        graph = fuse_products(graph, keep) if has_products() else graph
    return overwrite(graph, keep)


def fuse_rectifiers(graph: OpGraph, keep: Collection[str]) -> OpGraph:
    """Each ``relu(conv(x))`` and ``relu(conv(x) + y)`` as one node, unless a node in between is in ``keep``."""
    place = {node.name: number for number, node in enumerate(graph.nodes)}
    swallowed: set[str] = set()
    nodes = []
    for node in graph.nodes:
        fused = _fused(graph, node, keep, place)
        if fused is not None:
            node, gone = fused
            swallowed |= gone
        nodes.append(node)
    return replace_nodes(graph, tuple(node for node in nodes if node.name not in swallowed))


def _fused(
    graph: OpGraph, relu: OpNode, keep: Collection[str], place: Mapping[str, int]
) -> tuple[OpNode, set[str]] | None:
    """The node that does the work of ``relu`` and of those before it, and the names of these."""
    source = graph.only_read_here(relu.args[0], keep) if relu.op == "relu" else None
    if source is None:
        return None
    if _is_plain_convolution(source):
        call = (*_convolution(source), "relu", [], "")
        target = torch.ops.mkldnn._convolution_pointwise.default
        return replace(relu, op="conv2d", target=target, args=call, parameters=_CONVOLUTION), {source.name}
    return _fused_sum(graph, relu, source, keep, place) if source.op == "add" else None


def _fused_sum(
    graph: OpGraph, relu: OpNode, add: OpNode, keep: Collection[str], place: Mapping[str, int]
) -> tuple[OpNode, set[str]] | None:
    """``relu(conv(x) + y)``, written over y; y must be new memory, not x, and nobody may read it after the sum."""
    if len(add.args) != 2 or add.kwargs:
        return None
    for conv, other in (add.args, add.args[::-1]):
        made = graph.only_read_here(conv, keep)
        spare = graph.by_name.get(other.name) if isinstance(other, Ref) else None
        if made is None or spare is None or not _is_plain_convolution(made) or spare.name in made.inputs:
            continue
        others = [reader for reader in graph.readers[spare.name] if reader is not add]
        free = all(r.op in _COPYING and _done_by(graph, r, place) < place[relu.name] for r in others)
        if free and spare.op in FRESH | {"relu"} and spare.shape == made.shape:
            call = (other, *_convolution(made), "add", 1.0, "relu", [], "")
            target = torch.ops.mkldnn._convolution_pointwise_.binary
            names = ("other", *_CONVOLUTION)
            return replace(relu, op=SUMMED, target=target, args=call, parameters=names), {made.name, add.name}
    return None


def _done_by(graph: OpGraph, reader: OpNode, place: Mapping[str, int]) -> int:
    """The latest place at which a reader reads: a convolution that is fused does so where its relu stood."""
    for _ in ("sum", "relu"):
        following = graph.readers.get(reader.name, ())
        if len(following) == 1:
            reader = following[0]
    return place[reader.name]


def _is_plain_convolution(node: OpNode) -> bool:
    return node.op == "conv2d" and node.target is torch.ops.aten.conv2d.default


def _convolution(node: OpNode) -> tuple[Any, ...]:
    """Operands and geometry in the order of the fused ops."""
    weight, bias = node.argument("weight"), node.argument("bias")
    padding, stride, dilation = (pair(node.argument(n, d)) for n, d in (("padding", 0), ("stride", 1), ("dilation", 1)))
    return node.args[0], weight, bias, padding, stride, dilation, node.argument("groups", 1)
