"""Small pictures whose class is their brightest channel, a small network, and copies of data sets as folders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from convscope.images import ImageSet
from convscope.images.entry import Content, Entry
from convscope.models import Model, Preprocessing, load_model
from convscope.probes.transfer.labelled import Labelled

SIDE = 12
CLASSES = ("blue", "green", "red")
FEEDING = Preprocessing(SIDE, SIDE, None, "nearest", (120.0, 110.0, 100.0), (60.0, 50.0, 40.0), True)
LAYERS = {"input": 3 * 144, "2": 4 * 36, "4": 5 * 16, "7": 6}
"""Default layers of the network, and how many numbers an image has there."""


def classifier(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 5, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(5 * 16, 6),
        nn.ReLU(),
        nn.Linear(6, 3),
    )
    return net.eval()


@lru_cache(maxsize=4)
def model(seed: int = 0) -> Model:
    return load_model(classifier(seed), preprocessing=FEEDING, classes=CLASSES)


def picture(place: int, seed: int, strength: int = 60) -> NDArray[np.uint8]:
    """Noise, and channel ``place`` brighter; (SIDE, SIDE, 3)."""
    drawn = np.random.default_rng([seed, place]).integers(0, 120, (SIDE, SIDE, 3))
    drawn[..., place % 3] += strength
    return drawn.astype(np.uint8)


def labelled(sizes: Sequence[int], strength: int = 60) -> Labelled:
    """In memory, ``sizes`` images of each class; drawn when they are read."""
    names = [f"class {place}" for place in range(len(sizes))]
    places = [place for place, count in enumerate(sizes) for _ in range(count)]
    return _labelled([partial(picture, place, n, strength) for n, place in enumerate(places)], places, names)


def of_pictures(drawn: Sequence[Content], places: Sequence[int], names: Sequence[str] = CLASSES) -> Labelled:
    """Images that are given (bytes: files), of the classes ``places``."""
    return _labelled([partial(lambda content: content, each) for each in drawn], places, names)


def _labelled(loads: Sequence[Callable[[], Content]], places: Sequence[int], names: Sequence[str]) -> Labelled:
    entries = tuple(
        Entry(f"{names[place]}/{number:03d}", names[place], load)
        for number, (load, place) in enumerate(zip(loads, places, strict=True))
    )
    images = ImageSet("made", entries, tuple(names), (128, 128, 128))
    return Labelled(images, tuple(names), np.eye(len(names), dtype=np.int8)[list(places)])


def write_folders(folder: Path, each: int, strength: int = 60, classes: Sequence[str] = CLASSES) -> Path:
    """``each`` PNG files of each class, a folder per class."""
    for place, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for number in range(each):
            Image.fromarray(picture(place, number, strength)).save(folder / name / f"{number:02d}.png")
    return folder


VOC_CLASSES = ("car", "cat", "dog")


def write_voc(folder: Path, each: int = 12) -> dict[str, tuple[int, ...]]:
    """A copy in the form of PASCAL VOC, ``each`` images a part; returns the marks as written, by image."""
    main = folder / "VOCdevkit/VOC2012/ImageSets/Main"
    main.mkdir(parents=True)
    (folder / "VOCdevkit/VOC2012/JPEGImages").mkdir()
    written: dict[str, tuple[int, ...]] = {}
    for offset, part in enumerate(("train", "val")):
        names = [f"2008_{1000 * offset + number:06d}" for number in range(each)]
        for number, name in enumerate(names):
            first, second = number % 3, (number // 3) % 4
            marks = [-1, -1, -1]
            marks[first] = 1
            if second < 3 and second != first:
                marks[second] = 0 if number % 2 else 1
            written[name] = tuple(marks)
            drawn = sum(
                picture(place, 77 * offset + number).astype(int) // 3 * (marks[place] == 1) for place in (0, 1, 2)
            )
            Image.fromarray(np.asarray(drawn, np.uint8)).save(
                folder / f"VOCdevkit/VOC2012/JPEGImages/{name}.jpg", quality=95
            )
        (main / f"{part}.txt").write_text("\n".join(names) + "\n")
        for place, label in enumerate(VOC_CLASSES):
            lines = [f"{name} {written[name][place]:2d}" for name in names]
            (main / f"{label}_{part}.txt").write_text("\n".join(lines) + "\n")
            with (main / f"{label}_trainval.txt").open("a") as file:
                file.write("\n".join(lines) + "\n")
    return written
