"""Where units are counted, within which limits, and that counts are those of a loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from convscope.errors import NumberError
from convscope.graph.export import export_graph
from convscope.probes.diagnosis.activity import Units, activity_of
from convscope.probes.diagnosis.sites import Site, find_sites, site_behind
from tests.nets import Net

SHAPE = (3, 12, 12)


def gated(m: Any, x: torch.Tensor) -> torch.Tensor:
    a = F.relu6(m.norm(m.one(x)))
    b = a * torch.sigmoid(m.gate(a.mean((2, 3), keepdim=True)))
    c = m.two(b)
    d = c * torch.sigmoid(c)  # SiLU, written out
    hidden = F.dropout(F.relu(m.hidden(d.mean((2, 3)))), training=m.training)
    return torch.as_tensor(m.head(hidden))


def network() -> Net:
    torch.manual_seed(0)
    parts = {
        "one": nn.Conv2d(3, 4, 3),
        "norm": nn.BatchNorm2d(4),
        "gate": nn.Conv2d(4, 4, 1),
        "two": nn.Conv2d(4, 5, 3),
        "hidden": nn.Linear(5, 6),
        "head": nn.Linear(6, 3),
    }
    return Net(gated, **parts).eval()


def test_layers_hidden_vectors_and_gates_are_found_with_their_limits() -> None:
    graph = export_graph(network(), SHAPE)
    sites, left_out = find_sites(graph)
    assert left_out == ()
    seen = {site.op: (site.bounds, site.gate, site.units) for site in sites}
    assert seen == {
        "relu6": ((0.0, None, 6.0), False, 4),
        "sigmoid": ((None, 0.01, 0.99), True, 4),
        "conv2d": ((None, None, None), False, 5),
        "relu": ((0.0, None, None), False, 6),
    }
    first, gate, second = (node.name for node in graph.nodes if node.op == "conv2d")
    at = {site.op: site.address for site in sites}
    assert site_behind(graph, first, sites) == at["relu6"]
    assert site_behind(graph, gate, sites) == at["sigmoid"]
    assert site_behind(graph, second, sites) == at["conv2d"]


def test_behind_a_sum_units_are_no_filters_own() -> None:
    def net(m: Any, x: torch.Tensor) -> torch.Tensor:
        return F.relu(m.one(x) + x)

    graph = export_graph(Net(net, one=nn.Conv2d(3, 3, 3, padding=1)).eval(), SHAPE)
    sites, _ = find_sites(graph)
    assert [site.op for site in sites] == ["relu"]
    assert site_behind(graph, "conv2d", sites) is None


def test_tokens_are_said_to_be_left_out() -> None:
    def net(m: Any, x: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(m.mix(F.relu(m.one(x)).flatten(2)))

    graph = export_graph(Net(net, one=nn.Conv2d(3, 3, 3), mix=nn.Linear(100, 4)).eval(), SHAPE)
    _, (missing,) = find_sites(graph)
    assert (missing.what, missing.reason) == ("units of 1 linear layers", "they make tokens, not maps or vectors")


@pytest.mark.parametrize("shape", [(7, 3, 4, 5), (7, 3)])
@pytest.mark.parametrize("bounds", [(0.0, None, 6.0), (None, -1.0, 1.0), (None, None, None)])
def test_counts_are_those_of_a_loop_whatever_the_batches(
    shape: tuple[int, ...], bounds: tuple[float | None, float | None, float | None]
) -> None:
    floor, low, high = bounds
    values = 4 * torch.randn(shape, generator=torch.Generator().manual_seed(1))
    values[:, 1] = -2.0 if floor is None else 0.0
    if floor is not None:
        values = values.clamp(0, high)
    seen = Units.none(3)
    for part in torch.split(values, [2, 4, 1]):
        seen = seen.plus(part, bounds)
    found = activity_of(Site("n", "n", "relu", 3, bounds), seen)
    for unit in range(3):
        own = values[:, unit].reshape(7, -1).numpy()
        assert found.density[unit] == pytest.approx((own > 0).mean())
        assert found.images[unit] == pytest.approx((own > 0).any(1).mean())
        limit = np.zeros_like(own, bool)
        limit |= False if low is None else own <= low
        limit |= False if high is None else own >= high
        assert found.saturated[unit] == pytest.approx(limit.mean())
        assert (found.lowest[unit], found.highest[unit]) == (own.min(), own.max())
    assert found.dead.tolist() == [False, True, False]


def test_a_number_that_is_none_is_an_error() -> None:
    for bad in (torch.nan, torch.inf, -torch.inf):
        values = torch.zeros(1, 2, 3, 3)
        values[0, 1, 2, 2] = bad
        with pytest.raises(NumberError):
            Units.none(2).plus(values, (None, None, None))
