"""Small networks and the plain facts about them, for tests that derive a result a second time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from convscope.engine.topdown import Signal, descend, whole
from convscope.engine.trace import trace
from convscope.graph.export import export_graph
from convscope.graph.opgraph import INPUT, OpGraph, OpNode, evaluate
from convscope.rules.projection import METHODS

Shape = tuple[int, int, int]


class Net(nn.Module):
    """A function of (module, images) with its parts: what forward() does stands next to what it uses."""

    def __init__(self, function: Callable[[Any, Tensor], Any], **parts: nn.Module | Tensor) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            if isinstance(part, nn.Module):
                self.add_module(name, part)
            else:
                self.register_buffer(name, part)

    def forward(self, images: Tensor) -> Any:
        return self.function(self, images)


def ready(net: nn.Module, seed: int = 0) -> nn.Module:
    """The net in float64 and eval mode, with random weights and running statistics."""
    generator = torch.Generator().manual_seed(seed)
    net = net.double().eval()
    for name, value in [*net.named_parameters(), *net.named_buffers()]:
        if value.is_floating_point():
            noise = torch.randn(value.shape, generator=generator, dtype=value.dtype)
            value.data = noise.abs() + 0.5 if name.endswith("running_var") else noise * 0.5
    return net


def exported(net: nn.Module, shape: Shape, seed: int = 0) -> OpGraph:
    """The graph of the net made ready."""
    return export_graph(ready(net, seed), shape)


def tensors(graph: OpGraph) -> list[OpNode]:
    """The nodes whose result is a tensor, in order: all but sizes of the batch."""
    return [node for node in graph.nodes if node.shape is not None]


def picture(shape: Shape, seed: int = 0) -> Tensor:
    """One random image, float64 (1, channels, height, width)."""
    return torch.randn(1, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def run(graph: OpGraph, images: Tensor) -> dict[str, Any]:
    """The value of every node, computed as the graph says."""
    values: dict[str, Any] = {**graph.constants, INPUT: images}
    for node in graph.nodes:
        values[node.name] = evaluate(node, values)
    return values


def seeds_for(value: Tensor, units: int = 2, seed: int = 1) -> Tensor:
    """Random signals for a value, shape (units, *value.shape)."""
    return torch.randn(units, *value.shape, generator=torch.Generator().manual_seed(seed), dtype=value.dtype)


def carried_down(
    graph: OpGraph, image: Tensor, seeds: Tensor, method: str, unpool: str = "sum", layer: str = ""
) -> Tensor:
    """The seeds at a node (default: the output) carried down to the image."""
    layer = layer or graph.output
    recorded = trace(graph, image, layer)
    return whole(recorded, INPUT, descend(recorded, layer, Signal(seeds), METHODS[method], unpool)).values[:, 0]


def derivative(net: nn.Module, image: Tensor, seeds: Tensor) -> Tensor:
    """What plain autograd makes of the seeds at the net's result, one at a time."""
    leaf = image.clone().requires_grad_()
    result = net(leaf)
    return torch.cat([torch.autograd.grad(result, leaf, seed, retain_graph=True)[0] for seed in seeds])
