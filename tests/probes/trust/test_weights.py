"""New weights: which ops have any, what they are drawn from, and what must not change them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from convscope.graph.export import export_graph
from convscope.probes.trust.weights import bias_name, fresh_weights, weight_name, weighted_nodes
from tests.nets import Net


def twice() -> nn.Module:
    """A convolution that is used twice, and one more in a branch of its own."""
    net = Net(
        lambda m, x: F.relu(m.shared(F.relu(m.shared(m.stem(x))))) + m.side(x),
        stem=nn.Conv2d(3, 4, 3, padding=1),
        shared=nn.Conv2d(4, 4, 3, padding=1, bias=False),
        side=nn.Conv2d(3, 4, 1),
    )
    return net.eval()


def test_weighted_nodes_are_those_below_in_order_of_execution() -> None:
    graph = export_graph(twice(), (3, 8, 8))
    addresses = [node.address for node in weighted_nodes(graph, graph.output)]
    assert addresses == ["stem", "shared", "shared#2", "side"]
    first = graph.by_name[weighted_nodes(graph, graph.output)[1].name]
    assert [node.address for node in weighted_nodes(graph, first.name)] == ["stem", "shared"]


def test_linear_layers_have_weights_and_products_of_two_maps_have_none() -> None:
    net = Net(lambda m, x: m.head((x @ x.transpose(2, 3)).flatten(1)), head=nn.Linear(3 * 64, 5)).eval()
    graph = export_graph(net, (3, 8, 8))
    (node,) = weighted_nodes(graph, graph.output)
    assert node.address == "head"


def test_biases_are_zero_and_weights_have_the_variance_of_he() -> None:
    net = nn.Sequential(nn.Conv2d(3, 64, 5), nn.ReLU(), nn.Conv2d(64, 32, 3, groups=2)).eval()
    graph = export_graph(net, (3, 16, 16))
    nodes = weighted_nodes(graph, graph.output)
    fresh = fresh_weights(graph, nodes, 0)
    for node, fan_in in zip(nodes, (3 * 25, 32 * 9), strict=True):
        weight, bias = weight_name(graph, node), bias_name(graph, node)
        assert weight is not None
        assert bias is not None
        assert not fresh[bias].any()
        assert float(fresh[weight].std()) == pytest.approx((2 / fan_in) ** 0.5, rel=0.05)
        assert abs(float(fresh[weight].mean())) < 0.1 * (2 / fan_in) ** 0.5
        assert fresh[weight].shape == graph.constants[weight].shape


def test_numbers_depend_on_name_and_seed_alone() -> None:
    graph = export_graph(twice(), (3, 8, 8))
    nodes = weighted_nodes(graph, graph.output)
    everything, some = fresh_weights(graph, nodes, 3), fresh_weights(graph, nodes[2:], 3)
    assert set(some) < set(everything)
    for name, value in some.items():
        torch.testing.assert_close(value, everything[name], rtol=0, atol=0)
    other = fresh_weights(graph, nodes, 4)
    weights = [name for name, value in everything.items() if value.dim() == 4]
    assert len(weights) == 3  # the one that is used twice is one
    assert all(not torch.equal(other[name], everything[name]) for name in weights)
    drawn = np.concatenate([everything[name].flatten().numpy()[:4] for name in weights])
    assert len(set(drawn.tolist())) == len(drawn)
