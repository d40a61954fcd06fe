"""Bytes that a network takes, against counting the values of a pass one by one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from convscope.engine.allowance import USUAL, Allowance, allowed, allowing
from convscope.engine.footprint import footprint
from convscope.engine.graphs import graph_of
from convscope.engine.loading import batches
from convscope.engine.scan import scan
from convscope.graph.opgraph import INPUT, evaluate
from convscope.models import load_model
from tests.engine.make import exact_model, feeding, float_net, image_set, pictures


@pytest.mark.parametrize("spec", ["exact", "float"])
def test_bytes_are_those_of_a_pass(spec: str) -> None:
    model = exact_model() if spec == "exact" else load_model(float_net(), preprocessing=feeding())
    graph = graph_of(model)
    nodes = graph.ancestors(graph.output)
    values: dict[str, Any] = {**graph.constants, INPUT: torch.zeros(graph.input_shape)}
    for node in nodes:
        values[node.name] = evaluate(node, values)
    made = [INPUT, *(node.name for node in nodes)]
    sizes = {name: values[name].nbytes for name in made if isinstance(values[name], Tensor)}
    found = footprint(graph, [graph.output])
    assert found.kept == sum(sizes.values())
    assert found.widest == max(sizes.values())
    # A value is held from the op that makes it to the last that reads it.
    alive = []
    for now, _ in enumerate(nodes):
        needed = {name for node in nodes[now:] for name in node.inputs} & set(made[: now + 2])
        alive.append(sum(sizes[name] for name in needed | {nodes[now].name}))
    assert found.alive == max(alive)
    assert found.weights == sum(value.nbytes for name, value in graph.constants.items() if graph.readers.get(name))
    assert 0 < found.reached[graph.output] == found.predicted


def test_an_allowance_holds_inside_its_block_only() -> None:
    with allowing(Allowance(images=2)):
        with allowing(Allowance(images=1)):
            assert allowed().images == 1
        assert allowed().images == 2
    assert allowed() == USUAL


def test_a_scan_in_smaller_batches_is_the_same() -> None:
    model, images = exact_model(), image_set(pictures(7))
    whole = scan(model, images, batch_size=5, workers=1)
    with allowing(Allowance(images=2)):
        sizes = [len(batch.index) for batch in batches(images, range(7), model.preprocessing, 5, 1)]
        small = scan(model, images, batch_size=5, workers=1)
    assert sizes == [2, 2, 2, 1]
    for layer, tally in whole.tallies.items():
        assert torch.equal(tally.top.place, small.tallies[layer].top.place)
        assert torch.equal(tally.top.value, small.tallies[layer].top.value)
