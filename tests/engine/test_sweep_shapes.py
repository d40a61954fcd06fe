"""Sweeps where windows are awkward: patches of odd sizes, several reads at once, ops that write over their operands."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from convscope.engine.changed import sums, value_at, whole
from convscope.engine.occluders import Occluders
from convscope.engine.sweep import sweep
from convscope.graph.opgraph import OpGraph
from tests.convolutions import Convolutions
from tests.engine.awkward_nets import NETS, conv
from tests.engine.test_sweep import collected
from tests.nets import exported, run

SHAPE = (1, 17, 15)
WAYS = [True, False, None]
"""Windows, whole maps, or whichever is predicted to be faster."""


PATCHES = {
    "usual": ((4, 3), 3),
    "single pixel": ((1, 1), 4),
    "stride beyond the patch": ((2, 2), 6),
    "whole image": ((17, 15), 1),
    "full height": ((17, 2), 3),
}


def occluders(size: tuple[int, int], stride: int, dtype: torch.dtype = torch.float64) -> Occluders:
    rows, columns = (tuple(range(0, n - s + 1, stride)) for n, s in zip(SHAPE[1:], size, strict=True))
    return Occluders(rows, columns, torch.ones(size, dtype=torch.bool), torch.randn(1, *SHAPE, dtype=dtype))


@cache
def graph_of(name: str) -> OpGraph:
    return exported(NETS[name](), SHAPE)


def image(dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(1, *SHAPE, generator=torch.Generator().manual_seed(2), dtype=dtype)


def truth(graph: OpGraph, patches: Occluders, dtype: torch.dtype = torch.float64) -> dict[str, Any]:
    return run(graph, patches.covered(image(dtype), range(len(patches))))


@pytest.mark.parametrize("windows", WAYS)
@pytest.mark.parametrize("patch", PATCHES)
@pytest.mark.parametrize("name", NETS)
def test_awkward_patches(name: str, patch: str, windows: Any) -> None:
    graph, patches = graph_of(name), occluders(*PATCHES[patch])
    found = collected(graph, image(), patches, {"all": (graph.output, whole)}, windows=windows)
    torch.testing.assert_close(found["all"], truth(graph, patches)[graph.output], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("windows", WAYS)
@pytest.mark.parametrize("name", NETS)
def test_every_map_in_single_precision_and_all_at_once(name: str, windows: Any) -> None:
    """Fused ops write over their operands; what was read before must not change with them."""
    graph = in_single(graph_of(name))
    patches = occluders((4, 3), 3, torch.float32)
    shown = [n.name for n in graph.nodes if n.op in ("relu", "add", "cat", "mul") and (n.shape or ())[2:] > (1, 1)]
    reads = {f"{node} {read.__name__}": (node, read) for node in [*shown, graph.output] for read in (whole, sums, one)}
    found = collected(graph, image(torch.float32), patches, reads, windows=windows)
    values = truth(graph, patches, torch.float32)
    for node in shown:
        size = float(values[node].abs().max())
        for read, expected in (("whole", values[node]), ("one", values[node][:, 2, 1, 1])):
            torch.testing.assert_close(found[f"{node} {read}"], expected, rtol=0, atol=1e-5 * size)
        area = values[node].shape[2] * values[node].shape[3]
        torch.testing.assert_close(found[f"{node} sums"], values[node].sum((2, 3)), rtol=0, atol=1e-5 * size * area)


one = value_at(2, 1, 1)
one.__name__ = "one"


def in_single(graph: OpGraph) -> OpGraph:
    constants = {n: v.float() if v.is_floating_point() else v for n, v in graph.constants.items()}
    return OpGraph(graph.nodes, constants, graph.output, graph.input_shape)


@pytest.mark.parametrize("windows", WAYS)
def test_a_mask_that_covers_nothing_changes_nothing(windows: Any) -> None:
    graph, patches = graph_of("residual"), occluders((4, 3), 5)
    nothing = Occluders(patches.rows, patches.columns, patches.mask & False, patches.fill)
    found = collected(graph, image(), nothing, {"all": (graph.output, whole)}, windows=windows)
    bare = run(graph, image())[graph.output]
    torch.testing.assert_close(found["all"], bare.expand_as(found["all"]), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("windows", WAYS)
@pytest.mark.parametrize("places", [[0], [19, 3, 4], [], [0, 7, 14, 21, 24]])
def test_some_of_the_places(places: list[int], windows: Any) -> None:
    graph, patches = graph_of("residual"), occluders((4, 3), 3)
    values = truth(graph, patches)[graph.output]
    answered: list[int] = []
    for answers in sweep(graph, image(), patches, {"all": (graph.output, whole)}, places, windows=windows):
        torch.testing.assert_close(answers.values["all"], values[list(answers.places)], rtol=1e-9, atol=1e-9)
        answered += answers.places
    assert sorted(answered) == sorted(places)


@pytest.mark.parametrize("windows", WAYS)
def test_the_operand_of_a_rectifier_that_overwrites(windows: Any) -> None:
    graph = exported(nn.Sequential(conv(before=1), nn.ReLU(inplace=True), conv()), SHAPE)
    before = next(n.name for n in graph.nodes if n.op == "conv2d")
    patches = occluders((4, 3), 4)
    reads = {"before": (before, whole), "again": (before, whole), "last": (graph.output, whole)}
    found = collected(graph, image(), patches, reads, windows=windows)
    values = truth(graph, patches)
    for name, node in (("before", before), ("again", before), ("last", graph.output)):
        torch.testing.assert_close(found[name], values[node], rtol=1e-9, atol=1e-9)


def test_its_reader_is_not_put_into_inference_mode() -> None:
    graph = graph_of("residual")
    for _ in sweep(graph, image(), occluders((4, 3), 9), {"all": (graph.output, whole)}):
        assert not torch.is_inference_mode_enabled()


def test_on_whole_maps_no_pass_is_spent_on_the_bare_image() -> None:
    graph = exported(nn.Sequential(conv(before=1), nn.ReLU(), conv()), SHAPE)
    patches, rectified = occluders((4, 3), 5), graph.nodes[1].name
    reads = {"all": (graph.output, whole), "sums": (rectified, sums), "one": (graph.output, value_at(0, 1, 1))}
    with Convolutions() as convolutions:
        found = collected(graph, image(), patches, reads, windows=False)
    assert convolutions.met == [len(patches)] * 2
    values = truth(graph, patches)
    torch.testing.assert_close(found["all"], values[graph.output], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(found["sums"], values[rectified].sum((2, 3)), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(found["one"], values[graph.output][:, 0, 1, 1], rtol=1e-9, atol=1e-9)
