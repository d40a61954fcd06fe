"""The networks of the papers: sizes by running them, parameters, initial weights, contrast."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from convscope.errors import ModelError
from convscope.zoo import alexnet, alexnet_dense, zfnet
from convscope.zoo.architecture import Architecture, Convolution
from convscope.zoo.parts import ContrastNormalisation


@pytest.fixture(scope="module")
def networks() -> dict[str, nn.Sequential]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return {"zfnet": zfnet(), "alexnet": alexnet()}


def sizes(network: nn.Sequential, stages: list[str]) -> list[int]:
    met: dict[str, int] = {}
    signal = torch.zeros(1, 3, 224, 224)
    for name, stage in network.eval().named_children():
        signal = stage(signal)
        met[name] = signal.shape[-1]
    return [met[stage] for stage in stages]


STAGES = ["conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5", "flatten", "fc8"]


def test_zfnet_has_the_map_sizes_of_figure_3(networks: dict[str, nn.Sequential]) -> None:
    assert sizes(networks["zfnet"], STAGES) == [110, 55, 26, 13, 13, 13, 13, 6, 6 * 6 * 256, 1000]


def test_alexnet_has_the_map_sizes_of_its_paper(networks: dict[str, nn.Sequential]) -> None:
    assert sizes(networks["alexnet"], STAGES) == [55, 27, 27, 13, 13, 13, 13, 6, 6 * 6 * 256, 1000]


@pytest.mark.parametrize(
    ("factory", "parameters"), [(zfnet, 62_357_608), (alexnet, 60_965_224), (alexnet_dense, 62_378_344)]
)
def test_parameters_are_counted_to_the_last_one(factory: Callable[[], nn.Module], parameters: int) -> None:
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in factory().parameters()) == parameters


def test_windows_of_alexnet_without_padding_need_227_pixels(networks: dict[str, nn.Sequential]) -> None:
    conv1 = networks["alexnet"].get_submodule("conv1")
    pixels = torch.randn(1, 3, 224, 224)
    around = nn.functional.pad(pixels, (2, 1, 2, 1))
    assert around.shape[-1] == 227
    bare = nn.functional.conv2d(around, conv1.get_parameter("weight"), conv1.get_parameter("bias"), stride=4)
    torch.testing.assert_close(conv1(pixels), bare)


def test_contrast_is_normalised_after_pooling_in_zfnet_and_before_in_alexnet(
    networks: dict[str, nn.Sequential],
) -> None:
    names = {name: [stage for stage, _ in network.named_children()] for name, network in networks.items()}
    assert names["zfnet"][:8] == ["conv1", "relu1", "pool1", "norm1", "conv2", "relu2", "pool2", "norm2"]
    assert names["alexnet"][:8] == ["conv1", "relu1", "norm1", "pool1", "conv2", "relu2", "norm2", "pool2"]
    assert names["zfnet"][8:] == names["alexnet"][8:]
    assert names["zfnet"][-8:] == ["flatten", "fc6", "relu6", "dropout6", "fc7", "relu7", "dropout7", "fc8"]


def literal_normalisation(maps: Tensor) -> Tensor:
    """The formula of Krizhevsky et al. 2012, section 3.3, map by map."""
    count = maps.shape[1]
    rows = []
    for channel in range(count):
        near = range(max(0, channel - 2), min(count - 1, channel + 2) + 1)
        total = torch.stack([maps[:, other] ** 2 for other in near]).sum(0)
        rows.append(maps[:, channel] / (2 + 1e-4 * total) ** 0.75)
    return torch.stack(rows, 1)


@pytest.mark.parametrize("training", [True, False])
def test_contrast_normalisation_is_the_formula_of_the_paper(training: bool) -> None:
    maps = torch.randn(2, 9, 4, 3, dtype=torch.float64) * 100
    torch.testing.assert_close(ContrastNormalisation().train(training)(maps), literal_normalisation(maps))
    small = ContrastNormalisation(64.0).train(training)(maps / 64)
    torch.testing.assert_close(small * 64, literal_normalisation(maps))


@pytest.mark.parametrize(("name", "ones"), [("zfnet", set()), ("alexnet", {"conv2", "conv4", "conv5", "fc6", "fc7"})])
def test_initial_weights(name: str, ones: set[str], networks: dict[str, nn.Sequential]) -> None:
    for stage, module in networks[name].named_children():
        if isinstance(module, nn.Conv2d | nn.Linear):
            assert float(module.weight.detach().std()) == pytest.approx(0.01, rel=0.05)
            assert abs(float(module.weight.detach().mean())) < 5e-4
            assert module.bias is not None
            assert set(module.bias.tolist()) == {1.0 if stage in ones else 0.0}


def test_grouped_convolutions_stay_within_one_processor(networks: dict[str, nn.Sequential]) -> None:
    groups = {name: part.groups for name, part in networks["alexnet"].named_children() if isinstance(part, nn.Conv2d)}
    assert groups == {"conv1": 1, "conv2": 2, "conv3": 1, "conv4": 2, "conv5": 2}


@pytest.mark.parametrize("factory", [zfnet, alexnet, alexnet_dense])
def test_channels_classes_and_dropout_can_be_chosen(factory: Callable[..., nn.Sequential]) -> None:
    with torch.device("meta"):
        network = factory(num_classes=7, in_channels=2, dropout=0.25).eval()
        assert network(torch.zeros(3, 2, 224, 224)).shape == (3, 7)
    assert [part.p for part in network.modules() if isinstance(part, nn.Dropout)] == [0.25, 0.25]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channels": 0}, "images of 8 pixels and 0 channels; both must be 1 to 32,768"),
        ({"side": 10**9}, "images of 1000000000 pixels"),
        ({"convolutions": (Convolution(1, 4, 3, groups=2),)}, "layer 1 has 2 groups, which must divide the 3 maps"),
        ({"convolutions": (Convolution(1, 4, 3), Convolution(2, 6, 3, groups=4))}, "2 has 4 groups.* its 6 filters"),
    ],
)
def test_sizes_that_no_network_can_have(change: dict[str, Any], message: str) -> None:
    plain: dict[str, Any] = {"side": 8, "convolutions": (Convolution(1, 4, 3),), "hidden": ()}
    with pytest.raises(ModelError, match=message):
        Architecture(**plain | change)


def test_no_layer_is_larger_than_can_be_counted() -> None:
    with pytest.raises(ModelError, match="none above 32,768"):
        Convolution(1, 10**18, 3)
