"""The fast forward pass shows the maps that the exported graph computes, and keeps nothing."""

from __future__ import annotations

import weakref
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from convscope.engine.forward import Forward, prepare
from convscope.graph.export import export_graph
from convscope.graph.fold import fold_batch_norm, overwrite
from convscope.graph.opgraph import OpGraph, OpNode, evaluate
from tests.nets import Net, exported, ready, run, tensors

SHAPE = (4, 8, 8)


def conv(**settings: Any) -> nn.Conv2d:
    return nn.Conv2d(4, 4, 3, padding=1, **settings)


def residual(m: Any, x: Tensor) -> Tensor:
    y = F.relu(m.norm(m.conv(x)), inplace=True)
    return torch.as_tensor(F.relu(m.other(m.after(y)) + y))


def viewed(m: Any, x: Tensor) -> Tensor:
    y = m.conv(x)
    y = m.line(y.view(y.shape[0], 4, 64)).view(-1, 4, 8, 8)
    y = y.view(-1, 2, 2, 8, 8).transpose(1, 2).reshape(-1, 4, 8, 8)
    return torch.as_tensor(m.after(y).flatten(1).relu())


def read_twice(m: Any, x: Tensor) -> Tensor:
    y = m.conv(x)
    return torch.as_tensor(torch.cat([F.relu(y), m.norm(y), y + y, y.view(-1, 2, 2, 8, 8)[:, 0]], 1))


def one_conv_two_norms(m: Any, x: Tensor) -> Tensor:
    y = m.conv(x)
    return torch.as_tensor(F.relu6(m.norm(y)) + F.silu(m.other(y)))


PARTS = {"conv": conv(), "after": conv(bias=False), "norm": nn.BatchNorm2d(4), "other": nn.BatchNorm2d(4, affine=False)}
NETS: dict[str, nn.Module] = {
    "residual": Net(residual, **PARTS),
    "viewed": Net(viewed, line=nn.Linear(64, 64), **PARTS),
    "read twice": Net(read_twice, **PARTS),
    "one conv, two norms": Net(one_conv_two_norms, **PARTS),
    "norm before conv": Net(lambda m, x: m.conv(m.norm(x)).relu_(), **PARTS),
    "norm after norm": Net(lambda m, x: F.hardswish(m.other(m.norm(m.conv(x)))), **PARTS),
    "same padding": Net(lambda m, x: m.norm(m.same(x)).relu(), same=nn.Conv2d(4, 4, 3, padding="same"), **PARTS),
    "broadcast sum": Net(lambda m, x: m.conv(x).mean(1, keepdim=True) + m.after(x).relu(), **PARTS),
    "pooled": Net(lambda m, x: F.relu(F.max_pool2d(m.norm(m.conv(x)), 2)), **PARTS),
}


def maps(forward: Forward, images: Tensor) -> dict[str, Tensor]:
    """Every map as it was shown; it is not written over later."""
    shown: dict[str, Tensor] = {}
    found: dict[str, Tensor] = {}

    def visit(name: str, value: Tensor) -> None:
        shown[name], found[name] = value, value.clone()

    forward(images, visit)
    assert all(torch.equal(shown[name], value) for name, value in found.items())
    return found


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize("name", NETS)
def test_every_map_is_the_exported_graphs(name: str, dtype: torch.dtype, tolerance: float) -> None:
    graph = export_graph(ready(NETS[name]).to(dtype), SHAPE)
    images = torch.randn(3, *SHAPE, generator=torch.Generator().manual_seed(2), dtype=dtype)
    before = images.clone()
    expected = run(graph, images)
    four = [node.name for node in graph.nodes if node.shape is not None and len(node.shape) == 4]
    for shown in [[name] for name in four] + [four, [graph.output]]:
        found = maps(prepare(graph, shown), images)
        assert set(found) == set(shown)
        for key, value in found.items():
            scale = float(expected[key].abs().max())
            torch.testing.assert_close(value, expected[key], rtol=0, atol=tolerance * max(scale, 1.0))
    assert torch.equal(images, before)


def ops(graph: OpGraph | Forward) -> list[str]:
    return [node.op for node in graph.nodes]


def test_a_norm_is_folded_only_where_nobody_looks_between() -> None:
    graph = exported(NETS["residual"], SHAPE)
    names = {node.address: node.name for node in graph.nodes}
    assert ops(fold_batch_norm(graph, [])).count("batch_norm") == 0
    assert ops(fold_batch_norm(graph, [names["conv"]])).count("batch_norm") == 1
    assert ops(fold_batch_norm(graph, [names["norm"]])).count("batch_norm") == 1
    assert ops(fold_batch_norm(exported(NETS["one conv, two norms"], SHAPE), [])).count("batch_norm") == 2


def overwriting(graph: OpGraph, keep: list[str]) -> list[str]:
    return [node.address for node in overwrite(graph, keep).nodes if str(node.target).split(".")[-2].endswith("_")]


def test_only_a_fresh_value_with_one_reader_is_written_over() -> None:
    graph = exported(NETS["residual"], SHAPE)
    names = {node.address: node.name for node in graph.nodes}
    assert overwriting(graph, []) == ["relu", "add", "relu#2"]
    assert overwriting(graph, [names["norm"], names["add"]]) == ["add"]
    assert overwriting(exported(NETS["read twice"], SHAPE), []) == []
    assert overwriting(exported(Net(lambda m, x: x.relu()), SHAPE), []) == []


def test_the_exported_graph_is_left_as_it_was() -> None:
    graph = exported(NETS["residual"], SHAPE)
    nodes, constants = graph.nodes, {name: value.clone() for name, value in graph.constants.items()}
    maps(prepare(graph, [graph.output]), torch.randn(2, *SHAPE, dtype=torch.float64))
    assert graph.nodes == nodes
    assert all(torch.equal(value, graph.constants[name]) for name, value in constants.items())


def test_what_the_shown_maps_do_not_need_is_not_run() -> None:
    net = nn.Sequential(conv(), nn.ReLU(), nn.Flatten(), nn.Linear(256, 3))
    graph = exported(net, SHAPE)
    forward = prepare(graph, [tensors(graph)[1].name])
    assert ops(forward) == ["conv2d", "relu"]
    assert all(value.dim() in (1, 4) for value in forward.constants.values())


def test_no_value_outlives_its_last_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    net = nn.Sequential(*(layer for _ in range(6) for layer in (conv(), nn.MaxPool2d(3, 1, 1))))
    graph = exported(net, SHAPE)
    made: list[weakref.ref[Tensor]] = []
    alive: list[int] = []
    real = evaluate

    def watched(node: OpNode, values: dict[str, Any]) -> Any:
        alive.append(sum(ref() is not None for ref in made))
        result = real(node, values)
        made.append(weakref.ref(result))
        return result

    monkeypatch.setattr("convscope.engine.forward.evaluate", watched)
    maps(prepare(graph, [graph.output]), torch.randn(2, *SHAPE, dtype=torch.float64))
    assert max(alive) == 1
    assert all(ref() is None for ref in made)
