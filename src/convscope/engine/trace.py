"""The forward pass of one image with every value kept, ready to go down from any layer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from convscope.engine.gather import Spans
from convscope.engine.unpool import Taps, taps
from convscope.engine.windowtape import WindowTape
from convscope.graph.opgraph import INPUT, OpGraph, OpNode, evaluate
from convscope.rules.local import Local, local_ops
from convscope.rules.vjp import Tape


@dataclass(frozen=True)
class Trace:
    """The values of all nodes that the traced layers need, for one image of shape (1, channels, height, width)."""

    graph: OpGraph
    values: Mapping[str, Any]
    local: Mapping[str, Local] = field(repr=False)
    _tapes: dict[str, Tape] = field(default_factory=dict, repr=False)
    _taps: dict[tuple[str, str], Taps] = field(default_factory=dict, repr=False)

    def tape(self, node: OpNode) -> Tape:
        """The tape of one op; made once and shared by all units that pass through it."""
        if node.name not in self._tapes:
            self._tapes[node.name] = Tape(node, self._inputs(node), self._live(node))
        return self._tapes[node.name]

    def window_tape(self, node: OpNode, spans: Spans) -> WindowTape:
        """The tape of one op at windows of its result, one for each unit."""
        return WindowTape(node, self.local[node.name], self._inputs(node), self._live(node), spans)

    def taps(self, node: OpNode, unpool: str) -> Taps:
        """How a max pooling unpools on windows; found once and shared by all units."""
        if (node.name, unpool) not in self._taps:
            self._taps[node.name, unpool] = taps(node, self.values[node.inputs[0]], unpool)
        return self._taps[node.name, unpool]

    def _inputs(self, node: OpNode) -> dict[str, Any]:
        return {name: self.values[name] for name in node.inputs}

    def _live(self, node: OpNode) -> tuple[str, ...]:
        return tuple(name for name in node.inputs if self._carries_signal(name))

    def _carries_signal(self, name: str) -> bool:
        value = self.values[name]
        computed = name == INPUT or name in self.graph.by_name
        return computed and isinstance(value, Tensor) and value.is_floating_point()


def trace(graph: OpGraph, image: Tensor, *layers: str) -> Trace:
    """Run ``image``, float tensor (1, channels, height, width), up to the nodes named by ``layers``."""
    device = graph.device or image.device
    # Windows are cut out of the values, a position's channels together: so they should lie together.
    pixels = image.to(device).contiguous(memory_format=torch.channels_last)
    values: dict[str, Any] = {**graph.constants, INPUT: pixels.clone() if pixels.is_inference() else pixels}
    # Autograd will look at these values again, also where the caller is in inference mode.
    with torch.inference_mode(False), torch.no_grad():
        for node in graph.ancestors(*layers):
            values[node.name] = evaluate(node, values)
    return Trace(graph, values, local_ops(graph))


def retrace(recorded: Trace, graph: OpGraph, changed: Collection[str], *layers: str) -> Trace:
    """The trace of the same image through ``graph``, alike but for the nodes ``changed``; other values are taken over.

    ``graph`` has the nodes of the recorded one by name, perhaps with other constants.
    """
    values: dict[str, Any] = {**graph.constants, INPUT: recorded.values[INPUT]}
    with torch.inference_mode(False), torch.no_grad():
        for node in graph.ancestors(*layers):
            values[node.name] = evaluate(node, values) if node.name in changed else recorded.values[node.name]
    return Trace(graph, values, local_ops(graph))
