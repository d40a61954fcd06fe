"""What a network's steps take: the smallest of each kind is never more than the usual one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from convscope.engine.allowance import USUAL
from convscope.resources.demand import Demand
from convscope.resources.net import Net
from convscope.resources.settle import settle
from tests.engine.make import exact_model


@pytest.mark.parametrize("count", [0, 1, 50])
@pytest.mark.parametrize("widest", [None, 3 * USUAL.signals])
def test_a_walk_down_is_refused_for_want_of_memory_only(count: int, widest: int | None) -> None:
    """Not because nothing is to be projected, nor because one value of the network is larger than a usual step."""
    net = Net.of(exact_model(), None, "cpu")
    wide = replace(net, found=replace(net.found, widest=widest or net.found.widest))
    step = wide.descending(count)
    assert step.least <= step.usual
    _, allowance = settle(Demand("project", steps=(step,)), 100_000_000_000)
    assert 0 < allowance.signals <= USUAL.signals
