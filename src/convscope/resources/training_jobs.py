"""What training asks for: time by the network's multiply-adds and a small one that is timed, room for its snapshots."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from torch import nn

from convscope.resources.demand import Demand
from convscope.train.ablation.ablate import Ask, Crew, prepare
from convscope.train.ablation.outlook import outlook
from convscope.train.recipe import Recipe
from convscope.train.size import size_of, work
from convscope.train.splits import Splits
from convscope.train.survey import IN_MEMORY

FLOAT = 4
STATES = 4
"""Copies of the parameters while training: themselves, gradients, and up to two moments."""
SPEED = "from a small convolution, trained here"


def train(recipe: Recipe, splits: Splits) -> Demand:
    """All epochs of a recipe."""
    images, checked = len(splits.training), len(splits.validation)
    size = size_of(recipe.architecture, len(splits.training.classes))
    side, channels = recipe.images.resize, recipe.architecture.channels
    pixels = min((images + checked) * side * side * channels, 2 * IN_MEMORY)
    snapshots = len([epoch for epoch in recipe.snapshots if epoch <= recipe.epochs]) + len(recipe.steps) + 1
    total = work(size.multiply_adds, images, recipe.epochs) + size.multiply_adds * checked * recipe.epochs
    return Demand(
        "train",
        images,
        memory=STATES * FLOAT * size.parameters + pixels + FLOAT * recipe.batch * size.multiply_adds // 100,
        disk=(snapshots + 3) * FLOAT * size.parameters,
        measure=lambda: total / multiply_adds_per_second(),
        basis=SPEED,
    )


def ablate(ask: Ask, crew: Crew, runs: Path) -> Demand:
    """The time of all runs that are missing, as ``--dry-run`` lists them, and the room of all runs."""
    found = outlook(prepare(ask), runs, crew)
    parameters = max((variant.parameters for variant in found.variants), default=0)
    return Demand(
        "ablate",
        memory=crew.jobs * STATES * FLOAT * parameters,
        disk=found.runs * 4 * FLOAT * parameters,
        measure=lambda: found.seconds,
        basis=found.basis,
    )


def multiply_adds_per_second() -> float:
    """Of training a convolution of 32 maps on this machine's processor."""
    layer, images = nn.Conv2d(32, 32, 3, padding=1), torch.zeros(16, 32, 28, 28, requires_grad=True)
    for _ in range(2):
        started = time.perf_counter()
        layer(images).sum().backward()
    return 3 * 16 * 28 * 28 * 32 * 32 * 9 / (time.perf_counter() - started)
