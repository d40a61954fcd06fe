"""The formulas written out for speed against autograd's own, and the tape's promises."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from convscope.engine.trace import trace
from convscope.rules.vjp import _DIRECT
from tests.nets import Net, carried_down, derivative, exported, picture, ready, run, seeds_for

CONVOLUTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "no bias": {"bias": False},
    "strided": {"stride": 2},
    "strides that leave a rest": {"stride": (3, 2), "padding": (0, 1)},
    "dilated": {"dilation": 2, "padding": 2},
    "grouped": {"groups": 2, "padding": 1},
    "depthwise": {"groups": 4, "padding": 1, "stride": 2},
    "oblong": {"kernel_size": (3, 2), "padding": (2, 0)},
    "same": {"padding": "same", "kernel_size": 4},
    "valid": {"padding": "valid"},
    "reflected border": {"padding": 1, "padding_mode": "reflect"},
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.parametrize("units", [1, 5])
def test_convolution_goes_down_as_autograd_says(name: str, units: int) -> None:
    net = nn.Conv2d(4, 4, **{"kernel_size": 3, **CONVOLUTIONS[name]})
    graph = exported(net, (4, 7, 8))
    image = picture((4, 7, 8))
    result = run(graph, image)[graph.output]
    seeds = seeds_for(result, units)
    tape = trace(graph, image, graph.output).tape(graph.nodes[-1])
    direct, slow = tape.transpose(seeds), tape._by_autograd(seeds)
    for key in slow:
        torch.testing.assert_close(direct[key], slow[key], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(carried_down(graph, image, seeds, "gradient"), derivative(net, image, seeds))


NORMS = {
    "maps": Net(lambda m, x: m.norm(x), norm=nn.BatchNorm2d(4)),
    "maps without gain": Net(lambda m, x: m.norm(x), norm=nn.BatchNorm2d(4, affine=False)),
    "vectors": Net(lambda m, x: m.norm(x.flatten(1)), norm=nn.BatchNorm1d(24)),
    "sequences": Net(lambda m, x: m.norm(x.flatten(2)), norm=nn.BatchNorm1d(4)),
    "volumes": Net(lambda m, x: m.norm(x.unsqueeze(2)), norm=nn.BatchNorm3d(4)),
}


@pytest.mark.parametrize("name", NORMS)
@pytest.mark.parametrize("units", [1, 4])
def test_batch_norm_goes_down_as_autograd_says_for_any_rank(name: str, units: int) -> None:
    net = ready(NORMS[name])
    image = picture((4, 2, 3))
    seeds = seeds_for(net(image), units)
    graph = exported(net, (4, 2, 3))
    down = carried_down(graph, image, seeds, "gradient")
    torch.testing.assert_close(down, derivative(net, image, seeds), rtol=1e-12, atol=1e-12)


def test_a_convolution_over_groups_folded_into_the_batch_keeps_them_apart() -> None:
    net = Net(lambda m, x: m.conv(x.view(-1, 2, 6, 6)).view(-1, 6, 6, 6), conv=nn.Conv2d(2, 3, 3, padding=1))
    graph = exported(net, (4, 6, 6))
    image = picture((4, 6, 6))
    seeds = seeds_for(net(image), 3)
    torch.testing.assert_close(carried_down(graph, image, seeds, "gradient"), derivative(net, image, seeds))


def test_a_convolution_with_a_computed_kernel_carries_signal_to_both() -> None:
    def convolve(m: Any, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, x.mean((0, 2, 3)).view(1, 4, 1, 1).expand(2, 4, 3, 3))

    net = Net(convolve)
    graph, image = exported(net, (4, 6, 6)), picture((4, 6, 6))
    seeds = seeds_for(net(image))
    torch.testing.assert_close(carried_down(graph, image, seeds, "gradient"), derivative(net, image, seeds))


@pytest.mark.parametrize("function", [lambda m, x: x.type_as(m.like), lambda m, x: torch.ops.aten.alias(x)])
def test_an_op_that_returns_its_operand_hands_the_signal_on(function: Any) -> None:
    graph, image = exported(Net(function, like=torch.ones(1)), (1, 3, 3)), picture((1, 3, 3))
    seeds = seeds_for(image)
    assert torch.equal(carried_down(graph, image, seeds, "gradient"), seeds[:, 0])


def test_callers_in_inference_mode_get_the_same_answer() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.MaxPool2d(2))
    graph, image = exported(net, (1, 6, 6)), picture((1, 6, 6))
    seeds = seeds_for(net(image).detach())
    expected = derivative(net, image, seeds)
    with torch.inference_mode():
        down = carried_down(graph, image.clone(), seeds.clone(), "gradient")
    torch.testing.assert_close(down, expected)


def test_a_result_that_no_input_reaches_sends_nothing_down() -> None:
    graph, image = exported(Net(lambda m, x: x.detach() * 2), (1, 3, 3)), picture((1, 3, 3))
    assert carried_down(graph, image, seeds_for(image), "gradient").eq(0).all()


def test_the_formulas_belong_to_ops_of_the_table() -> None:
    assert set(_DIRECT) == {"conv2d", "batch_norm"}
