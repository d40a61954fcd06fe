"""Linear layers by oneDNN: which nodes they replace, and that they give the numbers of the module in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convscope.graph.export import export_graph
from convscope.graph.opgraph import OpGraph
from convscope.graph.products import fuse_products, has_products
from tests.graph.test_fuse import run
from tests.nets import Net, ready

SHAPE = (4, 6, 5)
POINTWISE = "mkldnn._linear_pointwise"
needs_the_op = pytest.mark.skipif(not has_products(), reason="this build of PyTorch has no linear layers by oneDNN")


def tokens(x: Tensor) -> Tensor:
    return x.flatten(2).transpose(1, 2)


def gelu_in_its_own_memory_order(m: Any, x: Tensor) -> Tensor:
    y: Tensor = F.gelu(m.a(x.permute(0, 2, 3, 1)))
    return y.permute(0, 3, 1, 2)


def read_again(m: Any, x: Tensor) -> Tensor:
    y: Tensor = m.a(tokens(x))
    return F.gelu(y) * y


def its_own_weight(m: Any, x: Tensor) -> Tensor:
    return F.linear(tokens(x), m.a.weight.t(), None)


# The forward, how many products are fused, and how many activations go with them.
NETS: dict[str, tuple[Any, int, int]] = {
    "head": (lambda m, x: m.head(x.flatten(1)), 1, 0),
    "rectified": (lambda m, x: F.relu(m.head(x.flatten(1))), 1, 1),
    "without bias": (lambda m, x: m.b(tokens(x)), 1, 0),
    "gelu": (lambda m, x: m.b(F.gelu(m.a(tokens(x)))), 2, 1),
    "gelu by tanh": (lambda m, x: F.gelu(m.a(tokens(x)), approximate="tanh"), 1, 1),
    "gelu in its own memory order": (gelu_in_its_own_memory_order, 1, 1),
    "another activation": (lambda m, x: F.silu(m.a(tokens(x))), 1, 0),
    "read again": (read_again, 1, 0),
    "its own weight": (its_own_weight, 0, 0),
}


def net(forward: Any) -> nn.Module:
    parts = {"a": nn.Linear(4, 4), "b": nn.Linear(4, 3, bias=False), "head": nn.Linear(120, 3)}
    return ready(Net(forward, **parts)).float()


def fused_of(graph: OpGraph) -> list[str]:
    return [str(node.target) for node in graph.nodes if POINTWISE in str(node.target)]


@needs_the_op
@pytest.mark.parametrize("name", NETS)
def test_the_numbers_are_those_of_the_module(name: str) -> None:
    forward, products, activations = NETS[name]
    module = net(forward)
    graph = export_graph(module, SHAPE)
    fused = fuse_products(graph, [])
    assert len(fused_of(fused)) == products
    assert len(graph.nodes) - len(fused.nodes) == activations
    image = torch.randn(3, *SHAPE, generator=torch.Generator().manual_seed(0))
    found = run(fused, image).double()
    torch.testing.assert_close(found, module.double()(image.double()), rtol=1e-5, atol=1e-5)


@needs_the_op
def test_what_is_looked_at_is_not_swallowed() -> None:
    graph = export_graph(net(NETS["gelu"][0]), SHAPE)
    first = next(node.name for node in graph.nodes if node.op == "linear")
    fused = fuse_products(graph, [first])
    assert [node.name for node in fused.nodes] == [node.name for node in graph.nodes]
    assert len(fused_of(fused)) == 2


@needs_the_op
def test_a_fused_layer_still_knows_its_arguments() -> None:
    graph = export_graph(net(NETS["gelu"][0]), SHAPE)
    node = next(node for node in fuse_products(graph, []).nodes if POINTWISE in str(node.target))
    plain = next(node for node in graph.nodes if node.op == "linear")
    assert node.op == "linear"
    assert [node.argument(name) for name in ("input", "weight", "bias")] == list(plain.args)
