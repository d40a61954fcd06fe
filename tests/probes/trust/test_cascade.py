"""Steps of the cascade against their definition: the topmost ops with weights below a layer, from one to all."""

from __future__ import annotations

from itertools import pairwise

import pytest
from torch import nn

from convscope.engine.layers import find_layers
from convscope.graph.export import export_graph
from convscope.graph.opgraph import OpGraph
from convscope.probes.trust.cascade import NETWORKS, Cascade, Step, plan_cascade, upper
from convscope.probes.trust.weights import weighted_nodes
from tests.nets import Net

SHAPE = (3, 12, 12)
STEPS = 5


def chain(length: int) -> nn.Module:
    parts = [part for n in range(length) for part in (nn.Conv2d(4 if n else 3, 4, 3, padding=1), nn.ReLU())]
    return nn.Sequential(*parts).eval()


def branches() -> nn.Module:
    net = Net(
        lambda m, x: m.left(m.stem(x)) + m.right(m.stem(x)),
        stem=nn.Conv2d(3, 4, 3, padding=1),
        left=nn.Conv2d(4, 4, 3, padding=1),
        right=nn.Conv2d(4, 4, 1),
    )
    return net.eval()


def counts(cascade: Cascade) -> list[list[int]]:
    return [[step.count for step in steps] for steps in cascade.steps]


def check(graph: OpGraph, layers: tuple, cascade: Cascade) -> None:  # type: ignore[type-arg]
    """Each step makes new exactly the layer's topmost ops; the last makes all new, and the others come before it."""
    for layer, steps in zip(layers, cascade.steps, strict=True):
        own = [node.name for node in weighted_nodes(graph, layer.node)]
        assert [step.count for step in steps] == sorted({step.count for step in steps})
        assert steps[-1].count == steps[-1].total == len(own)
        for step in steps:
            new = {node.name for node in cascade.networks[step.network]}.intersection(own)
            assert new == set(own[-step.count :])
            assert step.lowest == graph.by_name[own[-step.count]].address


@pytest.mark.parametrize("length", [1, 2, 9, 16, 17, 40])
def test_every_layer_of_a_chain_goes_from_its_top_to_all(length: int) -> None:
    graph = export_graph(chain(length), SHAPE)
    layers = find_layers(graph, None)
    cascade = plan_cascade(graph, layers, STEPS)
    check(graph, layers, cascade)
    assert len(cascade.networks) <= NETWORKS + 1
    assert all(len(steps) <= STEPS for steps in cascade.steps)
    if length <= NETWORKS:
        assert [steps[0].count for steps in cascade.steps] == [1] * length


def test_a_single_deep_layer_has_steps_between() -> None:
    graph = export_graph(chain(20), SHAPE)
    layers = find_layers(graph, ["39"])
    cascade = plan_cascade(graph, layers, STEPS)
    check(graph, layers, cascade)
    (found,) = counts(cascade)
    assert (found[0], found[-1], len(found)) == (1, 20, STEPS)
    assert max(after - before for before, after in pairwise(found)) <= 7


def test_a_branch_counts_its_own_weights_only() -> None:
    graph = export_graph(branches(), SHAPE)
    layers = find_layers(graph, ["left", "right", "add"])
    cascade = plan_cascade(graph, layers, STEPS)
    check(graph, layers, cascade)
    assert counts(cascade) == [[1, 2], [1, 2], [1, 2, 3, 4][: len(counts(cascade)[2])]]


def test_a_layer_without_weights_has_no_cascade() -> None:
    graph = export_graph(nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(3, 4, 3)).eval(), SHAPE)
    layers = find_layers(graph, ["0", "1"])
    cascade = plan_cascade(graph, layers, STEPS)
    assert counts(cascade) == [[], [1]]
    alone = plan_cascade(graph, find_layers(graph, ["0"]), STEPS)
    assert (alone.networks, alone.steps) == ((), ((),))


def step(count: int, total: int) -> Step:
    return Step(0, count, total, "x")


@pytest.mark.parametrize(
    ("new", "total", "expected"),
    [((1, 2, 3, 4), 4, (1, 2)), ((1, 5, 9), 9, (1,)), ((1,), 1, (1,)), ((3, 4), 4, (3,)), ((), 0, ())],
)
def test_the_upper_half_is_what_counts(new: tuple[int, ...], total: int, expected: tuple[int, ...]) -> None:
    assert tuple(each.count for each in upper([step(count, total) for count in new])) == expected


def test_one_step_is_the_topmost() -> None:
    graph = export_graph(chain(6), SHAPE)
    cascade = plan_cascade(graph, find_layers(graph, None), 1)
    assert counts(cascade) == [[1]] * 6
