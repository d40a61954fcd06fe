"""Networks whose invariance is known before anything is measured."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.probes.invariance.invariance import invariance
from convscope.probes.invariance.result import Invariance
from tests.probes.invariance.make import model, noise, shift_net

PICTURES = [noise(seed) for seed in range(3)]
SHIFTS = [-12, -7, -2, -1, 1, 3, 4, 11]
LAYERS = ["relu", "relu#2", "amax", "head"]


@pytest.fixture(scope="module")
def shifted() -> Invariance:
    return invariance(model(shift_net()), PICTURES, "translate-x", SHIFTS, LAYERS, border="wrap", follow=8)


@pytest.fixture(scope="module")
def aliased() -> Invariance:
    return invariance(model(shift_net(aliased=True)), PICTURES, "translate-x", SHIFTS, LAYERS, border="wrap", follow=8)


def test_circular_convolutions_are_equivariant(shifted: Invariance) -> None:
    """The map of a shifted image is the shifted map: compared in place it differs, moved along it does not."""
    for place in (0, 1):
        change = shifted.units[place]
        assert change.still is not None
        assert change.moved is not None
        assert (change.still > 0.1).all()
        assert np.nanmax(change.moved) < 1e-5
        assert (shifted.normalised[:, place] > 0.1).all()


def test_the_largest_value_of_each_unit_is_invariant(shifted: Invariance) -> None:
    for place in (2, 3):
        assert shifted.normalised[:, place].max() < 1e-5
        assert shifted.units[place].moved is None
    assert shifted.score_mean[2] < 1e-5
    assert shifted.unrelated is not None
    assert shifted.unrelated[2] > 0.01
    assert shifted.consistency is not None
    np.testing.assert_array_equal(shifted.consistency, 1)
    np.testing.assert_array_equal(shifted.agreement, 1)


def test_a_stride_without_blur_is_neither(aliased: Invariance) -> None:
    """Whole strides keep the pooled value, half ones do not: that is aliasing (Zhang 2019)."""
    even = np.array(SHIFTS) % 2 == 0
    pooled = aliased.normalised[:, 2]
    assert pooled[:, even].max() < 1e-5
    assert pooled[:, ~even].min() > 0.005
    moved = aliased.units[1].moved
    assert moved is not None
    assert np.nanmin(moved) > 0.05


def test_aliasing_is_seen_in_the_map_where_it_happens(aliased: Invariance) -> None:
    """The first map, before the stride, is still equivariant."""
    first = aliased.units[0].moved
    assert first is not None
    assert np.nanmax(first) < 1e-5


def test_a_turn_is_not_seen_by_an_average_over_turned_filters() -> None:
    """Filters that look the same turned by 90 degrees: the map turns with the image, its average stays."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    conv = nn.Conv2d(3, 4, 3, padding=1)
    with torch.no_grad():
        turned = [torch.rot90(conv.weight, quarters, (2, 3)) for quarters in range(4)]
        conv.weight.copy_(torch.stack(turned).mean(0))
    net = nn.Sequential(conv, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)).eval()
    found = invariance(model(net), PICTURES, "rotate", [45, 90, 180, 270], ["1", "3"], border="grey", follow=4)
    right = [1, 2, 3]
    assert found.normalised[:, 1, right].max() < 1e-5
    assert found.normalised[:, 1, 0].min() > 1e-3
    assert found.normalised[:, 0, right].min() > 0.1
    quarter = invariance(model(net), PICTURES, "rotate", [90, 180, 270], ["1"], follow=3).units[0]
    assert quarter.moved is not None
    assert np.nanmax(quarter.moved) < 1e-5
