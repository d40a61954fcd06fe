"""Small labelled pictures that a small network can tell apart, and a recipe for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from convscope.train.reading import load_recipe
from convscope.train.recipe import Recipe

SIDE = 16
CLASSES = ("across", "down", "grid")
TINY: dict[str, Any] = {
    "network.side": SIDE,
    "network.edit.widths": {"1": 4, "2": 4, "3": 4, "4": 4, "5": 4, "6": 8, "7": 8},
    "images.resize": 18,
    "images.border": 0,
    "batch": 8,
    "epochs": 3,
    "snapshots": [0, 1, 2],
}


def tiny(**changes: Any) -> Recipe:
    """The recipe; ``__`` in a name stands for a dot."""
    return load_recipe("zfnet-small", TINY | {name.replace("__", "."): value for name, value in changes.items()})


def toml(value: object) -> str:
    """As it is written after ``--set NAME=``."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}={each}" for name, each in value.items()) + "}"
    return str(value)


def draw(folder: Path, each: int, seed: int = 0, size: int = 18) -> Path:
    """``each`` noisy pictures of stripes of each class, in a folder per class."""
    generator = np.random.default_rng(seed)
    down, across = np.mgrid[:size, :size] // 3 % 2 * 120
    for name, pattern in zip(CLASSES, (down, across, np.maximum(down, across)), strict=True):
        (folder / name).mkdir(parents=True)
        for number in range(each):
            noise = generator.integers(0, 100, (size, size))
            Image.fromarray((pattern + noise).astype(np.uint8)).save(folder / name / f"{number:02d}.png")
    return folder


def draw_splits(folder: Path, each: int = 10, held_out: int = 4) -> Path:
    """``train`` and ``val`` in a folder."""
    draw(folder / "train", each)
    draw(folder / "val", held_out, seed=1)
    return folder
