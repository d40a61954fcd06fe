"""Architectures as values: the variants of table 3 counted to the last parameter, and what cannot be built."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from convscope.errors import ModelError
from convscope.zoo import ARCHITECTURES, build
from convscope.zoo.alexnet import ALEXNET_DENSE
from convscope.zoo.architecture import Architecture, Convolution, Hidden, Pool
from convscope.zoo.edits import Edit, First, edited
from convscope.zoo.zfnet import ZFNET, ZFNET_SMALL

WIDE = {3: 512, 4: 1024, 5: 512}


def parameters(architecture: Architecture, classes: int = 1000) -> int:
    with torch.device("meta"):
        return sum(weight.numel() for weight in build(architecture, classes).parameters())


def by_hand(architecture: Architecture, sizes: dict[int, int], classes: int = 1000) -> int:
    """Weights and biases, from the side of the last map of each architecture's convolutions."""
    total, channels = 0, architecture.channels
    for layer in architecture.convolutions:
        total += layer.filters * (channels // layer.groups * layer.kernel**2 + 1)
        channels = layer.filters
    features = channels * sizes[architecture.convolutions[-1].number] ** 2
    for hidden in architecture.hidden:
        total += hidden.width * (features + 1)
        features = hidden.width
    return total + classes * (features + 1)


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (Edit(), 62_357_608),
        (Edit(widths={6: 2048, 7: 2048}), 28_848_232),
        (Edit(widths={6: 8192, 7: 8192}), 154_542_184),
        (Edit(widths=WIDE), 107_627_624),
        (Edit(widths={**WIDE, 6: 8192, 7: 8192}), 237_560_936),
    ],
)
def test_variants_of_zfnet_have_the_parameters_of_the_paper(edit: Edit, expected: int) -> None:
    assert parameters(edited(ZFNET, edit)) == expected


@pytest.mark.parametrize("without", [(), (3, 4), (7,), (6, 7), (3, 4, 6, 7)])
@pytest.mark.parametrize(
    ("base", "sizes"), [(ZFNET, {1: 55, 2: 13, 3: 13, 5: 6}), (ALEXNET_DENSE, {1: 27, 2: 13, 3: 13, 5: 6})]
)
def test_what_follows_a_removed_layer_reads_what_went_before(
    base: Architecture, sizes: dict[int, int], without: tuple[int, ...]
) -> None:
    changed = edited(base, Edit(without=without))
    assert set(changed.numbers) == set(base.numbers) - set(without)
    assert parameters(changed) == by_hand(changed, sizes)


def test_an_edit_leaves_all_else_alone() -> None:
    assert edited(ZFNET, Edit()) == ZFNET
    changed = edited(ZFNET, Edit(first=First(3, 1), strides={2: 1}, contrast=False, pool="average"))
    first, second, *others = changed.convolutions
    assert (first.kernel, first.stride, first.padding, first.filters) == (3, 1, 1, 96)
    assert (second.stride, second.kernel) == (1, 5)
    assert {layer.contrast for layer in changed.convolutions} == {None}
    kinds = [layer.pool and layer.pool.kind for layer in changed.convolutions]
    assert kinds == ["average", "average", None, None, "average"]
    assert others[0] == replace(ZFNET.convolutions[2])
    assert changed.hidden == ZFNET.hidden


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
@pytest.mark.parametrize("kind", ["max", "average", "blur"])
def test_every_architecture_runs_with_every_pooling(name: str, kind: str) -> None:
    architecture = edited(ARCHITECTURES[name], Edit(pool=kind))
    with torch.device("meta"):
        images = torch.zeros(2, architecture.channels, architecture.side, architecture.side)
        assert build(architecture, 7).eval()(images).shape == (2, 7)


def test_blurred_pooling_is_maxima_then_a_binomial_filter_then_every_other() -> None:
    architecture = replace(
        ZFNET_SMALL, convolutions=(Convolution(1, 3, 3, padding=1, pool=Pool("blur")),), hidden=(Hidden(6, 2),), side=9
    )
    network = build(architecture, 2)
    maps = torch.randn(2, 3, 9, 9)
    maxima = nn.functional.max_pool2d(maps, 3, 1, 1)
    around = nn.functional.pad(maxima, (1, 1, 1, 1))
    line = [0.25, 0.5, 0.25]
    expected = torch.zeros(2, 3, 9, 9)
    for y in range(3):
        for x in range(3):
            expected += line[y] * line[x] * around[:, :, y : y + 9, x : x + 9]
    found: Tensor = network.get_submodule("pool1")(maps)
    torch.testing.assert_close(found, expected[:, :, ::2, ::2])


def test_weights_by_the_number_of_inputs() -> None:
    torch.manual_seed(0)
    network = build(replace(ZFNET_SMALL, deviation=None), 10)
    conv, fc = network.get_submodule("conv3"), network.get_submodule("fc7")
    assert float(conv.get_parameter("weight").detach().std()) == pytest.approx((2 / (128 * 9)) ** 0.5, rel=0.05)
    assert float(fc.get_parameter("weight").detach().std()) == pytest.approx((2 / 512) ** 0.5, rel=0.05)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (Edit(without=(3, 9)), r"no layer 9; this architecture has layers 1, 2, 3, 4, 5, 6, 7 and a classifier"),
        (Edit(widths={11: 5}), "no layer 11"),
        (Edit(widths={3: 0}), "sizes must be at least 1"),
        (Edit(widths={6: 0}), "width must be at least 1"),
        (Edit(strides={6: 2}), "no convolution 6"),
        (Edit(without=(1, 2, 3, 4, 5)), "no convolution is left"),
        (Edit(pool="sum"), "unknown pooling 'sum'; choose one of: max, average, blur"),
        (Edit(first=First(0, 1)), "sizes must be at least 1"),
    ],
)
def test_what_cannot_be_is_refused(edit: Edit, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        edited(ZFNET, edit)


def test_an_image_that_is_too_small_is_refused_by_the_layer_that_cannot_use_it() -> None:
    with pytest.raises(ModelError, match=r"conv2 gets a map of \[96, 3, 3\].*Give images of more than 15 pixels"):
        build(replace(ZFNET, side=15), 10)


@pytest.mark.parametrize(
    ("numbers", "message"), [((2, 1), "numbers must rise"), ((1, 1), "numbers must rise"), ((8,), "stay below 8")]
)
def test_numbers_of_layers_rise(numbers: tuple[int, ...], message: str) -> None:
    layers = tuple(Convolution(number, 4, 3) for number in numbers)
    with pytest.raises(ModelError, match=message):
        Architecture(28, layers, ())
