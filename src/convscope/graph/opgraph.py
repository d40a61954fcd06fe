"""OpGraph: a network as a flat, frozen list of pure ops. No modules, no hooks, no in-place surprises.

A node's arguments are plain values, ``Ref`` to other nodes or constants, and (nested) lists of them. Every node has one
result: a tensor, or a Python number that depends on the batch size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

INPUT = "input"


@dataclass(frozen=True)
class Ref:
    """A reference to the result of a node, to a constant, or to the graph's input."""

    name: str


@dataclass(frozen=True)
class _OpName:
    """An op of torch's by name: ``aten``, ``conv2d``, ``default``."""

    namespace: str
    op: str
    overload: str

    def found(self) -> Callable[..., Any]:
        """The op that this torch has under the name."""
        op: Callable[..., Any] = getattr(getattr(getattr(torch.ops, self.namespace), self.op), self.overload)
        return op


@dataclass(frozen=True)
class OpNode:
    """One op: ``target(*args, **kwargs)``, then ``[select]`` where the op gives a tuple."""

    name: str
    op: str
    """Name of the op without overload, e.g. ``conv2d``."""
    target: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    parameters: tuple[str, ...]
    """The op schema's argument names, in order."""
    module: str
    """Path of the innermost module that ran the op; empty for the root."""
    modules: tuple[str, ...]
    """Paths of all enclosing modules, outermost first."""
    address: str
    shape: tuple[int, ...] | None
    """Shape of the result for one image, batch axis included; None for a number."""
    select: int | None = None

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Names referred to, in order of first appearance."""
        return tuple(dict.fromkeys(ref.name for ref in references((self.args, self.kwargs))))

    def argument(self, name: str, default: Any = None) -> Any:
        """The value of the schema argument ``name``, or ``default`` where the call leaves it out."""
        if name in self.kwargs:
            return self.kwargs[name]
        place = self.parameters.index(name) if name in self.parameters else len(self.args)
        return self.args[place] if place < len(self.args) else default

    def __getstate__(self) -> dict[str, Any]:
        """For another process: an op of torch's goes by its name, as it cannot be pickled."""
        target = self.target
        named = _OpName(*str(target).split(".")) if isinstance(target, torch._ops.OpOverload) else target
        return {**self.__dict__, "target": named}

    def __setstate__(self, state: dict[str, Any]) -> None:
        named = state["target"]
        self.__dict__.update(state, target=named.found() if isinstance(named, _OpName) else named)

    def where(self) -> str:
        """The node in words, for messages: op, address, shape."""
        return f"op {self.op!r} at {self.address!r} (node {self.name}, result {self.shape})"


@dataclass(frozen=True, eq=False)
class OpGraph:
    """Nodes in execution order, with the constants they use; ``output`` names the node of the model's result.

    A graph equals only itself: what is worked out about it can be kept beside it.
    """

    nodes: tuple[OpNode, ...]
    constants: Mapping[str, Tensor]
    output: str
    input_shape: tuple[int, ...]
    """Shape of one image as the model takes it, batch axis included: (1, channels, height, width)."""
    by_name: Mapping[str, OpNode] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {node.name: node for node in self.nodes})

    @property
    def device(self) -> torch.device | None:
        """Where the constants are; None for a graph without any."""
        return next((value.device for value in self.constants.values()), None)

    @cached_property
    def readers(self) -> Mapping[str, tuple[OpNode, ...]]:
        """For each name, the nodes that use it."""
        found: dict[str, list[OpNode]] = {}
        for node in self.nodes:
            for name in node.inputs:
                found.setdefault(name, []).append(node)
        return {name: tuple(nodes) for name, nodes in found.items()}

    def only_read_here(self, operand: Any, keep: Collection[str]) -> OpNode | None:
        """The node behind the operand of some node, if nobody else reads it and it is not in ``keep``."""
        node = self.by_name.get(operand.name) if isinstance(operand, Ref) else None
        return node if node is not None and len(self.readers[node.name]) == 1 and node.name not in keep else None

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the ops and how they are wired, without the numbers in the constants."""
        lines = (f"{n.name} {n.op} {n.args} {dict(n.kwargs)} {n.select} {n.shape}\n" for n in self.nodes)
        return hashlib.sha256("".join([str(self.input_shape), self.output, *lines]).encode()).hexdigest()

    def to(self, device: str) -> OpGraph:
        """The same graph with its constants on ``device``."""
        constants = {name: value.to(device) for name, value in self.constants.items()}
        return OpGraph(self.nodes, constants, self.output, self.input_shape)

    def ancestors(self, *names: str) -> tuple[OpNode, ...]:
        """The nodes needed for ``names``, themselves included, in execution order."""
        wanted = set(names)
        kept = []
        for node in reversed(self.nodes):
            if node.name in wanted:
                wanted.update(node.inputs)
                kept.append(node)
        return tuple(reversed(kept))


def references(value: Any) -> Iterator[Ref]:
    """All references inside nested lists, tuples and dicts."""
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, Mapping):
        yield from references(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from references(item)


def bind(value: Any, values: Mapping[str, Any]) -> Any:
    """``value`` with every reference replaced by what ``values`` holds for it."""
    if isinstance(value, Ref):
        return values[value.name]
    if isinstance(value, Mapping):
        return {key: bind(item, values) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(bind(item, values) for item in value)
    return value


def evaluate(node: OpNode, values: Mapping[str, Any]) -> Any:
    """Run one op on the values of its inputs."""
    result = node.target(*bind(node.args, values), **bind(node.kwargs, values))
    return result if node.select is None else result[node.select]
