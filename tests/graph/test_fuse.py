"""Fused convolutions: which nodes they replace, and that they give the numbers of the ops that they stand for."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convscope.graph.export import export_graph
from convscope.graph.fuse import can_fuse, fuse_rectifiers, make_lean
from convscope.graph.opgraph import INPUT, OpGraph, evaluate
from tests.nets import Net, ready

SHAPE = (4, 9, 9)
CPU = torch.device("cpu")


def conv(**how: Any) -> nn.Conv2d:
    return nn.Conv2d(4, 4, 3, padding=1, **how)


def residual(m: Any, x: Tensor) -> Tensor:
    y = F.relu(m.a(x))
    return F.relu(m.c(F.relu(m.b(y))) + y)


def residual_of_its_own_input(m: Any, x: Tensor) -> Tensor:
    y = F.relu(m.a(x))
    return F.relu(m.b(y) + y)


def read_again(m: Any, x: Tensor) -> Tensor:
    y = F.relu(m.a(x))
    return F.relu(m.c(F.relu(m.b(y))) + y) * y


def seen_through_a_view(m: Any, x: Tensor) -> Tensor:
    y = F.relu(m.a(x))
    part = y[:, :2]
    return F.relu(m.c(F.relu(m.b(y))) + y)[:, :2] - part


def read_by_a_convolution_that_moves(m: Any, x: Tensor) -> Tensor:
    y = F.relu(m.a(x))
    late = m.b(y)
    first = F.relu(m.c(F.relu(m.c(y))) + y)
    return F.relu(late) + first


def image_as_residual(m: Any, x: Tensor) -> Tensor:
    return F.relu(m.a(x) + x)


def weighted(m: Any, x: Tensor) -> Tensor:
    return F.relu(torch.add(m.a(x), m.b(x), alpha=2))


NETS = {
    "residual": (residual, 3, 1),
    "residual of its own input": (residual_of_its_own_input, 1, 0),
    "read again": (read_again, 2, 0),
    "seen through a view": (seen_through_a_view, 2, 0),
    "read by a convolution that moves": (read_by_a_convolution_that_moves, 3, 0),
    "image as residual": (image_as_residual, 0, 0),
    "weighted": (weighted, 0, 0),
    "strided groups": (lambda m, x: F.relu(m.a(x)), 1, 0),
    "same padding": (lambda m, x: F.relu(m.same(x)), 0, 0),
}


def net(forward: Any) -> nn.Module:
    same = nn.Conv2d(4, 4, 3, padding="same")
    parts = {"a": conv(groups=2, stride=1), "b": conv(bias=False), "c": conv(dilation=1), "same": same}
    return ready(Net(forward, **parts)).float()


def run(graph: OpGraph, image: Tensor) -> Tensor:
    values: dict[str, Any] = {**graph.constants, INPUT: image}
    with torch.inference_mode():
        for node in graph.nodes:
            values[node.name] = evaluate(node, values)
    return torch.as_tensor(values[graph.output])


@pytest.mark.parametrize("name", NETS)
def test_what_is_fused_gives_the_same_numbers(name: str) -> None:
    forward, fused_count, sums = NETS[name]
    module = net(forward)
    graph = export_graph(module, SHAPE)
    fused = fuse_rectifiers(graph, [])
    targets = [str(node.target) for node in fused.nodes]
    assert sum("_convolution_pointwise" in target for target in targets) == fused_count
    assert sum("_convolution_pointwise_." in target for target in targets) == sums
    image = torch.randn(2, *SHAPE, generator=torch.Generator().manual_seed(0))
    before = image.clone()
    with torch.inference_mode():
        torch.testing.assert_close(run(fused, image), module(image), rtol=1e-5, atol=1e-5)
    assert torch.equal(image, before)


def test_what_is_looked_at_is_not_swallowed() -> None:
    graph = export_graph(net(residual), SHAPE)
    names = {node.address: node.name for node in graph.nodes}
    fused = fuse_rectifiers(graph, [names["a"], names["add"]])
    assert {names["a"], names["add"]} <= {node.name for node in fused.nodes}
    assert sum("_convolution_pointwise" in str(node.target) for node in fused.nodes) == 1


class Own(nn.Module):
    """Makes an image's own deviation one, which a flat image has not."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(SHAPE[0], 4, 3)

    def forward(self, image: Tensor) -> Tensor:
        centred = image - image.mean((1, 2, 3), keepdim=True)
        made: Tensor = self.conv(centred / centred.square().mean((1, 2, 3), keepdim=True).sqrt())
        return made.relu()


@pytest.mark.parametrize("norm", [nn.LocalResponseNorm(3), nn.BatchNorm2d(4), nn.GroupNorm(2, 4), nn.InstanceNorm2d(4)])
def test_a_norm_that_thought_of_zero_keeps_no_rectifier_from_being_fused(norm: nn.Module) -> None:
    torch.manual_seed(0)
    graph = export_graph(nn.Sequential(conv(), norm, conv(), nn.ReLU()).eval(), SHAPE)
    assert any("pointwise" in str(node.target) for node in make_lean(graph, [graph.output], CPU).nodes)


def test_no_rectifier_hides_what_a_division_by_zero_made() -> None:
    torch.manual_seed(0)
    module, flat = Own().eval(), torch.ones(1, *SHAPE)
    graph = export_graph(module, SHAPE)
    lean = make_lean(graph, [graph.output], CPU)
    with torch.inference_mode():
        assert module(flat).isnan().all()
        assert run(lean, flat).isnan().all()
        image = torch.randn(2, *SHAPE)
        torch.testing.assert_close(run(lean, image), module(image))
    plain = export_graph(net(residual), SHAPE)
    assert any("pointwise" in str(node.target) for node in make_lean(plain, [plain.output], CPU).nodes)


def test_only_finite_single_precision_on_a_processor_is_fused() -> None:
    module = net(residual)
    assert can_fuse(export_graph(module, SHAPE), CPU) == torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    assert not can_fuse(export_graph(module, SHAPE), torch.device("cuda"))
    assert not can_fuse(export_graph(net(residual).double(), SHAPE), CPU)
    with torch.no_grad():
        module.get_parameter("b.weight")[0, 0, 0, 0] = torch.nan
    assert not can_fuse(export_graph(module, SHAPE), CPU)
