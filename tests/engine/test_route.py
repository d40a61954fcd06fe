"""How places are grouped, and what a group's shapes are taken to cost, against what a sweep really runs."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from convscope.engine.changed import whole
from convscope.engine.cost import MACHINES, Machine
from convscope.engine.network import network_of
from convscope.engine.occluders import Occluders
from convscope.engine.route import Route, find_route
from convscope.engine.sweep import sweep
from convscope.graph.export import export_graph
from convscope.graph.opgraph import OpGraph

SIDE, PATCH = 33, 4
PLAIN = Machine(1e9, 1e9, 0.0, 0.0)


def graph_and_occluders(stride: int) -> tuple[OpGraph, Occluders]:
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3, padding=1), torch.nn.MaxPool2d(2), torch.nn.Conv2d(3, 2, 3, padding=1)
    )
    graph = export_graph(net.double().eval(), (1, SIDE, SIDE))
    starts = tuple(range(0, SIDE - PATCH + 1, stride))
    nothing = torch.zeros(1, 1, SIDE, SIDE, dtype=torch.float64)
    return graph, Occluders(starts, starts, torch.ones(PATCH, PATCH, dtype=torch.bool), nothing)


def route_of(graph: OpGraph, occluders: Occluders, machine: Machine) -> Route:
    net = network_of(graph, frozenset([graph.output]))
    return find_route(net, occluders.rows, occluders.columns, (PATCH, PATCH), machine, windows=True)


class Shapes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Remembers the shapes that each convolution is called with, by its weights' shape."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.met = defaultdict[torch.Size, set[torch.Size]](set)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if "convolution" in str(func):
            self.met[args[1].shape].add(args[0].shape)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("stride", [1, 3, 4])
@pytest.mark.parametrize("price", [0.0, 1e-6, 1.0])
def test_every_place_is_in_one_group(stride: int, price: float) -> None:
    graph, occluders = graph_and_occluders(stride)
    groups = route_of(graph, occluders, Machine(1e9, 1e9, 0.0, price)).groups
    places = [(row, column) for group in groups for row in group.rows for column in group.columns]
    count = len(occluders.rows)
    assert sorted(places) == [(row, column) for row in range(count) for column in range(count)]


@pytest.mark.parametrize("stride", [1, 3])
def test_shapes_are_counted_as_a_sweep_meets_them(stride: int, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, occluders = graph_and_occluders(stride)
    price = 1e-9  # too little to decide anything
    dearer = Machine(PLAIN.multiply_adds_per_second, PLAIN.bytes_per_second, 0.0, price)
    plain, with_price = (route_of(graph, occluders, machine) for machine in (PLAIN, dearer))
    assert len(plain.groups) == len(with_price.groups) > 1
    monkeypatch.setitem(MACHINES, "cpu", dearer)
    image = torch.randn(1, 1, SIDE, SIDE, dtype=torch.float64)
    with Shapes() as shapes:
        for _ in sweep(graph, image, occluders, {"all": (graph.output, whole)}, windows=True):
            pass
    for node in graph.nodes:
        if node.op == "conv2d":
            counted = round((with_price.seconds[node.name] - plain.seconds[node.name]) / price)
            met = shapes.met[graph.constants[node.argument("weight").name].shape]
            on_windows = {shape for shape in met if shape[0] > 1 or shape[2:] != graph.input_shape[2:]}
            assert len(plain.groups) <= counted <= 2 * len(plain.groups)
            assert len(on_windows) <= counted


def test_shapes_that_cost_more_make_fewer_groups() -> None:
    graph, occluders = graph_and_occluders(stride=1)
    cheap, dear = (route_of(graph, occluders, Machine(1e9, 1e9, 0.0, price)) for price in (0.0, 1.0))
    assert len(dear.groups) < len(cheap.groups)


def test_ops_other_than_convolutions_cost_nothing_for_a_shape() -> None:
    graph, occluders = graph_and_occluders(stride=3)
    route = route_of(graph, occluders, Machine(float("inf"), float("inf"), 0.0, 1.0))
    assert {node.op for node in graph.nodes if route.seconds[node.name] > 0} == {"conv2d"}
