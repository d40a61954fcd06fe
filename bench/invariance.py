"""Invariance: views per second against the bare forward pass of the same views, and what the border does.

    python -m bench.invariance [--rounds 7] [--follow 3] [resnet18 vgg16 sample:lite0 …]
    python -m bench.invariance --borders PHOTOGRAPHS [--images 40]

The first compares, batch by batch and in turn, the eager forward pass (both memory layouts) with the same batch through
the experiment, every default layer compared (*network*); and with the whole call, its pictures being transformed by
threads beside it (*whole call*). Random weights where there are none at hand; photographs are noise.

The second gives the mean normalised distance of ``sample:lite0`` under each border. ``crop`` has real content around
the view, so the border that is nearest to it disturbs least.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from bench.timing import alternate, prepare_process, ratio
from convscope.engine.graphs import graph_of
from convscope.images import ImageSet
from convscope.models import Model, load_model
from convscope.probes.invariance.answers import find_watch
from convscope.probes.invariance.invariance import Settings, followed_places, invariance, recipe_for
from convscope.probes.invariance.measure import Experiment, Run
from convscope.probes.invariance.passes import Group, Pass
from convscope.probes.invariance.transform import TRANSFORMS
from convscope.probes.invariance.watched import watched_layers

NETS = ("resnet18", "vgg16", "sample:lite0")
BORDERS = ("reflect", "grey", "mean", "zero", "wrap")
PICTURES = 3


class Bare:
    """The eager forward pass."""

    def __init__(self, module: nn.Module, layout: torch.memory_format) -> None:
        self.module = copy.deepcopy(module).eval().to(memory_format=layout)
        self.layout = layout

    def __call__(self, images: Tensor) -> None:
        with torch.inference_mode():
            self.module(images.contiguous(memory_format=self.layout))


def load(name: str) -> Model:
    return load_model(name if ":" in name else f"torchvision:{name}@none")


def experiment_of(model: Model, images: ImageSet, transform: str, follow: int) -> Experiment:
    """The experiment of a call with default settings."""
    settings, graph, kind = Settings(follow=follow), graph_of(model), TRANSFORMS[transform]
    values = kind.usual((model.preprocessing.height, model.preprocessing.width))
    return Experiment(
        graph=graph,
        images=images,
        recipe=recipe_for(model, kind, values, settings),
        watched=watched_layers(graph, None),
        watch=find_watch(graph, model.classes, settings.target),
        followed=followed_places(kind, values, follow),
        batch=settings.batch_size,
        device="cpu",
    )


def noise(count: int) -> list[np.ndarray]:
    draw = np.random.default_rng(0)
    return [draw.integers(0, 256, (300, 400, 3), np.uint8) for _ in range(count)]


def bench(name: str, transform: str, rounds: int, follow: int) -> str:
    """One row of the table."""
    model = load(name)
    pictures = noise(PICTURES)
    images = ImageSet.open(pictures)
    experiment = experiment_of(model, images, transform, follow)
    run = Run.of(experiment)
    views = torch.from_numpy(experiment.recipe.pictures(pictures[0]))
    met = Pass(views, (Group(0, 0, range(len(views) - 1)),))
    batch = model.preprocessing.normalise(views)
    turns: dict[str, Callable[[], object]] = {
        "default": partial(Bare(model.module, torch.contiguous_format), batch),
        "channels_last": partial(Bare(model.module, torch.channels_last), batch),
        "network": partial(run.take_in, met),
    }
    times = alternate(turns, rounds)
    best = min((times["default"], times["channels_last"]), key=lambda timing: timing.median)
    started = time.perf_counter()
    found = invariance(model, images, transform, follow=follow)
    whole = len(pictures) * len(views) / (time.perf_counter() - started)
    speed = {key: len(views) / timing.median for key, timing in times.items()}
    bare = len(views) / best.median
    return (
        f"| {name} | {transform} | {len(views)} | {len(found.layers)} | {speed['default']:.1f} | "
        f"{speed['channels_last']:.1f} | {speed['network']:.1f} | {ratio(best, times['network']):.2f} | "
        f"{whole:.1f} | {whole / bare:.2f} |"
    )


def speeds(nets: list[str], rounds: int, follow: int) -> None:
    print(prepare_process())
    print(
        "| net | transform | views per image | layers | bare, default layout | bare, channels_last | network, views/s "
        "| network / best bare | whole call, views/s | whole call / best bare |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name in nets:
        for transform in ("translate-y", "rotate"):
            print(bench(name, transform, rounds, follow), flush=True)


def borders(source: str, count: int) -> None:
    """Mean curves under each border, and their mean absolute difference from those under ``crop``."""
    prepare_process()
    model = load("sample:lite0")
    images = ImageSet.open(source)
    few = replace(images, entries=images.entries[:: max(1, len(images) // count)][:count])
    for transform in ("translate-y", "scale", "rotate"):
        values = [0.7, 0.8, 0.9, 1.0, 1.1] if transform == "scale" else None
        found = {border: invariance(model, few, transform, values, border=border) for border in ("crop", *BORDERS)}
        crop = found["crop"]
        print(f"\n{transform}, {len(crop.images)} photographs, values {crop.values.min():g} to {crop.values.max():g}")
        print("| border | first layer | middle | last hidden | mean difference from crop, all layers | label kept |")
        print("|---|---|---|---|---|---|")
        middle = len(crop.layers) // 2
        for border, each in found.items():
            scores = [each.score_mean[place] for place in (0, middle, each.shown[1])]
            apart = np.abs(each.curve - crop.curve).mean()
            kept = each.consistency.mean() if each.consistency is not None else float("nan")
            print(f"| {border} | {' | '.join(f'{s:.3f}' for s in scores)} | {apart:.4f} | {kept:.3f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nets", nargs="*", default=NETS)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--follow", type=int, default=3)
    parser.add_argument("--borders", metavar="PHOTOGRAPHS")
    parser.add_argument("--images", type=int, default=40)
    options = parser.parse_args()
    if options.borders:
        borders(options.borders, options.images)
    else:
        speeds(options.nets, options.rounds, options.follow)


if __name__ == "__main__":
    main()
