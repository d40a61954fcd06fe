"""The bounds against brute force: change pixels and look which positions change; count products with torch's counter.

All networks have positive weights and see positive pixels, so that a change is never rectified, pooled or added away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from bench.bounds import (
    changed,
    corners,
    occlusion_bound,
    occlusion_cost,
    projection_bound,
    reached,
    read,
    received,
    whole_cost,
)
from bench.geometry import Slide, values
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import shufflenet_v2_x0_5

from convscope.graph.export import export_graph
from convscope.graph.opgraph import INPUT, OpGraph, evaluate

SIDE = 20


class Branching(nn.Module):
    """Two strides beside each other, a shortcut that skips positions, channels joined and split again."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 5, 2, 1)
        self.wide = nn.Conv2d(4, 4, 3, 2, 2, dilation=2, groups=2)
        self.skip = nn.Conv2d(4, 4, 1, 2)
        self.joint = nn.Conv2d(8, 8, 1)
        self.head = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        x = self.wide(x) + self.skip(x)
        x = self.joint(torch.cat([x, F.avg_pool2d(x, 3, 1, 1)], 1))
        one, other = torch.chunk(x, 2, 1)
        x = F.max_pool2d(one + other, 2, 2, ceil_mode=True)
        x = self.head(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return F.adaptive_avg_pool2d(x, 1).flatten(1)


class Gated(nn.Module):
    """A gate sees everything, so everything behind it changes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.gate, self.last = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = x * self.gate(x.mean((2, 3), keepdim=True))
        found: Tensor = self.last(x)
        return found


def positive(module: nn.Module) -> nn.Module:
    module = module.eval().double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.uniform_(0.1, 1)
    return module


def graph_of(module: nn.Module) -> OpGraph:
    return export_graph(positive(module), (3, SIDE, SIDE))


def run(graph: OpGraph, image: Tensor) -> Mapping[str, Any]:
    found: dict[str, Any] = {**graph.constants, INPUT: image}
    for node in graph.nodes:
        found[node.name] = evaluate(node, found)
    return found


def pixels() -> Tensor:
    return torch.rand(1, 3, SIDE, SIDE, dtype=torch.float64) + 1


def hull(differs: Tensor, axes: tuple[int, int] | None) -> list[list[int]]:
    """First and past the last of the rows and columns with a True in them."""
    if axes is None:
        return [[0, 1], [0, 1]]
    found = []
    for axis in axes:
        hit = differs.movedim(axis, 0).flatten(1).any(1).nonzero()[:, 0].tolist()
        found.append([hit[0], hit[-1] + 1] if hit else [2**31, 0])
    return found


def check_changes(graph: OpGraph, patch: tuple[int, int], at: tuple[int, int]) -> int:
    """Every value's window is the hull of what really changes; returns the multiply-adds of these positions."""
    spans = changed(graph, [at], patch)
    image = pixels()
    before = run(graph, image)
    # Beyond all that is not covered, so that a maximum shows it.
    image = image.clone()
    image[:, :, at[0] : at[0] + patch[0], at[1] : at[1] + patch[1]] *= (
        1e6  # beyond all that is not covered: a maximum shows it
    )
    after = run(graph, image)
    counted = 0
    for name, value in values(graph).items():
        differs = hull(after[name] != before[name], value.axes)
        assert spans[name][0].tolist() == differs, name
        (top, bottom), (left, right) = differs
        counted += value.cost_of_position * max(bottom - top, 0) * max(right - left, 0)
    return counted


slides = st.builds(Slide, st.integers(1, 7), st.integers(1, 5), st.integers(0, 4), st.integers(1, 3))


def taps(slide: Slide, position: int, size: int) -> set[int]:
    """What a position reads of a map of ``size``."""
    first = position * slide.stride - slide.padding
    return {at for tap in range(slide.kernel) if 0 <= (at := first + tap * slide.dilation) < size}


@given(slide=slides, start=st.integers(0, 20), length=st.integers(1, 9), size=st.integers(1, 20))
def test_reached_is_every_position_with_a_tap_on_the_span(slide: Slide, start: int, length: int, size: int) -> None:
    span = set(range(start, start + length))
    hit = [p for p in range(size) if span & taps(slide, p, 1000)]
    (found,) = reached(np.array([[start, start + length]]), slide, size).tolist()
    assert found == ([hit[0], hit[-1] + 1] if hit else [2**31, 0])


@given(slide=slides, start=st.integers(0, 20), length=st.integers(1, 9), size=st.integers(1, 200))
def test_read_is_every_tap_of_every_position(slide: Slide, start: int, length: int, size: int) -> None:
    seen = set.union(*(taps(slide, p, 1000) for p in range(start, start + length)))
    inside = {at for at in range(min(seen, default=0), max(seen, default=-1) + 1) if at < size}
    assume(inside and slide.padding <= start * slide.stride)
    (found,) = read(np.array([[start, start + length]]), slide, size).tolist()
    assert found == [min(inside), max(inside) + 1]


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation"), [(3, 1, 1, 1), (1, 3, 0, 1), (4, 2, 1, 1), (3, 2, 2, 3), (2, 5, 0, 2)]
)
@pytest.mark.parametrize(("patch", "at"), [((1, 1), (7, 8)), ((4, 6), (0, 14)), ((7, 2), (13, 5))])
def test_windows_of_geometries(
    kernel: int, stride: int, padding: int, dilation: int, patch: tuple[int, int], at: tuple[int, int]
) -> None:
    conv = nn.Conv2d(3, 2, kernel, stride, padding, dilation)
    check_changes(
        graph_of(nn.Sequential(conv, nn.ReLU(), nn.MaxPool2d(2, 1), nn.Conv2d(2, 2, (1, 2), 1, 1))), patch, at
    )


@pytest.mark.parametrize("make", [Branching, Gated])
@pytest.mark.parametrize("at", [(0, 0), (7, 10), (16, 3), (19, 19)])
def test_windows_of_branches_and_gates(make: Callable[[], nn.Module], at: tuple[int, int]) -> None:
    check_changes(graph_of(make()), (1, 1), at)


@pytest.mark.parametrize(("patch", "stride"), [(1, 7), (5, 6), (20, 1)])
def test_a_bound_is_whole_over_the_mean_of_what_changes(patch: int, stride: int) -> None:
    graph = graph_of(Branching())
    places = corners(SIDE, patch, stride)
    assert places[-1] == ((SIDE - patch) // stride * stride,) * 2
    counted = np.mean([check_changes(graph, (patch, patch), at) for at in places])
    assert occlusion_cost(graph, patch, stride) == pytest.approx(counted)
    assert occlusion_bound(graph, patch, stride) == pytest.approx(whole_cost(graph) / counted)


def test_all_is_whole_under_a_patch_as_large_as_the_image() -> None:
    assert occlusion_bound(graph_of(nn.Sequential(nn.Conv2d(3, 2, 3), nn.Conv2d(2, 2, 3))), SIDE, 1) == 1


def check_multiply_adds(module: nn.Module, side: int) -> OpGraph:
    """Half of what torch counts as flops, op by op, while the module itself runs."""
    graph = export_graph(module.eval(), (3, side, side))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(torch.rand(1, 3, side, side))
    assert 2 * whole_cost(graph) == counter.get_total_flops()
    return graph


@pytest.mark.parametrize("make", [Branching, Gated])
def test_multiply_adds_are_half_of_the_flops(make: Callable[[], nn.Module]) -> None:
    check_multiply_adds(make(), SIDE)


def test_channel_shuffles_keep_positions() -> None:
    graph = check_multiply_adds(shufflenet_v2_x0_5(weights=None), 64)
    kept = [value for value in values(graph).values() if value.op in ("view", "split") and value.axes == (2, 3)]
    assert len(kept) > 20


@pytest.mark.parametrize("position", [(0, 0), (2, 1), (3, 3)])
def test_received_is_where_the_gradient_is_not_zero(position: tuple[int, int]) -> None:
    graph = graph_of(Branching())
    name = next(node.name for node in graph.nodes if node.op == "cat")
    image = pixels().requires_grad_()
    found = run(graph, image)
    spans = received(graph, name, [position])
    known = values(graph)
    reached = [value for value in known if value in spans and value != name]
    assert INPUT in reached
    target = found[name][0, :, position[0], position[1]].sum()
    counted, total = known[name].cost, known[name].cost
    for value in reached:
        (gradient,) = torch.autograd.grad(target, found[value], retain_graph=True)
        (top, bottom), (left, right) = hull(gradient != 0, known[value].axes)
        # A hull of two readers' windows may hold positions that neither reads, but never more than their rectangle.
        assert spans[value][0].tolist() == [[top, bottom], [left, right]], value
        counted += known[value].cost_of_position * (bottom - top) * (right - left)
        total += known[value].cost
    assert projection_bound(graph, name, [position]) == pytest.approx(total / counted)
