"""The reference numbers of ``convscope diagnose``, and what a diagnosis costs beside the bare forward pass.

Usage: python -m bench.diagnosis FOLDER [--write] [--limit 100]

Without --write it only times; with it, ``reference.json`` in the package is made again from the trained networks below.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

import torch

import convscope as cs
from convscope.engine.forward import prepare
from convscope.engine.graphs import graph_of
from convscope.engine.loading import batches
from convscope.images.spread import spread
from convscope.probes.diagnosis import reference
from convscope.probes.diagnosis.reference import ReferenceNet, Table
from convscope.probes.diagnosis.result import Diagnosis

TRAINED = {"sample:lite0": ("EfficientNet-Lite0", "ImageNet")}
"""Networks with trained weights that need no download: spec to name and training set."""
TIMED = ("sample:lite0", "torchvision:resnet18@none", "torchvision:vgg16@none")


def net(spec: str, found: Diagnosis, seen: str) -> ReferenceNet:
    name, trained_on = TRAINED[spec]
    numbers: dict[str, list[float]] = {}
    for each in found.findings:
        numbers.setdefault(each.kind, []).append(float(f"{each.number:.4g}"))
    ordered = {kind: tuple(sorted(values)) for kind, values in sorted(numbers.items())}
    return ReferenceNet(name, spec, trained_on, seen, ordered)


def write(images: cs.ImageSet, limit: int) -> None:
    nets = []
    for spec in TRAINED:
        found = cs.diagnose(cs.load_model(spec), images, limit=limit)
        nets.append(net(spec, found, f"{found.images} photographs of scripts/demo_images.py"))
    path = Path(reference.__file__).with_name(reference.TABLE)
    path.write_text(json.dumps(asdict(Table(tuple(nets))), indent=1) + "\n", encoding="utf-8")


def bare(model: cs.Model, images: cs.ImageSet, limit: int) -> float:
    """Seconds for the same images through the network once, with the decoding."""
    graph = graph_of(model)
    forward = prepare(graph, [graph.output])
    began = time.perf_counter()
    for batch in batches(images, spread(len(images), limit), model.preprocessing, 16, torch.get_num_threads()):
        forward(model.preprocessing.normalise(batch.views), lambda node, maps: None)
    return time.perf_counter() - began


def timed(model: cs.Model, images: cs.ImageSet, limit: int, shifts: int) -> float:
    began = time.perf_counter()
    cs.diagnose(model, images, limit=limit, shifts=shifts)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--limit", type=int, default=100)
    asked = parser.parse_args()
    images = cs.ImageSet.open(asked.folder)
    if asked.write:
        write(images, asked.limit)
        return
    print("| network | bare pass, s | diagnosis without shifts | with 4 shifts |\n|---|---|---|---|")
    for spec in TIMED:
        model = cs.load_model(spec)
        first = bare(model, images, 8)  # exports and warms up
        first = bare(model, images, asked.limit)
        alone, shifted = (timed(model, images, asked.limit, shifts) for shifts in (0, 4))
        print(f"| {spec} | {first:.1f} | {alone / first:.2f}x | {shifted / first:.2f}x |")


if __name__ == "__main__":
    main()
