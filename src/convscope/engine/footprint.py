"""What a network takes: bytes of its weights and values, and predicted seconds of a pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import prod

from convscope.engine.cost import FLOAT_BYTES, MACHINES, Work, multiply_adds, weight_bytes
from convscope.graph.opgraph import INPUT, OpGraph, OpNode


@dataclass(frozen=True)
class Footprint:
    """Of one image on its way to some layers, in bytes; seconds are those of a fixed, imagined machine."""

    weights: int
    """Of one copy."""
    alive: int
    """Of the values that a pass holds at once, at most."""
    kept: int
    """Of all values."""
    widest: int
    """Of the largest value."""
    predicted: float
    reached: Mapping[str, float]
    """Predicted seconds until the value of each shown node is there."""


def footprint(graph: OpGraph, shown: Sequence[str]) -> Footprint:
    """Of ``graph`` up to the nodes ``shown``."""
    nodes = graph.ancestors(*shown)
    sizes = {INPUT: _bytes(graph.input_shape)} | {node.name: _bytes(node.shape) for node in nodes}
    used = {name for node in nodes for name in node.inputs} & graph.constants.keys()
    seconds = [MACHINES["cpu"].seconds(_work(graph, node, sizes)) for node in nodes]
    after = dict(zip((node.name for node in nodes), accumulate(seconds), strict=True))
    return Footprint(
        weights=sum(graph.constants[name].nbytes for name in used),
        alive=_alive(nodes, sizes),
        kept=sum(sizes.values()),
        widest=max(sizes.values()),
        predicted=sum(seconds),
        reached={name: after[name] for name in shown},
    )


def _bytes(shape: tuple[int, ...] | None) -> int:
    return 0 if shape is None else prod(shape) * FLOAT_BYTES


def _alive(nodes: Sequence[OpNode], sizes: dict[str, int]) -> int:
    last = {name: number for number, node in enumerate(nodes) for name in node.inputs}
    held, most = sizes[INPUT], 0
    for number, node in enumerate(nodes):
        held += sizes[node.name]
        most = max(most, held)
        gone = {name for name in (node.name, *node.inputs) if last.get(name, number) == number}
        held -= sum(sizes.get(name, 0) for name in gone)
    return most


def _work(graph: OpGraph, node: OpNode, sizes: dict[str, int]) -> Work:
    moved = sizes[node.name] + sum(sizes.get(name, 0) for name in node.inputs) + weight_bytes(graph, node)
    return Work(multiply_adds(graph, node, node.shape or ()), moved, 1)
