"""A model that is small enough for any test, and an atlas of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from convscope.images import ImageSet
from convscope.models import Model, load_model
from convscope.pipeline.build import Ask, build_atlas
from tests.docs.tiny import build


def tiny(seed: int = 0) -> Model:
    """A model with weights that follow from the seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return load_model(build())


TINY = tiny()


def tiny_atlas(folder: Path) -> Path:
    """An atlas of ``TINY`` over a few pictures of noise."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for number in range(12):
        coarse = generator.integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(coarse).resize((40, 40)).save(pictures / f"{number}.png")
    build_atlas(
        TINY, ImageSet.open(pictures), folder / "atlas", Ask(layers=["features.15"], units=3, trust=False), workers=1
    )
    return folder / "atlas"
