"""Networks with planted troubles, and images of known frequencies."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from convscope.models import Model, Preprocessing, load_model
from convscope.zoo.parts import POOLS

SIZE = 32
FEEDING = Preprocessing(SIZE, SIZE, None, "nearest", (128.0,) * 3, (64.0,) * 3, True)
CLASSES = ("a", "b", "c", "d")
DEAD, DOUBLE, ORIGINAL, LOUD, EMPTY = 2, 5, 1, 3, 6
"""Filters of the first layer: bias far below zero, a copy, what it copies, ten times too large, all zero."""


def classifier(pool: str = "max", seed: int = 0) -> nn.Sequential:
    """A healthy network: two convolutions, two poolings, a hidden vector."""
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 5, padding=2),
        nn.ReLU(),
        POOLS[pool](8, 3, 2, False),
        nn.Conv2d(8, 10, 3, padding=1),
        nn.ReLU(),
        POOLS[pool](10, 3, 2, False),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(10, 6),
        nn.ReLU(),
        nn.Linear(6, len(CLASSES)),
    )
    with torch.no_grad():
        for layer in (net[0], net[3], net[8]):
            assert isinstance(layer.bias, torch.Tensor)
            layer.bias.fill_(0.5)  # every unit answers somewhere
    return net.eval()


def planted() -> nn.Sequential:
    """The same with one trouble of each kind in the first layer."""
    net = classifier()
    first = net[0]
    assert isinstance(first, nn.Conv2d)
    assert first.bias is not None
    with torch.no_grad():
        first.bias[DEAD] = -1e3
        first.weight[DOUBLE] = 1.5 * first.weight[ORIGINAL]
        first.weight[LOUD] *= 10
        first.weight[EMPTY] = 0
    return net


def model(net: nn.Module, preprocessing: Preprocessing = FEEDING) -> Model:
    return load_model(net, preprocessing=preprocessing, classes=CLASSES)


def picture(seed: int = 0, size: int = SIZE) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(seed).integers(0, 256, (size // 4, size // 4, 3)).astype(np.uint8)
    return coarse.repeat(4, 0).repeat(4, 1)


def grating(size: int, down: float, across: float, phase: float = 0.3) -> NDArray[np.float64]:
    """A cosine of the frequencies ``down`` and ``across``, in cycles per position."""
    y, x = np.mgrid[:size, :size]
    wave: NDArray[np.float64] = np.cos(2 * np.pi * (down * y + across * x) + phase)
    return wave
