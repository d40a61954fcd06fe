"""Where a network's units answer, and within which limits: layers, hidden vectors, and whatever can saturate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from convscope.engine.layers import layers
from convscope.graph.opgraph import OpGraph, OpNode
from convscope.probes.diagnosis.result import LeftOut
from convscope.probes.invariance.watched import classifier
from convscope.rules.kinds import Kind, kind_of

Bounds = tuple[float | None, float | None, float | None]
"""What a silent unit gives behind a rectifier; the limits below and above at which the op saturates."""

_UNBOUNDED: Bounds = (None, None, None)
_TAIL = 0.01
"""A sigmoid nearer to 0 or 1, or a hyperbolic tangent nearer to -1 or 1, is saturated."""


def _cut(low: object, high: object) -> Bounds:
    """A clamp: a lower bound of 0 makes it a rectifier, any other bound a limit."""
    below = float(low) if isinstance(low, int | float) else None
    above = float(high) if isinstance(high, int | float) else None
    return (0.0, None, above) if below == 0 else (None, below, above)


_BOUNDS: Mapping[str, Callable[[OpNode], Bounds]] = {
    "relu": lambda _: (0.0, None, None),
    "relu6": lambda _: (0.0, None, 6.0),
    "hardtanh": lambda node: _cut(node.argument("min_val", -1.0), node.argument("max_val", 1.0)),
    "clamp": lambda node: _cut(node.argument("min"), node.argument("max")),
    "clamp_min": lambda node: _cut(node.argument("min"), None),
    "sigmoid": lambda _: (None, _TAIL, 1 - _TAIL),
    "hardsigmoid": lambda _: (None, 0.0, 1.0),
    "tanh": lambda _: (None, _TAIL - 1, 1 - _TAIL),
}
_PASSED = frozenset([*"batch_norm dropout feature_dropout clone silu gelu hardswish elu leaky_relu".split(), *_BOUNDS])
"""Ops that a convolution's result passes through channel by channel."""

_OF_VECTORS = _PASSED | {"linear"}
"""Ops that make hidden vectors; what only writes a map as a row has that map's units."""


@dataclass(frozen=True)
class Site:
    """A node whose channels are units: maps (1, units, rows, columns) or a vector (1, units)."""

    node: str
    address: str
    op: str
    units: int
    bounds: Bounds
    gate: bool = False
    """Only looked at for its limits: neither a layer nor a hidden vector."""


def find_sites(graph: OpGraph) -> tuple[tuple[Site, ...], tuple[LeftOut, ...]]:
    """The default layers, followed to a rectifier with a ceiling; hidden vectors; all that saturates; in order."""
    found = {_to_ceiling(graph, graph.by_name[layer.node]).name for layer in layers(graph)}
    found |= {node.name for node in classifier(graph) if node.name != graph.output and node.op in _OF_VECTORS}
    gates = {node.name for node in graph.nodes if _saturates(graph, node)} - found
    tokens = [node for node in graph.nodes if node.op == "linear" and len(node.shape or ()) > 2]
    missing = [LeftOut(f"units of {len(tokens)} linear layers", "they make tokens, not maps or vectors")] * bool(tokens)
    chosen = [node for node in graph.nodes if node.name in found | gates]
    return tuple(_site(node, gate=node.name in gates) for node in chosen), tuple(missing)


def _site(node: OpNode, *, gate: bool) -> Site:
    return Site(node.name, node.address, node.op, (node.shape or ())[1], bounds_of(node), gate)


def bounds_of(node: OpNode) -> Bounds:
    """Within which limits an op's results lie."""
    known = _BOUNDS.get(node.op)
    return _UNBOUNDED if known is None else known(node)


def _to_ceiling(graph: OpGraph, node: OpNode) -> OpNode:
    """The rectifier with a ceiling behind a layer, where the layer's map itself stops before it."""
    readers = graph.readers.get(node.name, ())
    if len(readers) == 1 and bounds_of(readers[0])[2] is not None and bounds_of(readers[0])[0] is not None:
        return readers[0]
    return node


def _saturates(graph: OpGraph, node: OpNode) -> bool:
    """An op with limits, and units; not the gate inside a SiLU that is written out, whose tails are its purpose."""
    shaped = node.shape is not None and len(node.shape) in (2, 4) and node.shape[0] == 1
    if not shaped or node.name == graph.output or bounds_of(node)[1:] == (None, None):
        return False
    readers = graph.readers.get(node.name, ())
    return not any(reader.op == "mul" and kind_of(graph, reader) is Kind.SOFT_RECTIFIER for reader in readers)


def site_behind(graph: OpGraph, name: str, sites: tuple[Site, ...]) -> str | None:
    """Address of the site whose units are those of the convolution ``name``, channel by channel; or None."""
    at = {site.node: site.address for site in sites}
    node = graph.by_name[name]
    while node.name not in at:
        readers = graph.readers.get(node.name, ())
        if len(readers) != 1 or readers[0].op not in _PASSED or readers[0].shape != node.shape:
            return None
        node = readers[0]
    return at[node.name]
