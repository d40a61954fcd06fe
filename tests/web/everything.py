"""One of each that convscope shows, of one small network: an atlas, its evolution, a comparison, runs and reports."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from convscope.atlas.reader import Atlas
from convscope.images import ImageSet
from convscope.models import Model, load_model
from convscope.pipeline.build import Ask, build_atlas
from convscope.probes.evolution.checkpoint import Checkpoint
from convscope.probes.evolution.evolve import evolve_series
from convscope.probes.evolution.series import examine
from convscope.probes.evolution.study import Settings
from convscope.web.comparison.export import export_comparison
from tests.docs.tiny import classify
from tests.serve.asked import CLASSIFIER, classifier
from tests.web.make_evolution import write_shown
from tests.web.test_results import write_ablation, write_experiment, write_run

LAYERS = ("features.0", "features.14")
SIDE = 96
EPOCHS = (0, 1, 3, 10)
DRAWN = tuple(f"{layer}:{unit}" for layer in LAYERS for unit in range(6))
"""Units that the evolution has pictures of."""
SHAPES = ("disc", "ring", "stripes", "checks")


def write_everything(folder: Path) -> list[Path]:
    """Folders as the commands write them; the atlas is of ``CLASSIFIER``, which the evolution ends with."""
    images = ImageSet.open(draw_pictures(folder / "pictures"))
    early = classifier(3)
    ask = Ask(layers=LAYERS, trust=False, per_class=2)
    build_atlas(CLASSIFIER, images, folder / "atlas", ask, workers=1)
    build_atlas(early, images, folder / "early", ask, workers=1)
    series = examine(list(checkpoints(early)), LAYERS, DRAWN, ("auto", "sum"), "cpu")
    found = evolve_series(series, images, Settings(DRAWN, top=5, workers=1))
    write_shown(folder / "evolution", found, series.digests)
    export_comparison((Atlas.open(folder / "early"), Atlas.open(folder / "atlas")), folder / "comparison")
    write_run(folder / "run", epochs=3)
    write_ablation(folder / "ablation")
    write_experiment(folder / "report", "occlusion.json")
    return [folder / name for name in ("atlas", "evolution", "comparison", "run", "ablation", "report")]


def checkpoints(early: Model) -> Iterator[Checkpoint]:
    """From one network to ``CLASSIFIER`` in steps that become smaller, as training does."""
    ends = [model.module.state_dict() for model in (early, CLASSIFIER)]
    between = {}
    for epoch in EPOCHS[1:-1]:
        part = math.log1p(epoch) / math.log1p(EPOCHS[-1])
        network = classify()
        network.load_state_dict({name: torch.lerp(values, ends[1][name], part) for name, values in ends[0].items()})
        between[epoch] = load_model(network, classes=CLASSIFIER.classes)
    models = {EPOCHS[0]: early} | between | {EPOCHS[-1]: CLASSIFIER}
    return (Checkpoint(f"epoch {epoch}", epoch, model) for epoch, model in models.items())


def draw_pictures(folder: Path) -> Path:
    """Five pictures of each shape, in colours and sizes that follow from the number."""
    for kind in SHAPES:
        (folder / kind).mkdir(parents=True)
        for number in range(5):
            Image.fromarray(shape(kind, number)).save(folder / kind / f"{number}.png")
    return folder


def shape(kind: str, number: int) -> NDArray[np.uint8]:
    """A shape before a shaded background."""
    random = np.random.default_rng([SHAPES.index(kind), number])
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE - random.uniform(0.35, 0.65, (2, 1, 1))
    radius, turned = np.hypot(x, y), x * math.cos(number) + y * math.sin(number)
    inside = {
        "disc": radius < 0.3,
        "ring": np.abs(radius - 0.28) < 0.07,
        "stripes": np.sin(turned * (20 + 8 * number)) > 0,
        "checks": np.sin(x * (18 + 6 * number)) * np.sin(y * (18 + 6 * number)) > 0,
    }[kind]
    ink, paper = random.uniform(0, 255, (2, 3))
    shaded = np.where(inside[..., None], ink, paper) * (1 - 0.5 * (y + 0.5))[..., None]
    return np.asarray((shaded + random.normal(0, 6, shaded.shape)).clip(0, 255), np.uint8)
