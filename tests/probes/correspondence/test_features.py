"""Which vectors are compared: the default by the network's shape, and any value by its address."""

from __future__ import annotations

import pytest
import torch.nn.functional as F
from torch import nn

from convscope.engine.graphs import graph_of
from convscope.errors import AddressError
from convscope.models import load_model
from convscope.probes.correspondence.features import Feature, find_features
from tests.faces import SIZE, model, random_net
from tests.nets import Net
from tests.probes.make import FEEDING


def of(net: nn.Module, addresses: list[str] | None = None) -> list[tuple[str, int]]:
    graph = graph_of(load_model(net.eval(), preprocessing=FEEDING))
    return [(feature.address, feature.dimensions) for feature in find_features(graph, addresses)]


def test_the_default_is_the_pooled_top_and_the_last_hidden_vector() -> None:
    graph = graph_of(model(random_net()))
    top, hidden = find_features(graph)
    assert (top.address, top.dimensions) == ("10", 32 * (SIZE // 8) ** 2)
    assert (hidden.address, hidden.dimensions) == ("13", 64)
    assert isinstance(top, Feature)


def conv() -> nn.Conv2d:
    return nn.Conv2d(3, 4, 3, padding=1)


POOLED = (conv(), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        # The map is flattened into the only linear layer: it is the last hidden vector itself.
        ([conv(), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 24 * 24, 5)], [("1", 2304)]),
        ([conv(), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)], [("1", 2304), ("2", 4)]),
        ([*POOLED, nn.Linear(576, 7), nn.ReLU(), nn.Dropout(), nn.Linear(7, 5), nn.Softmax(1)], [("2", 576), ("5", 7)]),
        ([conv(), nn.ReLU6(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(576, 5)], [("2", 576)]),
        ([conv(), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)], [("1", 2304), ("2", 4)]),
        # A classifier made of convolutions has no linear layer.
        ([conv(), nn.ReLU(), nn.Conv2d(4, 5, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()], [("2", 2880)]),
        ([nn.Flatten(), nn.Linear(3 * 24 * 24, 6), nn.ReLU(), nn.Linear(6, 5)], [("2", 6)]),
    ],
    ids=["flattened", "averaged", "hidden", "ceiling", "ceiling and mean", "all convolutions", "no convolution"],
)
def test_other_networks(parts: list[nn.Module], expected: list[tuple[str, int]]) -> None:
    assert of(nn.Sequential(*parts)) == expected


def test_a_map_that_others_read_as_well_is_not_pooled() -> None:
    net = Net(lambda m, x: (lambda h: F.max_pool2d(h, 2).mean((2, 3)) + h.mean((2, 3)))(m.conv(x).relu()), conv=conv())
    assert [dimensions for _, dimensions in of(net)] == [2304]


def test_addresses_are_values_or_modules_in_the_order_of_the_network() -> None:
    net = nn.Sequential(nn.Sequential(conv(), nn.ReLU()), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(576, 5))
    assert of(net, ["3", "0", "0.0"]) == [("0.0", 2304), ("0.1", 2304), ("3", 5)]


def test_what_is_not_there() -> None:
    net = nn.Sequential(conv(), nn.ReLU(), nn.Flatten(), nn.Linear(2304, 5))
    with pytest.raises(AddressError, match=r"no layer '0.7'. Close to it: "):
        of(net, ["0.7"])
    with pytest.raises(AddressError, match="no layer was named"):
        of(net, [])
    with pytest.raises(AddressError, match="neither a convolution"):
        of(nn.Sequential(nn.Flatten(), nn.Linear(3 * 24 * 24, 5)))
