"""Which vectors are compared: the default by the network's shape, and any value by its address."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convscope.engine.graphs import graph_of
from convscope.errors import AddressError
from convscope.models import Preprocessing, load_model
from convscope.probes.features import Feature, find_features, stage_features
from convscope.zoo import zfnet
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


def stages(net: nn.Module, preprocessing: Preprocessing = FEEDING) -> list[tuple[str, int]]:
    graph = graph_of(load_model(net.eval(), preprocessing=preprocessing))
    return [(feature.address, feature.dimensions) for feature in stage_features(graph)]


def test_stages_of_the_network_of_the_paper() -> None:
    """As many numbers as the paper's map sizes give behind each layer's pooling (figure 3)."""
    with torch.device("meta"):
        net = zfnet()
    net = net.to_empty(device="cpu")
    found = stages(net, Preprocessing(224, 224, None, "bilinear", (0.0,) * 3, (1.0,) * 3, True))
    assert [dimensions for _, dimensions in found] == [290_400, 43_264, 64_896, 64_896, 9_216, 4_096, 4_096]


class Residual(nn.Module):
    """Two convolutions beside an identity, or beside a strided one."""

    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.one = nn.Conv2d(before, after, 3, stride, 1)
        self.two = nn.Conv2d(after, after, 3, 1, 1)
        self.beside = nn.Conv2d(before, after, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        result: Tensor = (self.two(self.one(images).relu()) + self.beside(images)).relu()
        return result


class Branches(nn.Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(before, after, 1), nn.Conv2d(before, after, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([self.one(images).relu(), self.two(images).relu()], 1)


def deep(*blocks: nn.Module, last: int, units: int = 5) -> nn.Sequential:
    return nn.Sequential(conv(), nn.ReLU(), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(last, units))


def test_a_deep_network_has_one_stage_at_each_map_size() -> None:
    net = deep(
        Residual(4, 4), Residual(4, 4), Residual(4, 6, 2), Residual(6, 6), Residual(6, 8, 2), Residual(8, 8), last=8
    )
    found = stages(net)
    # The last sum at 24, 12 and 6 pixels, and the means that the last linear layer reads.
    assert [dimensions for _, dimensions in found] == [4 * 24 * 24, 6 * 12 * 12, 8 * 6 * 6, 8]
    assert [address.partition(".")[0] for address, _ in found] == ["3", "5", "7", "8"]


def test_branches_count_once_they_are_joined() -> None:
    blocks = [Branches(4, 3), *(Branches(6, 3) for _ in range(3)), nn.MaxPool2d(2), *(Branches(6, 3) for _ in range(3))]
    found = stages(deep(*blocks, last=6))
    # The first stage ends behind its pooling (6), as a layer of the paper does.
    assert found == [("6", 6 * 12 * 12), (found[1][0], 6 * 12 * 12), ("10", 6)]
    assert found[1][0].startswith("9.")


def test_of_few_layers_each_is_a_stage_and_all_hidden_vectors() -> None:
    net = nn.Sequential(
        conv(),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 3, 3),
        nn.ReLU6(),
        nn.Flatten(),
        nn.Linear(300, 9),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(9, 7),
        nn.Tanh(),
        nn.Linear(7, 5),
        nn.Softmax(1),
    )
    assert stages(net) == [("2", 4 * 144), ("4", 300), ("7", 9), ("10", 7)]


def test_stages_of_networks_without_maps() -> None:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(1728, 6), nn.ReLU(), nn.Linear(6, 5))
    assert stages(flat) == [("2", 6)]
    with pytest.raises(AddressError, match="neither a convolution"):
        stages(nn.Sequential(nn.Flatten(), nn.Linear(1728, 5)))
