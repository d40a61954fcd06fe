"""Linear layers by oneDNN, with the rectifier behind them done while the result is still in the processor's cache.

The library behind PyTorch's own linear layers is at its best on processors of its maker. oneDNN, which PyTorch brings
along for convolutions, was faster in every shape that was tried (bench/products.py); same numbers, within rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

import torch

from convscope.graph.fold import replace_nodes
from convscope.graph.opgraph import OpGraph, OpNode, Ref

Behind = tuple[str, str]
"""What a linear layer does to its result: the names of an activation and of the way it is computed."""
_NOTHING: Behind = ("none", "")
_BEHIND: Mapping[str, Callable[[OpNode], Behind]] = {
    "relu": lambda _: ("relu", ""),
    "gelu": lambda node: ("gelu", str(node.argument("approximate", "none"))),
}
_PARAMETERS = ("input", "weight", "bias")
"""The fused op's arguments by the names that the plain one gives them."""


def has_products() -> bool:
    """Whether this build of PyTorch has the op."""
    return hasattr(torch.ops.mkldnn, "_linear_pointwise")


def fuse_products(graph: OpGraph, keep: Collection[str]) -> OpGraph:
    """Each ``linear(x)``, and each ``relu`` or ``gelu`` of one, as one call of oneDNN; ``keep`` keep their values."""
    swallowed: set[str] = set()
    nodes = []
    for node in graph.nodes:
        source = graph.only_read_here(node.args[0], keep) if node.op in _BEHIND else None
        if source is not None and _is_plain(graph, source):
            swallowed.add(source.name)
            nodes.append(_call(replace(node, op=source.op), source, _BEHIND[node.op](node)))
        else:
            nodes.append(_call(node, node, _NOTHING) if _is_plain(graph, node) else node)
    return replace_nodes(graph, tuple(node for node in nodes if node.name not in swallowed))


def _is_plain(graph: OpGraph, node: OpNode) -> bool:
    """A linear layer with constant weights that lie in order."""
    if node.target is not torch.ops.aten.linear.default:
        return False
    weight, bias = (node.argument(name) for name in ("weight", "bias"))
    given = [each for each in (weight, bias) if isinstance(each, Ref)]
    fixed = isinstance(weight, Ref) and all(ref.name in graph.constants for ref in given)
    return fixed and graph.constants[weight.name].is_contiguous()


def _call(node: OpNode, linear: OpNode, behind: Behind) -> OpNode:
    """``node``, computed from the operands of ``linear`` in one go."""
    attribute, algorithm = behind
    call = (*(linear.argument(name) for name in _PARAMETERS), attribute, [], algorithm)
    target = torch.ops.mkldnn._linear_pointwise.default
    return replace(node, target=target, args=call, kwargs={}, parameters=_PARAMETERS)
