"""What an op costs: multiply-adds and bytes, and a guess at the seconds, good enough to choose between two ways."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from convscope.graph.fuse import SUMMED
from convscope.graph.opgraph import OpGraph, OpNode, Ref


@dataclass(frozen=True)
class Work:
    """Multiply-adds, bytes read and written, and calls of an op, and how many of these are the first of their shape."""

    multiply_adds: float = 0.0
    bytes: float = 0.0
    calls: float = 0.0
    shapes: float = 0.0


@dataclass(frozen=True)
class Machine:
    """What one kind of device gets done, roughly; only the ratios decide anything."""

    multiply_adds_per_second: float
    bytes_per_second: float
    seconds_per_call: float
    seconds_per_shape: float
    """For the first call of a convolution with operands of one shape, for which oneDNN writes a program of its own."""

    def seconds(self, work: Work) -> float:
        """Predicted time of some work."""
        return (
            work.multiply_adds / self.multiply_adds_per_second
            + work.bytes / self.bytes_per_second
            + work.calls * self.seconds_per_call
            + work.shapes * self.seconds_per_shape
        )


MACHINES = {"cpu": Machine(100e9, 12e9, 10e-6, 300e-6), "cuda": Machine(10e12, 1e12, 10e-6, 0.0)}
"""Fixed numbers, so that the same question is always answered by the same sums, in the same order."""

_CONVOLUTIONS = ("conv2d", SUMMED)
_NARROW = 16
"""Channels of a group below which a convolution is no matrix product any more."""
FLOAT_BYTES = 4


def multiply_adds(graph: OpGraph, node: OpNode, shape: tuple[int, ...]) -> float:
    """Of one op whose result has ``shape``; grouped convolutions count as the dense ones that take as long."""
    weight = _weight(graph, node)
    if weight is None:
        return 0.0
    per_value = prod(weight[1:])
    if is_convolution(node):
        return prod(shape) * per_value * max(1.0, _NARROW / weight[1])
    return float(prod(shape) * per_value)


def is_convolution(node: OpNode) -> bool:
    """Whether the op is a convolution, fused with others or not."""
    return node.op in _CONVOLUTIONS


def weight_bytes(graph: OpGraph, node: OpNode) -> float:
    """Bytes of the weights that each call reads."""
    weight = _weight(graph, node)
    return 0.0 if weight is None else float(prod(weight) * FLOAT_BYTES)


def _weight(graph: OpGraph, node: OpNode) -> tuple[int, ...] | None:
    if node.op not in (*_CONVOLUTIONS, "linear"):
        return None
    source = node.argument("weight")
    constant = graph.constants.get(source.name) if isinstance(source, Ref) else None
    return None if constant is None else tuple(constant.shape)
