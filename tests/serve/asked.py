"""A small classifier and an atlas of it, asked over a server."""

from __future__ import annotations

from collections.abc import Sequence
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


NAMES = tuple(f"{number}.png" for number in range(6))


def asked_atlas(
    folder: Path, model: Model = CLASSIFIER, names: Sequence[str] = NAMES, size: tuple[int, int] = (40, 40)
) -> Atlas:
    """An atlas of a model over a few pictures of noise of this width and height, which lie in ``pictures``."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for name in names:
        coarse = generator.integers(0, 256, (8, 8, 3), np.uint8)
        (pictures / name).parent.mkdir(exist_ok=True)
        Image.fromarray(coarse).resize(size).save(pictures / name)
    build_atlas(model, ImageSet.open(pictures), folder / "atlas", Ask(units=3, trust=False), workers=1)
    return Atlas.open(folder / "atlas")
