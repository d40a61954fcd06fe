"""Layers: which maps are looked at by default, and how an address finds one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from convscope.engine.layers import find_layers, find_node, layers
from convscope.errors import AddressError
from convscope.graph.opgraph import OpGraph
from convscope.window import Field
from tests.nets import Net, exported

SHAPE = (3, 16, 16)


class Residual(nn.Module):
    def __init__(self, inputs: int, units: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, units, 3, stride, 1), nn.BatchNorm2d(units)
        self.conv2, self.bn2 = nn.Conv2d(units, units, 3, 1, 1), nn.BatchNorm2d(units)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = nn.Conv2d(inputs, units, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return torch.as_tensor(self.relu(y + self.downsample(x)))


def conv1x1(inputs: int, units: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, units, 1)


def inverted(m: Any, x: Tensor) -> Tensor:
    return torch.as_tensor(x + m.shrink(F.relu6(m.depthwise(F.relu6(m.widen(x))))))


def dense(m: Any, x: Tensor) -> Tensor:
    y = torch.cat([x, m.one(F.relu(m.norm(x)))], 1)
    return torch.as_tensor(F.relu(y))


def excited(m: Any, x: Tensor) -> Tensor:
    y = m.conv(x)
    return torch.as_tensor(y * m.up(F.relu(m.down(F.adaptive_avg_pool2d(y, 1)))).sigmoid())


NETS: dict[str, tuple[nn.Module, list[str]]] = {
    "chain": (
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 5, 3), nn.BatchNorm2d(5), nn.ReLU()),
        ["1", "5"],
    ),
    "with a classifier": (nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(784, 2)), ["0"]),
    "resnet-like": (nn.Sequential(nn.Conv2d(3, 4, 3), Residual(4, 4), Residual(4, 6, 2)),
                    ["0", "1.relu", "1.relu#2", "2.relu", "2.relu#2"]),
    "mobilenet-like": (
        Net(inverted, widen=conv1x1(3, 6), depthwise=nn.Conv2d(6, 6, 3, padding=1, groups=6), shrink=conv1x1(6, 3)),
        ["widen", "depthwise", "add"],  # a rectifier with a ceiling is not followed
    ),
    "densenet-like": (Net(dense, norm=nn.BatchNorm2d(3), one=nn.Conv2d(3, 4, 3, padding=1)), ["one"]),
    "squeeze-excite": (Net(excited, conv=nn.Conv2d(3, 4, 3), down=nn.Conv2d(4, 2, 1), up=nn.Conv2d(2, 4, 1)), ["conv"]),
}  # fmt: skip


@pytest.mark.parametrize("name", NETS)
def test_default_layers_are_the_maps_after_each_convolution_or_sum(name: str) -> None:
    net, expected = NETS[name]
    assert [layer.address for layer in layers(exported(net, SHAPE))] == expected


@pytest.fixture(scope="module")
def resnet() -> OpGraph:
    return exported(NETS["resnet-like"][0], SHAPE)


def test_a_layer_says_what_it_is(resnet: OpGraph) -> None:
    layer = layers(resnet)[-1]
    node = resnet.by_name[layer.node]
    assert (layer.op, layer.units, layer.height, layer.width) == ("relu", 6, 7, 7)
    assert node.shape == (1, 6, 7, 7)
    assert (layer.rows, layer.columns, layer.gated) == (Field(13, 2, -5), Field(13, 2, -5), False)


def test_all_maps_are_every_op_with_a_stack_of_maps(resnet: OpGraph) -> None:
    every = [layer.address for layer in layers(resnet, all_maps=True)]
    assert every == [node.address for node in resnet.nodes if node.shape is not None and len(node.shape) == 4]
    assert {"1.conv1", "1.bn1", "1.add", "2.downsample"} <= set(every)


def test_an_address_finds_its_op_and_a_container_its_result(resnet: OpGraph) -> None:
    found = find_layers(resnet, ["2", "1.bn1", "1.relu"])
    assert [layer.address for layer in found] == ["1.bn1", "1.relu", "2.relu#2"]
    assert find_node(resnet, "1").address == "1.relu#2"
    assert find_layers(resnet, None) == layers(resnet)


def test_a_wrong_address_is_answered_with_close_ones(resnet: OpGraph) -> None:
    with pytest.raises(
        AddressError, match=r"no layer '1\.con1'\. Close to it: 1\.conv1, .*`convscope layers MODEL --all`"
    ):
        find_layers(resnet, ["1.con1"])
    with pytest.raises(AddressError, match=r"no layer 'zzz'\. Close to it: 0, 1\.conv1"):
        find_node(resnet, "zzz")


def test_an_op_without_maps_cannot_be_looked_at() -> None:
    graph = exported(NETS["with a classifier"][0], SHAPE)
    with pytest.raises(AddressError, match=r"'2' gives \(1, 2\), not feature maps of shape"):
        find_layers(graph, ["2"])


def test_a_model_without_maps_says_so() -> None:
    graph = exported(nn.Sequential(nn.Flatten(), nn.Linear(768, 2)), SHAPE)
    assert layers(graph) == ()
    with pytest.raises(AddressError, match="no convolution whose result is a feature map"):
        find_layers(graph, None)


def test_maps_that_see_everything_have_the_whole_image_for_a_window() -> None:
    graph = exported(nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(3, 2, 3)), SHAPE)
    (layer,) = layers(graph)
    assert [(w.start, w.stop) for w in (layer.rows.window(0), layer.columns.window(9))] == [(0, 16), (0, 16)]


def test_token_grids_are_not_maps() -> None:
    graph = exported(Net(lambda m, x: m.conv(x).permute(0, 2, 3, 1) * 2, conv=nn.Conv2d(3, 4, 1)), SHAPE)
    assert [layer.op for layer in layers(graph, all_maps=True)] == ["conv2d"]


def test_contrast_normalisation_is_local_and_a_gate_is_not() -> None:
    local = exported(nn.Sequential(nn.Conv2d(3, 4, 3), nn.LocalResponseNorm(3), nn.Conv2d(4, 2, 1)), SHAPE)
    assert [layer.gated for layer in layers(local)] == [False, False]
    gated = exported(nn.Sequential(NETS["squeeze-excite"][0], nn.Conv2d(4, 2, 1)), SHAPE)
    assert [layer.gated for layer in layers(gated)] == [False, True]
