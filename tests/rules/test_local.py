"""Ops on windows against the same op on whole maps, windows cut out of the result afterwards; float64."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from convscope.engine.gather import Spans, cut_out, positions_back, positions_first, with_border
from convscope.engine.spans import Span
from convscope.graph.opgraph import INPUT, OpGraph
from convscope.rules.local import Local, local_ops
from tests.nets import Net, exported, picture, run

SHAPE = (4, 12, 8)


def at(value: Tensor, axes: tuple[int, int], spans: Spans, outside: float = 0.0) -> Tensor:
    maps, moved = with_border(positions_first(value, axes), spans, outside)
    return positions_back(cut_out(maps, moved), axes)


def windows_in(op: Local, size: int) -> Spans:
    """Windows at the four corners and in the middle of an op's result."""
    height, width = ((op.node.shape or ())[axis] for axis in op.axes)
    down, across = min(size, height), min(size + 1, width)
    rows = np.array([0, 0, height - down, height - down, (height - down) // 2])
    columns = np.array([0, width - across, 0, width - across, (width - across) // 2])
    return Span(rows, down), Span(columns, across)


def on_windows(op: Local, values: dict[str, Any], spans: Spans) -> Tensor:
    operands = dict(values)
    for name, operand in op.operands.items():
        seen = spans[0].seen_by(operand.reach[0]), spans[1].seen_by(operand.reach[1])
        operands[name] = at(values[name], operand.axes, seen, operand.outside)
    result = op.run(operands, (spans[0].size, spans[1].size))
    return result if op.factor is None else result * at(op.factor, (2, 3), spans)


def constant(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3))


def conv(*size: Any, **settings: Any) -> nn.Module:
    return nn.Conv2d(4, 4, *size, **settings)


def f(function: Any, **parts: Any) -> nn.Module:
    return Net(function, **parts)


def shuffled(m: Any, x: Tensor) -> Tensor:
    return x.view(-1, 2, 2, *x.shape[2:]).transpose(1, 2).reshape(x.shape)


LOCAL: dict[str, nn.Module] = {
    "dilated conv": conv(3, dilation=2, padding=2),
    "stride beyond the kernel": conv(1, stride=3),
    "grouped conv": conv(3, groups=2, padding=(0, 1)),
    "even same": conv((2, 4), padding="same"),
    "dilated same": conv(2, dilation=3, padding="same"),
    "valid": conv(3, padding="valid"),
    "max": nn.MaxPool2d(3, 2, padding=1, ceil_mode=True),
    "dilated max": nn.MaxPool2d(2, 1, dilation=(3, 2), padding=1),
    "average": nn.AvgPool2d(3, 2, padding=1),
    "average of what is there": nn.AvgPool2d(3, 2, padding=1, count_include_pad=False),
    "average, ceil": nn.AvgPool2d((3, 2), 3, padding=1, ceil_mode=True),
    "average, divided": nn.AvgPool2d(3, 2, padding=1, ceil_mode=True, divisor_override=5),
    "adaptive average": nn.AdaptiveAvgPool2d((4, 2)),
    "adaptive max": nn.AdaptiveMaxPool2d((3, 4)),
    "rows only": nn.AdaptiveAvgPool2d((1, 8)),
    "padded by a value": f(lambda m, x: F.pad(x, (2, 0, 1, 3), value=1.5)),
    "cropped by padding": f(lambda m, x: F.pad(x, (-2, 1, -1, -3), value=-1.0)),
    "slices": f(lambda m, x: x[:, 1:, 1::3, -7:-1:2]),
    "joined": f(lambda m, x: torch.cat([x, x.abs(), x], 1)),
    "a place for each": f(lambda m, x: x + m.p, p=constant(1, 1, 12, 8)),
    "a number for each channel": f(lambda m, x: m.p * x, p=constant(4, 1, 1)),
    "power": f(lambda m, x: x.abs() ** m.p.abs(), p=constant(1, 1, 12, 8)),
    "limit": f(lambda m, x: torch.clamp(x, min=m.p), p=constant(1, 4, 12, 8)),
    "chosen": f(lambda m, x: torch.where(m.p > 0, x, 0.5), p=constant(1, 1, 12, 8)),
    "masked": f(lambda m, x: x.masked_fill(m.p > 0, 2.0), p=constant(1, 1, 12, 8)),
    "shuffle": f(shuffled),
    "channels last": f(
        lambda m, x: m.linear(m.norm(x.permute(0, 2, 3, 1))).permute(0, 3, 1, 2),
        linear=nn.Linear(4, 3),
        norm=nn.LayerNorm(4),
    ),
    "prelu": nn.PReLU(4),
    "contrast": nn.LocalResponseNorm(3),
    "over channels": f(lambda m, x: x.softmax(1) * x.mean(1, keepdim=True)),
}


@cache
def graph_and_values(net: nn.Module) -> tuple[OpGraph, dict[str, Any]]:
    graph = exported(net, SHAPE)
    return graph, run(graph, picture(SHAPE))


@pytest.mark.parametrize("size", [1, 3, 50])
@pytest.mark.parametrize("name", LOCAL)
def test_an_op_on_windows_is_the_op(name: str, size: int) -> None:
    graph, values = graph_and_values(LOCAL[name])
    ops = local_ops(graph)
    assert {node.name for node in graph.nodes if node.shape is not None and set(node.inputs) & {INPUT, *ops}} == set(
        ops
    )
    for op in ops.values():
        spans = windows_in(op, size)
        expected = at(values[op.node.name], op.axes, spans)
        torch.testing.assert_close(on_windows(op, values, spans), expected, rtol=1e-12, atol=1e-12)


NOT_LOCAL: dict[str, nn.Module] = {
    "group norm": nn.GroupNorm(2, 4),
    "instance norm": nn.InstanceNorm2d(4),
    "softmax over rows": nn.Softmax(2),
    "sum along a row": f(lambda m, x: x.cumsum(3)),
    "reflected": nn.ReflectionPad2d(1),
    "wrapped": f(lambda m, x: F.pad(x, (1, 1, 1, 1), mode="circular")),
    "upsampled": nn.Upsample(scale_factor=2),
    "resized to its own size": f(lambda m, x: F.interpolate(x, size=(12, 8))),
    "global pool": nn.AdaptiveAvgPool2d(1),
    "uneven adaptive": nn.AdaptiveAvgPool2d(5),
    "mean": f(lambda m, x: x.mean((2, 3), keepdim=True)),
    "transposed convolution": nn.ConvTranspose2d(4, 4, 2),
    "a number for each column": f(lambda m, x: x + m.p, p=constant(1, 4, 1, 8)),
    "a number for each row": f(lambda m, x: x * m.p, p=constant(1, 1, 12, 1)),
    "places without a batch axis": f(lambda m, x: x + m.p, p=constant(1, 12, 8)),
    "places and nothing else": f(lambda m, x: x + m.p, p=constant(12, 8)),
    "side by side": f(lambda m, x: torch.cat([x, x], 3)),
}


@pytest.mark.parametrize("name", NOT_LOCAL)
def test_what_mixes_positions_is_not_local(name: str) -> None:
    graph, _ = graph_and_values(NOT_LOCAL[name])
    assert graph.output not in local_ops(graph)


def test_rows_and_columns_of_a_single_position_are_two_axes() -> None:
    graph = exported(nn.Sequential(nn.Conv2d(4, 4, (12, 8)), f(shuffled)), SHAPE)
    assert all(op.axes[0] != op.axes[1] for op in local_ops(graph).values())
