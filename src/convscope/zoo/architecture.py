"""Networks in the form of AlexNet and ZFNet, as values: numbered layers, so that one can be taken out or changed.

The form (Zeiler & Fergus 2013, section 2): convolution, ReLU, perhaps max pooling, perhaps contrast normalisation;
then fully connected layers with dropout. Layers keep the numbers of the papers, also when one is removed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from convscope.errors import ModelError
from convscope.zoo.parts import POOLS, ContrastNormalisation

LARGEST = 1 << 15
"""Of any size: more is a mistake, or a file that was meddled with; products of four of these can still be counted."""


def _sound(*sizes: int) -> bool:
    return all(1 <= size <= LARGEST for size in sizes)


@dataclass(frozen=True)
class Pool:
    """Pooling, overlapping by default: windows of 3 at every 2; with ``ceil`` the last may reach past the border."""

    kind: str = "max"
    kernel: int = 3
    stride: int = 2
    ceil: bool = False

    def __post_init__(self) -> None:
        if self.kind not in POOLS:
            raise ModelError(f"unknown pooling {self.kind!r}; choose one of: {', '.join(POOLS)}")
        if not _sound(self.kernel, self.stride):
            raise ModelError(f"pooling windows of {self.kernel} at every {self.stride}; both must be 1 to {LARGEST:,}")


@dataclass(frozen=True)
class Convolution:
    """Layer ``number``: filters, ReLU, and what follows; ``contrast`` is where it is normalised, seen from the pool."""

    number: int
    filters: int
    kernel: int
    stride: int = 1
    padding: int = 0
    groups: int = 1
    pool: Pool | None = None
    contrast: str | None = None
    bias: float = 0.0
    """What biases start at."""

    def __post_init__(self) -> None:
        if not _sound(self.filters, self.kernel, self.stride, self.groups, self.padding + 1):
            raise ModelError(
                f"layer {self.number}: {self}; sizes must be at least 1, padding at least 0, and none above {LARGEST:,}"
            )
        if self.contrast not in (None, "before", "after"):
            raise ModelError(f"layer {self.number}: contrast is {self.contrast!r}; choose before, after or none")


@dataclass(frozen=True)
class Hidden:
    """Fully connected layer ``number``: ReLU and dropout follow."""

    number: int
    width: int
    dropout: float = 0.5
    bias: float = 0.0

    def __post_init__(self) -> None:
        if not _sound(self.width) or not 0 <= self.dropout < 1:
            raise ModelError(
                f"layer {self.number}: {self}; width must be at least 1 and at most {LARGEST:,}, "
                "dropout at least 0 and below 1"
            )


@dataclass(frozen=True)
class Architecture:
    """A network for square images; the classifier comes last and is numbered 8 as in the papers."""

    side: int
    convolutions: tuple[Convolution, ...]
    hidden: tuple[Hidden, ...]
    channels: int = 3
    deviation: float | None = 0.01
    """Of the normal distribution that weights are drawn from; None: by the number of inputs (He et al. 2015)."""
    scale: float = 1.0
    """What centred pixels were divided by; contrast normalisation takes it into account."""

    def __post_init__(self) -> None:
        numbers = self.numbers
        if list(numbers) != sorted(set(numbers)) or any(number >= CLASSIFIER for number in numbers):
            raise ModelError(f"layers are numbered {numbers}; numbers must rise and stay below {CLASSIFIER}")
        if not self.convolutions:
            raise ModelError("no convolution is left; a network of this form needs at least one")
        if not _sound(self.side, self.channels):
            raise ModelError(
                f"images of {self.side} pixels and {self.channels} channels; both must be 1 to {LARGEST:,}"
            )
        channels = self.channels
        for layer in self.convolutions:
            if channels % layer.groups or layer.filters % layer.groups:
                raise ModelError(
                    f"layer {layer.number} has {layer.groups} groups, which must divide the {channels} maps that it "
                    f"gets and its {layer.filters} filters"
                )
            channels = layer.filters

    @property
    def layers(self) -> tuple[Convolution | Hidden, ...]:
        """All layers but the classifier."""
        return (*self.convolutions, *self.hidden)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Their numbers."""
        return tuple(layer.number for layer in self.layers)


CLASSIFIER = 8


def build(architecture: Architecture, num_classes: int) -> nn.Sequential:
    """The network, float [n, channels, side, side] -> logits [n, num_classes], with fresh weights.

    Stages have the names of the papers: conv1, relu1, pool1, norm1, … fc6, relu6, dropout6, … fc8. Raises ModelError
    if a map would have no position left.
    """
    maps = list(_maps(architecture))
    features = _features(architecture, maps)
    stages = [*maps, ("flatten", nn.Flatten()), *_classifier(architecture, features, num_classes)]
    network = nn.Sequential(OrderedDict(stages))
    _draw(network, architecture)
    return network


def _maps(architecture: Architecture) -> Iterator[tuple[str, nn.Module]]:
    channels = architecture.channels
    for layer in architecture.convolutions:
        number = layer.number
        yield (
            f"conv{number}",
            nn.Conv2d(channels, layer.filters, layer.kernel, layer.stride, layer.padding, groups=layer.groups),
        )
        yield f"relu{number}", nn.ReLU()
        if layer.contrast == "before":
            yield f"norm{number}", ContrastNormalisation(architecture.scale)
        if layer.pool is not None:
            make = POOLS[layer.pool.kind]
            yield f"pool{number}", make(layer.filters, layer.pool.kernel, layer.pool.stride, layer.pool.ceil)
        if layer.contrast == "after":
            yield f"norm{number}", ContrastNormalisation(architecture.scale)
        channels = layer.filters


@torch.no_grad()
def _features(architecture: Architecture, maps: list[tuple[str, nn.Module]]) -> int:
    """Numbers that the first fully connected layer reads."""
    signal = torch.zeros(1, architecture.channels, architecture.side, architecture.side)
    for name, stage in maps:
        try:
            signal = stage(signal)
        except RuntimeError as error:
            raise ModelError(
                f"{name} gets a map of {list(signal.shape[1:])}, which it cannot use ({error}). Give images of more "
                f"than {architecture.side} pixels, or choose smaller strides"
            ) from error
    return signal[0].numel()


def _classifier(architecture: Architecture, features: int, num_classes: int) -> Iterator[tuple[str, nn.Module]]:
    for layer in architecture.hidden:
        yield f"fc{layer.number}", nn.Linear(features, layer.width)
        yield f"relu{layer.number}", nn.ReLU()
        yield f"dropout{layer.number}", nn.Dropout(layer.dropout)
        features = layer.width
    yield f"fc{CLASSIFIER}", nn.Linear(features, num_classes)


def _draw(network: nn.Sequential, architecture: Architecture) -> None:
    biases = {layer.number: layer.bias for layer in architecture.layers}
    for name, stage in network.named_children():
        if not isinstance(stage, nn.Conv2d | nn.Linear):
            continue
        if architecture.deviation is None:
            nn.init.kaiming_normal_(stage.weight, nonlinearity="relu")
        else:
            nn.init.normal_(stage.weight, std=architecture.deviation)
        assert stage.bias is not None
        nn.init.constant_(stage.bias, biases.get(int(name[-1]), 0.0))
