"""DeconvNet and guided backprop: equal to captum where captum is right, to rewritten autograd everywhere."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import captum.attr
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from convscope.zoo import zfnet
from convscope.zoo.parts import ContrastNormalisation
from tests.nets import Net, carried_down, derivative, exported, picture, seeds_for
from tests.rules.rewritten import by_rewriting

SHAPE = (3, 12, 12)
METHODS = ["deconvnet", "guided_backprop"]
CAPTUM = {"deconvnet": captum.attr.Deconvolution, "guided_backprop": captum.attr.GuidedBackprop}


def conv(inputs: int, units: int = 6, **settings: Any) -> nn.Conv2d:
    return nn.Conv2d(inputs, units, 3, padding=1, **settings)


class Residual(nn.Module):
    """conv, norm, relu, conv, norm, + shortcut, relu: each relu a module of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.after = conv(6), conv(6, groups=2)
        self.norm, self.other = nn.BatchNorm2d(6), nn.BatchNorm2d(6)
        self.relu, self.last = nn.ReLU(), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.other(self.after(self.relu(self.norm(self.before(x)))))
        return torch.as_tensor(self.last(y + x))


MODULES: dict[str, Callable[[], nn.Module]] = {
    "plain": lambda: nn.Sequential(conv(3), nn.ReLU(), conv(6), nn.ReLU()),
    "pooled": lambda: nn.Sequential(conv(3), nn.ReLU(), nn.MaxPool2d(3, 2, 1), conv(6), nn.ReLU(), nn.MaxPool2d(2)),
    "averaged": lambda: nn.Sequential(conv(3), nn.ReLU(), nn.AvgPool2d(2), conv(6), nn.ReLU()),
    "grouped": lambda: nn.Sequential(conv(3), nn.ReLU(), conv(6, groups=3, stride=2), nn.ReLU()),
    "normalised": lambda: nn.Sequential(conv(3), nn.BatchNorm2d(6), nn.ReLU(), conv(6), nn.GroupNorm(2, 6), nn.ReLU()),
    "residual": lambda: nn.Sequential(conv(3), nn.ReLU(), Residual(), Residual()),
    "classifier": lambda: nn.Sequential(conv(3), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten(), nn.Linear(54, 5)),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", MODULES)
def test_equal_to_captum_on_nets_of_relu_modules(name: str, method: str) -> None:
    net = MODULES[name]()
    graph, image = exported(net, SHAPE), picture(SHAPE)
    result = net(image)
    place = tuple(int(i) for i in (result[0] == result.max()).nonzero()[0])
    seed = torch.zeros_like(result).expand(1, *result.shape).clone()
    seed[(0, 0, *place)] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # captum sets hooks and says so
        expected = CAPTUM[method](net).attribute(image.clone().requires_grad_(), target=place)
    down = carried_down(graph, image, seed, method)
    assert down.abs().max() > 0
    torch.testing.assert_close(down, expected.detach(), rtol=1e-10, atol=1e-12)


def shared_by_branches(m: Any, x: Tensor) -> Tensor:
    y = m.first(x)
    return torch.as_tensor(m.relu(m.left(y)) + m.relu(m.right(y)))


def input_feeds_a_skip(m: Any, x: Tensor) -> Tensor:
    y = m.first(x)
    return torch.as_tensor(m.left(m.relu(y)) + y)


def in_place_and_used_again(m: Any, x: Tensor) -> Tensor:
    y = m.first(x)
    z = m.left(F.relu(y, inplace=True))
    return torch.as_tensor(z + y)  # y has been rectified by now


def method_in_place(m: Any, x: Tensor) -> Tensor:
    y = m.first(x)
    y.relu_()
    return torch.as_tensor(m.left(y) * 2 + y)


TRAPS: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "functional_relu": lambda m, x: F.relu(m.left(F.relu(m.first(x)))),
    "relu_as_a_tensor_method": lambda m, x: m.left(m.first(x).relu()).relu(),
    "relu6": lambda m, x: F.relu6(m.left(m.relu6(m.first(x) * 3))),
    "clamp": lambda m, x: m.left(m.first(x).clamp(min=0)).clamp(0, 2),
    "hardswish": lambda m, x: F.hardswish(m.left(m.hardswish(m.first(x)))),
    "silu": lambda m, x: F.silu(m.left(m.silu(m.first(x)))),
    "relu_module_used_twice": lambda m, x: m.relu(m.left(m.relu(m.first(x)))),
    "relu_shared_by_parallel_branches": shared_by_branches,
    "relu_whose_input_also_feeds_a_skip": input_feeds_a_skip,
    "in_place_relu_on_a_tensor_used_again": in_place_and_used_again,
    "in_place_relu_as_a_method": method_in_place,
    "relu_of_both_signs": lambda m, x: m.wide(torch.cat([F.relu(m.first(x)), F.relu(-m.first(x))], 1)),
    "relu_in_a_squeeze_and_excite": lambda m, x: (
        m.first(x) * F.relu(m.squeeze(m.first(x).mean((2, 3), keepdim=True))).sigmoid()
    ),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("trap", TRAPS)
def test_traps_that_hooks_fall_into(trap: str, method: str) -> None:
    parts = {"first": conv(3), "left": conv(6), "right": conv(6), "wide": conv(12), "squeeze": nn.Conv2d(6, 6, 1)}
    rectifiers = {"relu": nn.ReLU(), "relu6": nn.ReLU6(), "hardswish": nn.Hardswish(), "silu": nn.SiLU()}
    net = Net(TRAPS[trap], **parts, **rectifiers)
    graph, image = exported(net, SHAPE), picture(SHAPE)
    seeds = seeds_for(net(image).detach(), 3)
    expected = by_rewriting(net, image, seeds, method)
    assert not torch.allclose(expected, derivative(net, image, seeds)), "a trap that plain autograd passes is none"
    torch.testing.assert_close(carried_down(graph, image, seeds, method), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", MODULES)
def test_equal_to_rewritten_autograd_on_nets_of_relu_modules(name: str, method: str) -> None:
    net = MODULES[name]()
    graph, image = exported(net, SHAPE, seed=5), picture(SHAPE, 5)
    seeds = seeds_for(net(image).detach(), 2)
    expected = by_rewriting(net, image, seeds, method)
    torch.testing.assert_close(carried_down(graph, image, seeds, method), expected, rtol=1e-10, atol=1e-10)


class Identity(torch.autograd.Function):
    """Contrast normalisation on the way up, nothing on the way down."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return torch.as_tensor(ContrastNormalisation()(x))

    @staticmethod
    def backward(ctx: Any, *signals: Tensor) -> Tensor:
        return signals[0]


class Skipped(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor(Identity.apply(x))


@pytest.mark.parametrize("method", METHODS)
def test_contrast_normalisation_is_skipped_by_deconvnet_and_differentiated_by_the_others(method: str) -> None:
    net = nn.Sequential(conv(3), nn.ReLU(), nn.MaxPool2d(3, 2), ContrastNormalisation(), conv(6), nn.ReLU())
    skipping = nn.Sequential(*net[:3], Skipped(), *net[4:])
    graph, image = exported(net, SHAPE), picture(SHAPE) * 50
    seeds = seeds_for(net(image).detach())
    reference = skipping if method == "deconvnet" else net
    expected = by_rewriting(reference, image, seeds, method)
    other = by_rewriting(net if method == "deconvnet" else skipping, image, seeds, method)
    assert not torch.allclose(expected, other, rtol=1e-3)
    torch.testing.assert_close(carried_down(graph, image, seeds, method), expected, rtol=1e-10, atol=1e-10)


def test_zfnet_as_in_the_paper() -> None:
    whole = zfnet(num_classes=2)
    front = nn.Sequential(*list(whole.children())[:11])
    del whole
    shape = (3, 63, 63)
    graph, image = exported(front, shape), picture(shape)
    skipping = nn.Sequential(*(Skipped() if isinstance(m, nn.LocalResponseNorm) else m for m in front))
    seeds = seeds_for(front(image).detach(), 1)
    expected = by_rewriting(skipping, image, seeds, "deconvnet")
    assert expected.abs().max() > 0
    torch.testing.assert_close(carried_down(graph, image, seeds, "deconvnet"), expected, rtol=1e-8, atol=1e-8)
