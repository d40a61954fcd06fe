"""A small classifier and an atlas of it, asked over a server."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from convscope.atlas.reader import Atlas
from convscope.images import ImageSet
from convscope.models import Model, load_model
from convscope.pipeline.build import Ask, build_atlas
from tests.docs.tiny import UNITS, classify


def classifier(seed: int = 0) -> Model:
    """A model whose output are classes, with weights that follow from the seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return load_model(classify(), classes=tuple(f"class <{number}>" for number in range(UNITS)))


CLASSIFIER = classifier()


def asked_atlas(folder: Path) -> Atlas:
    """An atlas of ``CLASSIFIER`` over a few pictures of noise."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for number in range(6):
        coarse = generator.integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(coarse).resize((40, 40)).save(pictures / f"{number}.png")
    build_atlas(CLASSIFIER, ImageSet.open(pictures), folder / "atlas", Ask(units=3, trust=False), workers=1)
    return Atlas.open(folder / "atlas")
