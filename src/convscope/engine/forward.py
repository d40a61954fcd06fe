"""The forward pass of a batch, as fast as the graph allows, showing some maps to a visitor and keeping none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from convscope.graph.fold import fold_batch_norm, linear_first
from convscope.graph.fuse import make_lean
from convscope.graph.opgraph import INPUT, OpGraph, OpNode, evaluate

Visitor = Callable[[str, Tensor], None]
"""(node name, map of shape (images, units, height, width)), which is not written over later, nor may the visitor."""


@dataclass(frozen=True)
class Forward:
    """A graph made ready for a device: folded weights in the fastest memory layout, and when each value dies."""

    nodes: tuple[OpNode, ...]
    constants: Mapping[str, Tensor]
    shown: frozenset[str]
    dying: Mapping[str, tuple[str, ...]]
    device: torch.device

    def __call__(self, images: Tensor, visit: Visitor) -> None:
        """Run float ``images`` (count, channels, height, width) and show each chosen map as it is made."""
        values: dict[str, Any] = dict(self.constants)
        values[INPUT] = images.to(self.device).contiguous(memory_format=torch.channels_last)
        del images
        with torch.inference_mode():
            for node in self.nodes:
                values[node.name] = evaluate(node, values)
                if node.name in self.shown:
                    visit(node.name, values[node.name])
                for name in self.dying[node.name]:
                    del values[name]


def prepare(graph: OpGraph, shown: Sequence[str], device: torch.device | str = "cpu") -> Forward:
    """Make ``graph`` ready to show the maps of the nodes ``shown``; whatever they do not need is left out."""
    keep = frozenset(shown)
    cut = OpGraph(graph.ancestors(*shown), graph.constants, graph.output, graph.input_shape)
    lean = make_lean(linear_first(fold_batch_norm(cut, keep)), keep, torch.device(device))
    used = {name for node in lean.nodes for name in node.inputs}
    constants = {name: value.to(device) for name, value in lean.constants.items() if name in used}
    return Forward(lean.nodes, constants, keep, _last_readers(lean.nodes, constants), torch.device(device))


def _last_readers(nodes: Sequence[OpNode], constants: Collection[str]) -> dict[str, tuple[str, ...]]:
    """For each node, the values that nobody needs once it has run; its own too, if it has no reader."""
    last = {name: node.name for node in nodes for name in (node.name, *node.inputs) if name not in constants}
    dying: dict[str, list[str]] = {node.name: [] for node in nodes}
    for name, node in last.items():
        dying[node].append(name)
    return {node: tuple(names) for node, names in dying.items()}
