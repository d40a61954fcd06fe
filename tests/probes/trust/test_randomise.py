"""Re-initialised networks against modules that were changed by hand."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from convscope.graph.export import export_graph
from convscope.graph.opgraph import OpGraph
from convscope.probes.trust.randomise import depending_on, randomised
from convscope.probes.trust.weights import fresh_weights, weight_name, weighted_nodes
from tests.nets import Net, ready, run

SHAPE = (3, 12, 10)
NAMES = ("stem", "inner", "top")


def normalised() -> Any:
    """Three convolutions with batch norms, the second in a branch."""

    def forward(m: Any, x: Tensor) -> Tensor:
        x = F.relu(m.stem_norm(m.stem(x)))
        x = F.relu(x + m.inner_norm(m.inner(x)))
        return F.relu(m.top_norm(m.top(x)))

    return ready(
        Net(
            forward,
            stem=nn.Conv2d(3, 5, 3, padding=1),
            stem_norm=nn.BatchNorm2d(5),
            inner=nn.Conv2d(5, 5, 3, padding=1),
            inner_norm=nn.BatchNorm2d(5),
            top=nn.Conv2d(5, 6, 3),
            top_norm=nn.BatchNorm2d(6, affine=False),
        )
    )


def images(count: int = 4) -> Tensor:
    return torch.randn(count, *SHAPE, generator=torch.Generator().manual_seed(7), dtype=torch.float64)


def by_hand(net: Any, graph: OpGraph, chosen: tuple[str, ...], batch: Tensor) -> Any:
    """The module with the same new weights, its norms above in training mode on the batch until they have settled."""
    changed = copy.deepcopy(net)
    nodes = {node.address: node for node in weighted_nodes(graph, graph.output)}
    fresh = fresh_weights(graph, list(nodes.values()), 0)
    lowest = min(NAMES.index(name) for name in chosen)
    for name in chosen:
        weight = weight_name(graph, nodes[name])
        assert weight is not None
        getattr(changed, name).weight.data = fresh[weight]
        getattr(changed, name).bias.data.zero_()
        if (norm := getattr(changed, f"{name}_norm")).affine:
            norm.weight.data.fill_(1)
            norm.bias.data.zero_()
    for name in NAMES[lowest:]:
        # One norm after the other: each settles on what the settled ones below give it.
        getattr(changed, f"{name}_norm").register_forward_hook(_settle)
    with torch.no_grad():
        changed(batch)
    for name in NAMES[lowest:]:
        getattr(changed, f"{name}_norm")._forward_hooks.clear()
    return changed


def _settle(norm: Any, inputs: tuple[Tensor], _: Tensor) -> Tensor:
    (values,) = inputs
    norm.running_mean = values.mean((0, 2, 3))
    norm.running_var = values.var((0, 2, 3), correction=0)
    norm.eval()
    return F.batch_norm(values, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)


@pytest.mark.parametrize("chosen", [("top",), ("inner", "top"), NAMES, ("inner",)])
def test_it_is_the_module_with_new_weights_and_settled_norms(chosen: tuple[str, ...]) -> None:
    net = normalised()
    graph = export_graph(net, SHAPE)
    nodes = weighted_nodes(graph, graph.output)
    fresh = fresh_weights(graph, nodes, 0)
    made = randomised(graph, [node for node in nodes if node.address in chosen], images(), fresh)
    expected = by_hand(net, graph, chosen, images())
    with torch.no_grad():
        torch.testing.assert_close(run(made, images(2))[graph.output], expected(images(2)))
        torch.testing.assert_close(run(graph, images(2))[graph.output], net(images(2)))  # as it was


def test_only_what_is_above_is_another_value() -> None:
    net = normalised()
    graph = export_graph(net, SHAPE)
    nodes = [node for node in weighted_nodes(graph, graph.output) if node.address == "inner"]
    made = randomised(graph, nodes, images(), fresh_weights(graph, nodes, 0))
    above = depending_on(graph, {node.name for node in nodes})
    before, after = run(graph, images(1)), run(made, images(1))
    for node in graph.nodes:
        assert torch.equal(before[node.name], after[node.name]) == (node.name not in above)
    assert {node.address for node in graph.nodes if node.name not in above} == {"stem", "stem_norm", "relu"}


def test_a_norm_behind_other_weights_keeps_its_gain() -> None:
    """Only ``stem`` is new: the top's norm reads other statistics, but its own gain and shift are what was learned."""
    net = normalised()
    graph = export_graph(net, SHAPE)
    nodes = weighted_nodes(graph, graph.output)[:1]
    made = randomised(graph, nodes, images(), fresh_weights(graph, nodes, 0))
    gains = {node.address: node.argument("weight") for node in made.nodes if node.op == "batch_norm"}
    assert torch.equal(made.constants[gains["inner_norm"].name], net.inner_norm.weight.data)
    assert torch.equal(made.constants[gains["stem_norm"].name], torch.ones(5, dtype=torch.float64))


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_constant_images_leave_every_number_finite(value: float) -> None:
    net = normalised()
    graph = export_graph(net, SHAPE)
    nodes = weighted_nodes(graph, graph.output)
    batch = torch.full((3, *SHAPE), value, dtype=torch.float64)
    made = randomised(graph, nodes, batch, fresh_weights(graph, nodes, 0))
    assert run(made, batch)[graph.output].isfinite().all()


def test_a_network_without_norms_needs_no_pass_over_images() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3)).eval()
    graph = export_graph(net, SHAPE)
    nodes = weighted_nodes(graph, graph.output)
    fresh = fresh_weights(graph, nodes, 0)
    made = randomised(graph, nodes, torch.zeros(0), fresh)
    assert all(made.constants[name] is value for name, value in fresh.items())
    assert all(graph.constants[name] is not value for name, value in fresh.items())
