"""How large a network is, and roughly how long it trains, before it is trained."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from convscope.zoo.architecture import Architecture, build

TRAINING_PASSES = 3
"""Forward, and backward to weights and to inputs."""
PER_SECOND = 10e9
"""Multiply-adds of training that one core gets done in a second with small networks, validation and evaluation between
them: 145 seconds of one core were measured for the shipped plans' base, 149 follow from this."""


@dataclass(frozen=True)
class Size:
    """``multiply_adds`` are those of one image."""

    parameters: int
    multiply_adds: int


def size_of(architecture: Architecture, classes: int) -> Size:
    """Counted on a network without numbers, which costs nothing however large it is."""
    with torch.device("meta"):
        network = build(architecture, classes).eval()
        image = torch.empty(1, architecture.channels, architecture.side, architecture.side)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            network(image)
    parameters = sum(entry.numel() for entry in network.parameters())
    return Size(parameters, counter.get_total_flops() // 2)


def work(multiply_adds: int, images: int, epochs: int) -> float:
    """Multiply-adds of a run."""
    return float(multiply_adds) * TRAINING_PASSES * images * epochs
