"""A layer whose filter turns from one image to another: every winner, jump and similarity is known in advance.

Four images of 4 x 4 pixels, one for each corner, are bright in that corner's quarter. Unit 0 turns from corner 0 to
corner 1 between the third and the fourth checkpoint, unit 1 stays with corner 2, and unit 2 is never active.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from convscope.images import ImageSet
from convscope.models import Model, Preprocessing, load_model
from convscope.probes.evolution.checkpoint import Checkpoint
from tests.engine.make import exact_net, feeding, image_set

SIDE = 4
FEEDING = Preprocessing(SIDE, SIDE, None, "nearest", (0.0,), (1.0,), True)
ANGLES = (0.0, 20.0, 40.0, 70.0, 90.0)
"""Degrees from corner 0 to corner 1, by checkpoint; beyond 45 the winner is the other image."""
POSITIONS = (1.0, 2.0, 5.0, 10.0, 20.0)
JUMP = 3
SHOWN = ["1:0", "1:1", "1:2"]


def corners() -> list[NDArray[np.uint8]]:
    """Four pictures, the quarter of one corner bright: 100, 101, 102, 103."""
    made = []
    for corner in range(4):
        picture = np.zeros((SIDE, SIDE, 1), np.uint8)
        row, column = divmod(corner, 2)
        picture[2 * row : 2 * row + 2, 2 * column : 2 * column + 2] = 100
        made.append(picture)
    return made


def corner_images() -> ImageSet:
    return image_set(corners())


def turning_net(angle: float) -> nn.Sequential:
    """One convolution as large as the image: a unit's activation is the product of its filter and the image."""
    net = nn.Sequential(nn.Conv2d(1, 3, SIDE, padding=1, bias=True), nn.ReLU())
    filters = torch.zeros(3, 1, SIDE, SIDE)
    turned = np.deg2rad(angle)
    filters[0, 0, :2, :2], filters[0, 0, :2, 2:] = float(np.cos(turned)), float(np.sin(turned))
    filters[1, 0, 2:, :2] = 1.0
    convolution = net[0]
    assert isinstance(convolution, nn.Conv2d)
    assert convolution.bias is not None
    with torch.no_grad():
        convolution.weight.copy_(filters)
        convolution.bias.copy_(torch.tensor([0.0, 0.0, -1e6]))
    return net


@cache
def turning_model(angle: float) -> Model:
    return load_model(turning_net(angle), preprocessing=FEEDING)


def deaf_model() -> Model:
    """The first of them, unit 0 silenced."""
    net = turning_net(ANGLES[0])
    convolution = net[0]
    assert isinstance(convolution, nn.Conv2d)
    assert convolution.bias is not None
    convolution.bias.data[0] = -1e6
    return load_model(net, preprocessing=FEEDING)


def turning(angles: Sequence[float] = ANGLES) -> tuple[Checkpoint, ...]:
    return tuple(
        Checkpoint(f"epoch {position:g}", position, turning_model(angle))
        for position, angle in zip(POSITIONS, angles, strict=False)
    )


@cache
def exact_run(count: int = 3) -> tuple[Checkpoint, ...]:
    """Networks of whole numbers that have nothing to do with each other."""
    return tuple(
        Checkpoint(str(seed), seed, load_model(exact_net(seed=seed), preprocessing=feeding())) for seed in range(count)
    )
