"""Receptive fields against the pixels that a change is felt from, found by differentiation in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from torch import Tensor, nn
from torch.nn import functional as F

from convscope.graph.export import export_graph
from convscope.graph.opgraph import OpGraph
from convscope.rules.windows import Sight, sights
from tests.nets import Net, carried_down, derivative, exported, picture, ready, seeds_for
from tests.rules.random_nets import GATED, build, chains
from tests.rules.rewritten import by_rewriting

SIZE = (13, 12)


def positive(net: nn.Module) -> nn.Module:
    """Nothing cancels where every weight is positive."""
    net = ready(net)
    for value in [*net.parameters(), *net.buffers()]:
        value.data.abs_() if value.is_floating_point() else None
    return net


def support(net: nn.Module, size: tuple[int, int] = SIZE, channels: int = 1) -> Tensor:
    """For each position (rows, columns) of the result, the pixels that it depends on: bool (r, c, height, width)."""
    image = picture((channels, *size)).abs().requires_grad_()
    result = net(image).sum((0, 1))
    rows, columns = result.shape
    one_hot = torch.eye(rows * columns, dtype=torch.float64).view(-1, rows, columns)
    (grad,) = torch.autograd.grad(result, image, one_hot, is_grads_batched=True)
    return grad.ne(0).any(1).any(1).view(rows, columns, *size)


def inside(field: Any, position: int, length: int) -> list[bool]:
    window = field.window(position)
    return [window.start <= pixel < window.stop for pixel in range(length)]


def allowed(sight: Sight, shape: tuple[int, int], size: tuple[int, int] = SIZE) -> Tensor:
    """What the sight says, in the form of ``support``."""
    if sight.fields is None:
        return torch.ones(*shape, *size, dtype=torch.bool)
    rows, columns = (
        torch.tensor([inside(field, p, length) for p in range(count)])
        for field, count, length in zip(sight.fields, shape, size, strict=True)
    )
    return rows[:, None, :, None] & columns[None, :, None, :]


def at_end(graph: OpGraph) -> Sight:
    return sights(graph)[graph.output]


@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(chains)
def test_no_random_net_looks_past_its_field(chain: list[str]) -> None:
    net = positive(build(chain))
    graph = export_graph(net, (1, *SIZE))
    sight = at_end(graph)
    assert sight.gated == bool(GATED & set(chain))
    assert sight.fields is not None
    if not sight.gated:
        found = support(net)
        assert not (found & ~allowed(sight, (found.shape[0], found.shape[1]))).any()


@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(chains)
def test_random_nets_go_down_as_autograd_and_its_rewritten_form_say(chain: list[str]) -> None:
    net = ready(build(chain), seed=len(chain))
    graph, image = export_graph(net, (1, *SIZE)), picture((1, *SIZE))
    seeds = seeds_for(net(image).detach())
    torch.testing.assert_close(carried_down(graph, image, seeds, "gradient"), derivative(net, image, seeds))
    for unpool in ("last", "none"):
        assert carried_down(graph, image, seeds, "deconvnet", unpool).isfinite().all()
    guided = by_rewriting(net, image, seeds, "guided_backprop")
    torch.testing.assert_close(carried_down(graph, image, seeds, "guided_backprop"), guided, rtol=1e-9, atol=1e-9)
    if "contrast" not in chain:
        expected = by_rewriting(net, image, seeds, "deconvnet")
        torch.testing.assert_close(carried_down(graph, image, seeds, "deconvnet"), expected, rtol=1e-9, atol=1e-9)


PLAIN: dict[str, nn.Module] = {
    "convs": nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.Conv2d(2, 2, 3, padding=1)),
    "strides": nn.Sequential(nn.Conv2d(1, 2, 3, stride=2, padding=1), nn.AvgPool2d(2)),
    "dilation": nn.Sequential(nn.Conv2d(1, 2, 2, dilation=3), nn.Conv2d(2, 2, 2, stride=(1, 2))),
    "even same": nn.Sequential(nn.Conv2d(1, 2, 4, padding="same"), nn.BatchNorm2d(2)),
    "ceil": nn.AvgPool2d(3, 2, ceil_mode=True),
    "border and slice": Net(lambda m, x: F.pad(x, (3, 0, 1, 2))[:, :, 1::2, -11:]),
    "one of a stack": Net(lambda m, x: torch.stack([m.conv(x), x], 1)[:, 0], conv=nn.Conv2d(1, 1, 1)),
    "sum of a stack": Net(lambda m, x: torch.stack([m.conv(x), x], 2).sum(2), conv=nn.Conv2d(1, 1, 3, padding=1)),
    "one of those unbound": Net(lambda m, x: m.conv(x.unsqueeze(1).unbind(1)[0]), conv=nn.Conv2d(1, 1, 3)),
    "slice from beyond": Net(lambda m, x: x[:, :, -100:, 2:] * 2),
    "adaptive": nn.Sequential(nn.Conv2d(1, 1, (2, 1)), nn.AdaptiveAvgPool2d((4, 6))),
    "lrn": nn.Sequential(nn.Conv2d(1, 4, 3), nn.LocalResponseNorm(3)),
    "cut in groups": Net(lambda m, x: m.one(x) + m.two(x), one=nn.Conv2d(1, 1, 1), two=nn.Conv2d(1, 1, 5, padding=2)),
}


@pytest.mark.parametrize("name", PLAIN)
def test_the_field_of_a_plain_chain_is_tight(name: str) -> None:
    net = positive(PLAIN[name])
    sight = at_end(export_graph(net, (1, *SIZE)))
    assert sight.fields is not None
    assert not sight.gated
    found = support(net)
    rows, columns = found.shape[:2]
    edges = [found.any(3), found.any(2)]
    y, x = rows // 2, columns // 2
    for axis, (field, place) in enumerate(zip(sight.fields, (y, x), strict=True)):
        pixels = edges[axis][y, x].nonzero().flatten()
        window = field.window(place).clip(SIZE[axis])
        assert (int(pixels[0]), int(pixels[-1]) + 1) == (window.start, window.stop)


GATES = {
    "squeeze-excite": Net(lambda m, x: x * m.fc(x.mean((2, 3), keepdim=True)).sigmoid(), fc=nn.Conv2d(4, 4, 1)),
    "group norm": nn.GroupNorm(2, 4),
    "instance norm": nn.InstanceNorm2d(4),
    "map divided by its norm": Net(lambda m, x: x / x.norm(dim=(2, 3), keepdim=True)),
    "one position added to all": Net(lambda m, x: x + m.conv(x), conv=nn.Conv2d(4, 4, 6)),
}


@pytest.mark.parametrize("name", GATES)
def test_gates_are_flagged_and_keep_the_local_field(name: str) -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3), GATES[name])
    sight = at_end(exported(net, (1, 8, 8)))
    assert sight.gated
    assert sight.fields is not None
    assert [field.size for field in sight.fields] == [3, 3]


MIXING = {
    "transposed rows and columns": Net(lambda m, x: m.conv(x.transpose(2, 3)), conv=nn.Conv2d(4, 4, 3)),
    "doubled side by side": Net(lambda m, x: torch.cat([x, x], 3)),
    "two maps side by side": Net(lambda m, x: torch.cat([x, x * 2], 3)),
    "border by concatenation": Net(lambda m, x: torch.cat([x[:, :, :, :2] * 0, x], 3)),
    "half spread over all": Net(lambda m, x: x[:, :, :1, :1] * m.pattern, pattern=torch.ones(1, 1, 8, 8)),
    "flipped": Net(lambda m, x: x.flip(3)),
    "upsampled": nn.Upsample(scale_factor=2),
    "transposed convolution": nn.ConvTranspose2d(4, 4, 2),
    "doubled in size": Net(
        lambda m, x: F.interpolate(F.max_pool2d(m.conv(x), 2), scale_factor=2), conv=nn.Conv2d(4, 4, 3)
    ),
    "skip beside what sees all": Net(
        lambda m, x: x + (x.flatten(2) @ m.mix).unflatten(2, (8, 8)), mix=torch.ones(64, 64)
    ),
    "written into a row": Net(
        lambda m, x: torch.slice_scatter(x, x.mean((2, 3), keepdim=True).expand(-1, -1, 1, 8), 2, 0, 1)
    ),
    "attention": Net(lambda m, x: (x.flatten(2).mT @ x.flatten(2)).softmax(-1).unsqueeze(1)),
    "mean of rows": Net(lambda m, x: x + x.mean(2, keepdim=True).expand(-1, -1, 8, -1)),
    "layer norm over the map": nn.LayerNorm([4, 8, 8]),
    "folded": Net(lambda m, x: x.reshape(-1, 4, 16, 4)),
    "wrapped border": Net(lambda m, x: F.pad(x, (1, 1, 1, 1), mode="circular")),
    "linear along a row": nn.Linear(8, 8),
    "summed along a row": Net(lambda m, x: x.cumsum(3)),
    "softmax over a row": nn.Softmax(3),
    "global pool": nn.AdaptiveAvgPool2d(1),
    "uneven adaptive pool": nn.AdaptiveAvgPool2d(3),
    "two strides": Net(lambda m, x: m.conv(x)[:, :, :4, :4] + F.avg_pool2d(x, 2), conv=nn.Conv2d(4, 4, 1)),
}


@pytest.mark.parametrize("name", MIXING)
def test_positions_that_move_or_mix_see_no_less_than_they_do(name: str) -> None:
    net = positive(nn.Sequential(nn.Conv2d(1, 4, 1), MIXING[name]))
    graph = export_graph(net, (1, 8, 8))
    sight = at_end(graph)
    if name not in ("mean of rows", "doubled in size"):
        assert sight.fields is None
    shape = graph.by_name[graph.output].shape
    assert shape is not None
    found = support(net, (8, 8))
    assert sight.gated or not (found & ~allowed(sight, (shape[2], shape[3]), (8, 8))).any()


def test_axes_follow_a_permutation_and_come_back() -> None:
    net = Net(
        lambda m, x: m.conv(m.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)),
        norm=nn.LayerNorm(2),
        conv=nn.Conv2d(2, 2, 3),
    )
    graph = exported(net, (2, 6, 7))
    seen = sights(graph)
    by_op = {node.op: seen[node.name] for node in graph.nodes}
    assert by_op["layer_norm"].axes == (1, 2)
    assert by_op["conv2d"].axes == (2, 3)
    assert by_op["conv2d"].fields is not None
    assert [field.size for field in by_op["conv2d"].fields] == [3, 3]
