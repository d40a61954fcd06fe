"""The forward pass of one image with every value kept, ready to go down from any layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from convscope.graph.opgraph import INPUT, OpGraph, OpNode, evaluate
from convscope.rules.vjp import Tape


@dataclass(frozen=True)
class Trace:
    """The values of all nodes that the traced layers need, for one image of shape (1, channels, height, width)."""

    graph: OpGraph
    values: Mapping[str, Any]
    tapes: dict[str, Tape] = field(default_factory=dict, repr=False)

    def tape(self, node: OpNode) -> Tape:
        """The tape of one op; made once and shared by all units that pass through it."""
        if node.name not in self.tapes:
            live = tuple(name for name in node.inputs if self._carries_signal(name))
            self.tapes[node.name] = Tape(node, {name: self.values[name] for name in node.inputs}, live)
        return self.tapes[node.name]

    def _carries_signal(self, name: str) -> bool:
        value = self.values[name]
        computed = name == INPUT or name in self.graph.by_name
        return computed and isinstance(value, Tensor) and value.is_floating_point()


def trace(graph: OpGraph, image: Tensor, *layers: str) -> Trace:
    """Run ``image``, float tensor (1, channels, height, width), up to the nodes named by ``layers``."""
    device = next((value.device for value in graph.constants.values()), image.device)
    pixels = image.to(device).contiguous()
    values: dict[str, Any] = {**graph.constants, INPUT: pixels.clone() if pixels.is_inference() else pixels}
    # Autograd will look at these values again, also where the caller is in inference mode.
    with torch.inference_mode(False), torch.no_grad():
        for node in graph.ancestors(*layers):
            values[node.name] = evaluate(node, values)
    return Trace(graph, values)
