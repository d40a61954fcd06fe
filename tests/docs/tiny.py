"""A network small enough for every example: three convolutions of VGG-16, thin, at their addresses."""

from __future__ import annotations

from torch import nn

from convscope.models import Preprocessing

POOLED_AT = (4, 9, 16, 23, 30)
CONVOLUTIONS = (0, 14, 28)
UNITS = 14


def build() -> nn.Module:
    """Named ``python:tests.docs.tiny:build``; input of 32 x 32 pixels."""
    stages: list[nn.Module] = []
    for place in range(31):
        if place in POOLED_AT:
            stages.append(nn.MaxPool2d(2, 2))
        elif place in CONVOLUTIONS:
            stages.append(nn.Conv2d(UNITS if stages else 3, UNITS, 3, padding=1))
        else:
            stages.append(nn.ReLU(inplace=True) if place - 1 in CONVOLUTIONS else nn.Identity())
    network = nn.Sequential()
    network.add_module("features", nn.Sequential(*stages))
    network.preprocessing = Preprocessing(32, 32, None, "bilinear", (127.0,) * 3, (64.0,) * 3, stated=True)  # type: ignore[assignment]
    return network


def classify() -> nn.Module:
    """The same with a class output: as many classes as units."""
    network = build()
    network.add_module("head", nn.Sequential(nn.Flatten(), nn.Linear(UNITS, UNITS)))
    return network
