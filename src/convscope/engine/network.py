"""A graph made ready for sweeps: folded, fused, and what is known of it before any occluder."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from convscope.graph.fold import fold_batch_norm, linear_first, nest_concatenations
from convscope.graph.fuse import make_lean
from convscope.graph.opgraph import INPUT, OpGraph, OpNode, evaluate
from convscope.rules.local import Local, local_ops
from convscope.rules.windows import Sight, sights

_CPU = torch.device("cpu")


@dataclass(frozen=True, eq=False)
class Network:
    """``plain`` keeps all values of the bare image, ``graph`` is the same made fast; ``shown`` may be looked at."""

    plain: OpGraph
    graph: OpGraph
    shown: frozenset[str]
    plans: dict[Any, Any] = field(default_factory=dict, repr=False)
    """What was planned for it, by question."""

    @cached_property
    def ops(self) -> Mapping[str, Local]:
        """The ops that can be run on windows."""
        return local_ops(self.graph)

    @cached_property
    def sights(self) -> Mapping[str, Sight]:
        """What positions of a value see, for each value that depends on the image."""
        return sights(self.graph)

    @property
    def live(self) -> Collection[str]:
        """The values that depend on the image."""
        return self.sights.keys()

    @cached_property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Shapes for one image, of constants too."""
        values = {n.name: n.shape for n in self.graph.nodes if n.shape is not None}
        constants = {name: tuple(value.shape) for name, value in self.graph.constants.items()}
        return {INPUT: self.graph.input_shape, **constants, **values}

    @cached_property
    def windowable(self) -> frozenset[str]:
        """Values that differ from the bare image's in a window only."""
        found = {INPUT}
        for node in self.graph.nodes:
            if node.name in self.ops and self._changes_locally(node, found):
                found.add(node.name)
        return frozenset(found)

    def _changes_locally(self, node: OpNode, found: set[str]) -> bool:
        op = self.ops[node.name]
        known = found | set(self.graph.constants)
        moving = all(name in found and name in op.operands for name in node.inputs if name in self.live)
        return moving and (op.sized or all(name in known for name in node.inputs))

    @property
    def device(self) -> torch.device:
        """Where the constants are."""
        return self.plain.device or _CPU

    def values_of(self, image: Tensor, wanted: Collection[str]) -> dict[str, Any]:
        """The values ``wanted`` for one image (1, channels, height, width), those they are made of, and constants."""
        values: dict[str, Any] = dict(self.plain.constants)
        values[INPUT] = image.to(self.device).contiguous(memory_format=torch.channels_last)
        for node in self.plain.ancestors(*wanted):
            values[node.name] = evaluate(node, values)
        return values


_ready: WeakKeyDictionary[OpGraph, dict[frozenset[str], Network]] = WeakKeyDictionary()


def network_of(graph: OpGraph, shown: frozenset[str]) -> Network:
    """The graph up to the nodes ``shown``, ready for sweeps; made once for as long as the graph lives."""
    made = _ready.setdefault(graph, {})
    if shown not in made:
        made[shown] = _network(graph, shown)
    return made[shown]


def _network(graph: OpGraph, shown: frozenset[str]) -> Network:
    cut = OpGraph(graph.ancestors(*shown), graph.constants, graph.output, graph.input_shape)
    folded = nest_concatenations(linear_first(fold_batch_norm(cut, shown)))
    used = {name for node in folded.nodes for name in node.inputs}
    constants = {name: value for name, value in folded.constants.items() if name in used}
    plain = OpGraph(folded.nodes, constants, folded.output, folded.input_shape)
    return Network(plain, make_lean(plain, shown, plain.device or _CPU), shown)
