"""Ops that drop positions are found however they are written, and thinning their dense form gives their result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from convscope.graph.export import export_graph
from convscope.probes.diagnosis.strided import Strided, find_strided
from tests.nets import Net, exported, picture, run

SHAPE = (4, 22, 20)


def found_in(function: Callable[[Any, Tensor], Any], most: int = 64, **parts: nn.Module) -> tuple[Any, Any, Any]:
    graph = exported(Net(function, **parts), SHAPE)
    found, left_out = find_strided(graph, most)
    return graph, found, left_out


def check(graph: Any, op: Strided) -> None:
    """The op's own result, less what a bias or a normalisation adds, is its dense form thinned from position 0."""
    values = run(graph, picture(SHAPE))
    dense = op.dense(values[op.source].double())
    rows, columns = values[op.node].shape[2:]
    thinned = dense[:, :, :: op.stride[0], :: op.stride[1]][:, :, :rows, :columns]
    actual = values[op.node][:, list(op.channels), : thinned.shape[2], : thinned.shape[3]]
    offset = actual - thinned
    spread = offset.flatten(2).amax(2) - offset.flatten(2).amin(2)
    assert float(spread.abs().max()) < 1e-9
    assert thinned.shape[2] >= rows - 1


CASES: dict[str, tuple[Callable[[Any, Tensor], Any], dict[str, nn.Module], tuple[int, int]]] = {
    "convolution": (lambda m, x: m.c(x), {"c": nn.Conv2d(4, 6, 5, stride=2, padding=2)}, (2, 2)),
    "one axis": (lambda m, x: m.c(x), {"c": nn.Conv2d(4, 6, 3, stride=(1, 3), dilation=2)}, (1, 3)),
    "single pixels": (lambda m, x: m.c(x), {"c": nn.Conv2d(4, 6, 1, stride=2, bias=False)}, (2, 2)),
    "depthwise": (lambda m, x: m.c(x), {"c": nn.Conv2d(4, 8, 3, stride=2, groups=4)}, (2, 2)),
    "valid": (lambda m, x: F.conv2d(x, m.c.weight, stride=2, padding="valid"), {"c": nn.Conv2d(4, 4, 3)}, (2, 2)),
    "max pooling": (lambda m, x: F.max_pool2d(F.relu(x), 3, 2, 1), {}, (2, 2)),
    "max pooling, own stride": (lambda m, x: F.max_pool2d(x, (2, 4), ceil_mode=True), {}, (2, 4)),
    "average pooling": (lambda m, x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), {}, (2, 2)),
    "adaptive pooling": (lambda m, x: F.adaptive_avg_pool2d(x, (11, 5)), {}, (2, 4)),
    "adaptive maxima": (lambda m, x: F.adaptive_max_pool2d(x, (11, 10)), {}, (2, 2)),
    "slices": (lambda m, x: x[:, :, 1::2] * 2, {}, (2, 1)),
}


@pytest.mark.parametrize("name", CASES)
def test_the_dense_form_thinned_is_the_op(name: str) -> None:
    function, parts, stride = CASES[name]
    graph, found, left_out = found_in(function, 64, **parts)
    (op,) = found
    assert (op.stride, left_out) == (stride, ())
    assert op.channels == tuple(range(op.units))
    check(graph, op)


@pytest.mark.parametrize(
    ("function", "parts"),
    [
        (lambda m, x: m.c(x), {"c": nn.Conv2d(4, 30, 3, stride=2)}),
        (lambda m, x: m.c(x), {"c": nn.Conv2d(4, 40, 3, stride=2, groups=4)}),
        (lambda m, x: m.c(x), {"c": nn.Conv2d(4, 8, 3, stride=2, groups=2)}),
        (lambda m, x: F.max_pool2d(torch.cat([x, x, x], 1), 2), {}),
    ],
)
def test_some_channels_are_the_ones_that_are_named(
    function: Callable[[Any, Tensor], Any], parts: dict[str, nn.Module]
) -> None:
    graph, (op,), _ = found_in(function, 5, **parts)
    assert 1 <= len(op.channels) <= 5
    assert len(set(op.channels)) == len(op.channels)
    check(graph, op)


def test_weights_that_act_hold_the_normalisation_behind_them() -> None:
    parts: dict[str, nn.Module] = {"c": nn.Conv2d(4, 6, 3, stride=2), "n": nn.BatchNorm2d(6)}
    graph, (op,), _ = found_in(lambda m, x: m.n(m.c(x)), 64, **parts)
    values = run(graph, picture(SHAPE))
    (norm,) = (node.name for node in graph.nodes if node.op == "batch_norm")
    offset = values[norm] - op.dense(picture(SHAPE))[:, :, ::2, ::2]
    np.testing.assert_allclose(offset.numpy(), np.broadcast_to(offset[:, :, :1, :1].numpy(), offset.shape), atol=1e-9)


@pytest.mark.parametrize(
    "function",
    [
        lambda m, x: F.max_pool2d(x, 3, 1),
        lambda m, x: F.adaptive_avg_pool2d(x, 1),
        lambda m, x: x.mean((2, 3)),
        lambda m, x: m.c(x),
        lambda m, x: x[:, ::2],
        lambda m, x: F.adaptive_avg_pool2d(x, (22, 20)),
    ],
)
def test_what_drops_no_positions_is_not_found(function: Callable[[Any, Tensor], Any]) -> None:
    _, found, left_out = found_in(function, c=nn.Conv2d(4, 2, 3))
    assert (found, left_out) == ((), ())


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda m, x: F.adaptive_avg_pool2d(x, 7), "windows of unequal size"),
        (lambda m, x: F.interpolate(x, scale_factor=0.5, mode="bilinear"), "makes 11x10 of 22x20 positions"),
        (lambda m, x: F.conv2d(x, x[:1, :, :3, :3] * 1, stride=2), "computed from the image"),
        (lambda m, x: x[:, :, -8::2] * 2, "counted from the end"),
    ],
)
def test_what_cannot_be_measured_is_said(function: Callable[[Any, Tensor], Any], reason: str) -> None:
    graph = export_graph(Net(function, c=nn.Conv2d(4, 2, 3)).eval(), SHAPE)
    found, (missing,) = find_strided(graph)
    assert found == ()
    assert missing.what.startswith("aliasing of ")
    assert reason in missing.reason
