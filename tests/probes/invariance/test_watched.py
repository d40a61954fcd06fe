"""Which vectors belong to the classifier, and how layers are named."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from convscope.engine.graphs import graph_of
from convscope.errors import AddressError
from convscope.models import load_model
from convscope.probes.invariance.watched import Watched, classifier, watched_layers
from tests.nets import Net
from tests.probes.invariance.make import FEEDING, shift_net
from tests.probes.invariance.make import classifier as small


def watched(net: nn.Module, addresses: list[str] | None = None) -> tuple[Watched, ...]:
    return watched_layers(graph_of(load_model(net.eval(), preprocessing=FEEDING)), addresses)


def names(net: nn.Module, addresses: list[str] | None = None) -> list[str]:
    return [layer.address for layer in watched(net, addresses)]


def test_maps_then_the_classifier_with_its_rectifiers() -> None:
    assert names(small()) == ["1", "4", "8", "10"]


def test_the_pooled_vector_before_a_single_linear_layer_is_its_hidden_layer() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
    assert names(net) == ["1", "3", "4"]
    averaged = Net(lambda m, x: m.head(F.relu(m.conv(x)).mean((2, 3))), conv=nn.Conv2d(3, 4, 3), head=nn.Linear(4, 5))
    assert names(averaged) == ["relu", "mean", "head"]


def test_a_map_written_as_a_row_is_not_listed_again() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 22 * 22, 5))
    assert names(net) == ["1", "3"]


def gated(m: Any, x: Tensor) -> Tensor:
    """Squeeze and excite with linear layers, then a classifier."""
    x = F.relu(m.conv(x))
    gate = torch.sigmoid(m.excite(F.relu(m.squeeze(x.mean((2, 3))))))
    return torch.as_tensor(m.head((x * gate[:, :, None, None]).mean((2, 3))))


def test_gates_are_not_the_classifier() -> None:
    parts = {"conv": nn.Conv2d(3, 4, 3), "squeeze": nn.Linear(4, 2), "excite": nn.Linear(2, 4), "head": nn.Linear(4, 5)}
    found = [
        node.address for node in classifier(graph_of(load_model(Net(gated, **parts).eval(), preprocessing=FEEDING)))
    ]
    assert found == ["mean#2", "head"]


def test_any_map_or_vector_can_be_named_in_any_order() -> None:
    assert names(small(), ["8", "0", "6", "2", "0"]) == ["0", "2", "6", "8"]
    assert names(shift_net(), ["amax", "one"]) == ["one", "amax"]


def test_maps_of_one_position_have_no_places() -> None:
    (pooled,) = watched(small(), ["5"])
    assert (pooled.units, pooled.places) == (7, None)


def test_where_positions_see_everything_the_map_covers_the_image_evenly() -> None:
    (layer,) = watched(shift_net(aliased=True), ["relu#2"])
    assert layer.places is not None
    assert layer.places.size == (12, 12)
    assert layer.places.stride == (2.0, 2.0)
    assert layer.places.first == (1.0, 1.0)


@pytest.mark.parametrize(
    ("addresses", "message"),
    [(["11"], "no layer '11'"), ([], "no layer was named"), (["weight"], "no layer 'weight'")],
)
def test_unknown_layers_are_told(addresses: list[str], message: str) -> None:
    with pytest.raises(AddressError, match=message):
        watched(small(), addresses)


def test_a_model_without_either_is_told() -> None:
    with pytest.raises(AddressError, match="neither feature maps of a convolution nor linear layers"):
        watched(nn.Sequential(nn.AvgPool2d(2), nn.ReLU()))
