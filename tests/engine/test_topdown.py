"""The trace of an image and the walk down from it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from convscope.engine.trace import trace
from convscope.errors import CoverageError
from convscope.graph.opgraph import INPUT
from tests.nets import Net, carried_down, exported, picture, run, seeds_for, tensors

NET = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 2, 2), nn.Flatten())
SHAPE = (3, 8, 8)


def test_a_trace_holds_what_its_layers_need_and_no_more() -> None:
    graph, image = exported(NET, SHAPE), picture(SHAPE)
    values = run(graph, image)
    pool = tensors(graph)[2].name
    recorded = trace(graph, image, pool)
    assert {name for name in recorded.values if name in graph.by_name} == {node.name for node in tensors(graph)[:3]}
    for node in tensors(graph)[:3]:
        torch.testing.assert_close(recorded.values[node.name], values[node.name])
    assert torch.equal(recorded.values[INPUT], image)
    assert not any(value.requires_grad for value in recorded.values.values())


def test_a_tape_is_made_once_and_knows_what_depends_on_the_image() -> None:
    graph, image = exported(NET, SHAPE), picture(SHAPE)
    recorded = trace(graph, image, graph.output)
    tape = recorded.tape(tensors(graph)[0])
    assert tape is recorded.tape(tensors(graph)[0])
    assert tape.live == (INPUT,)
    assert set(tape.values) == set(tensors(graph)[0].inputs)


@pytest.mark.parametrize("method", ["deconvnet", "guided_backprop", "gradient"])
def test_units_go_down_together_as_they_do_alone(method: str) -> None:
    graph, image = exported(NET, SHAPE), picture(SHAPE)
    layer = tensors(graph)[3].name
    seeds = seeds_for(run(graph, image)[layer], 4)
    together = carried_down(graph, image, seeds, method, layer=layer)
    alone = torch.cat([carried_down(graph, image, seed[None], method, layer=layer) for seed in seeds])
    assert together.shape == (4, *SHAPE)
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=1e-12)


def test_no_signal_goes_down_from_nothing() -> None:
    graph, image = exported(NET, SHAPE), picture(SHAPE)
    silent = torch.zeros(2, *run(graph, image)[graph.output].shape, dtype=torch.float64)
    assert carried_down(graph, image, silent, "deconvnet").eq(0).all()


def test_the_walk_leaves_trace_and_signals_as_they_were() -> None:
    graph, image = exported(NET, SHAPE), picture(SHAPE)
    seeds = seeds_for(run(graph, image)[graph.output])
    before = seeds.clone()
    first = carried_down(graph, image, seeds, "deconvnet", "last")
    assert torch.equal(seeds, before)
    assert torch.equal(first, carried_down(graph, image, seeds, "deconvnet", "last"))


def test_an_op_that_is_refused_above_the_layer_is_no_obstacle() -> None:
    graph, image = exported(Net(lambda m, x: m.conv(x).cumprod(1), conv=nn.Conv2d(3, 2, 1)), SHAPE), picture(SHAPE)
    conv, last = tensors(graph)
    seeds = seeds_for(run(graph, image)[conv.name])
    assert carried_down(graph, image, seeds, "deconvnet", layer=conv.name).abs().sum() > 0
    with pytest.raises(CoverageError, match="cumprod"):
        carried_down(graph, image, seeds, "deconvnet", layer=last.name)
