"""Projections computed inside receptive windows against the same on whole maps, in float64."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from convscope.engine.spans import Span
from convscope.engine.topdown import Signal, descend, whole
from convscope.engine.trace import Trace, trace
from convscope.graph.export import export_graph
from convscope.graph.opgraph import INPUT
from convscope.rules.projection import METHODS
from convscope.rules.unpooling import UNPOOLINGS
from tests.nets import seeds_for
from tests.rules.random_nets import build, chains

SHAPE = (1, 13, 11)


def traced(net: nn.Module) -> Trace:
    torch.manual_seed(0)
    graph = export_graph(net.double().eval(), SHAPE)
    return trace(graph, torch.randn(1, *SHAPE, dtype=torch.float64), graph.output)


def at_places(recorded: Trace, places: list[tuple[int, int]]) -> tuple[Signal, Tensor]:
    """Random signals for all channels of single positions: as windows of one position, and as whole maps."""
    value = recorded.values[recorded.graph.output]
    seeds = seeds_for(value, len(places))
    rows, columns = np.asarray(places).T
    sparse = torch.zeros_like(seeds)
    for unit, (y, x) in enumerate(places):
        sparse[unit, :, :, y, x] = seeds[unit, :, :, y, x]
    window = sparse[range(len(places)), 0, :, rows, columns][:, :, None, None]
    return Signal(window, (2, 3), (Span(rows, 1), Span(columns, 1))), sparse


def both_ways(recorded: Trace, places: list[tuple[int, int]], method: str, unpool: str) -> tuple[Tensor, Tensor]:
    window, maps = at_places(recorded, places)
    everywhere = replace(recorded, local={})
    one, other = (
        whole(way, INPUT, descend(way, way.graph.output, start, METHODS[method], unpool)).values
        for way, start in ((recorded, window), (everywhere, Signal(maps)))
    )
    return one, other


@pytest.mark.parametrize("unpool", UNPOOLINGS)
@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(chain=chains, data=st.data())
def test_windows_and_whole_maps_agree(method: str, unpool: str, chain: list[str], data: Any) -> None:
    try:
        recorded = traced(build(chain))
    except RuntimeError:
        return  # the map shrank to nothing
    shape = recorded.values[recorded.graph.output].shape
    positions = st.tuples(st.integers(0, shape[2] - 1), st.integers(0, shape[3] - 1))
    places = data.draw(st.lists(positions, min_size=1, max_size=4))
    mine, theirs = both_ways(recorded, places, method, unpool)
    torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-9)
