"""Networks of whole numbers, so that every sum is exact in any order, and small pictures with many ties."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from convscope.images import ImageSet
from convscope.models import Model, Preprocessing, load_model

SIZE = 32
DEAD = 3
"""The unit of each layer that never answers."""

Pictures = Sequence[NDArray[np.uint8]]
Place = tuple[float, int, int]
"""(value, image, position in reading order)"""


def exact_net(channels: int = 3, seed: int = 0) -> nn.Sequential:
    """Two layers of whole-number weights: every activation of a uint8 picture is exact in float32."""
    draw = torch.Generator().manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(channels, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 12, 3, stride=2),
        nn.ReLU(),
    )
    with torch.no_grad():
        for layer in (net[0], net[3]):
            assert isinstance(layer, nn.Conv2d)
            assert layer.bias is not None
            layer.weight.copy_(torch.randint(-2, 3, layer.weight.shape, generator=draw))
            layer.bias.copy_(torch.randint(-3, 4, layer.bias.shape, generator=draw))
            layer.weight[DEAD], layer.bias[DEAD] = 0, -1
    return net


LAYERS = ("1", "4")
"""The addresses of its two rectified maps."""


def feeding(channels: int = 3, size: int = SIZE) -> Preprocessing:
    """Pixels as they are: nothing is scaled, so nothing is rounded."""
    return Preprocessing(size, size, None, "nearest", (0.0,) * channels, (1.0,) * channels, True)


def exact_model(channels: int = 3, seed: int = 0) -> Model:
    return load_model(exact_net(channels, seed), preprocessing=feeding(channels))


def float_net(seed: int = 0) -> nn.Sequential:
    """An ordinary small network with batch norm, as torch initialises it."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3), nn.ReLU()
    )


def pictures(count: int, channels: int = 3, levels: int = 3, seed: int = 0) -> list[NDArray[np.uint8]]:
    """Coarse noise of few levels; every third picture repeats the one before it, so whole maps tie."""
    draw = np.random.default_rng(seed)
    made = [draw.integers(0, levels, (8, 8, channels), np.uint8).repeat(4, 0).repeat(4, 1) for _ in range(count)]
    return [made[i - 1] if i % 3 == 2 else made[i] for i in range(count)]


class Data:
    """A data set object; ``labels`` are class numbers."""

    def __init__(self, images: Pictures, labels: Sequence[int] | None = None, names: Sequence[str] = ()) -> None:
        self.images = images
        self.labels = labels
        self.classes = list(names)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> Any:
        return self.images[row] if self.labels is None else (self.images[row], self.labels[row])


def image_set(images: Pictures, labels: Sequence[int] | None = None, names: Sequence[str] = ()) -> ImageSet:
    return ImageSet.open(Data(images, labels, names))


def maps_of(net: nn.Module, layer: str, images: Pictures) -> Tensor:
    """The maps of a layer of a Sequential, float (images, units, rows, columns), by running it as it is."""
    assert isinstance(net, nn.Sequential)
    with torch.no_grad():
        result: Tensor = net[: int(layer) + 1](torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float())
    return result


def full_sort(maps: Tensor, k: int, numbers: Sequence[int], *, many: bool = False) -> list[list[Place]]:
    """For each unit its k strongest, by falling value, then image, then reading order: by sorting everything."""
    units = []
    for unit in range(maps.shape[1]):
        every = [
            (value, image, position)
            for row, image in enumerate(numbers)
            for position, value in enumerate(maps[row, unit].flatten().tolist())
        ]
        every.sort(key=lambda place: (-place[0], place[1], place[2]))
        units.append(every[:k] if many else _first_of_each_image(every)[:k])
    return units


def _first_of_each_image(ordered: list[Place]) -> list[Place]:
    seen: dict[int, Place] = {}
    for place in ordered:
        seen.setdefault(place[1], place)
    return list(seen.values())
