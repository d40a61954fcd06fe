"""What is asked of every checkpoint, and the parts of it that are drawn by lot or by the winners of one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.engine.layers import Layer
from convscope.engine.project import window_of
from convscope.errors import SettingError
from convscope.images import ImageSet
from convscope.models import Preprocessing
from convscope.probes.evolution.record import NONE, Box, Measured, Place
from convscope.probes.evolution.series import Subject

Progress = Callable[[int, int], None]
"""(images done, images in all): an image counts once for each checkpoint."""

HELD_BYTES = 2**30
"""Images are decoded once for all checkpoints if what the model sees of them takes no more than this."""


@dataclass(frozen=True)
class Settings:
    """How an evolution is measured.

    ``units``: how many of each layer are shown, drawn by lot, or their addresses. ``top`` strongest images are compared
    with the final ones. ``ranked``: by how many images, drawn by lot, rankings are compared; None: all. ``method`` and
    ``unpool``: how projections are made. ``seed`` decides what is drawn. ``journal`` is a folder that keeps each
    finished checkpoint. Raises SettingError.
    """

    units: int | Sequence[str] = 6
    top: int = 9
    method: str = "auto"
    unpool: str = "sum"
    ranked: int | None = 1000
    seed: int = 0
    batch_size: int = 32
    workers: int | None = None
    device: str = "cpu"
    journal: Path | None = None
    report: Progress = lambda done, total: None  # noqa: ARG005

    def __post_init__(self) -> None:
        for holds, rule in (
            (not isinstance(self.units, int) or self.units >= 0, f"units is a number per layer, not {self.units}"),
            (isinstance(self.units, int) or len(self.units) > 0, "no unit was named; name some, or give a number"),
            (self.top >= 1, f"top is the number of strongest images, at least 1, not {self.top}"),
            (self.ranked is None or self.ranked >= 3, f"rankings need at least 3 images, not {self.ranked}"),
            (self.seed >= 0, f"the seed is {self.seed}; it must not be negative"),
        ):
            if not holds:
                raise SettingError(rule)

    @property
    def asked(self) -> Mapping[str, Any]:
        """All that decides the result, ready for JSON."""
        units = self.units if isinstance(self.units, int) else list(self.units)
        names = ("top", "method", "unpool", "ranked", "seed")
        return {"units": units} | {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Study:
    """Everything that is the same for all checkpoints; ``sample`` are the images by which rankings are compared."""

    subject: Subject
    images: ImageSet
    seen: ImageSet
    """The same images as the model sees them, held in memory, or as they are where that is too much."""
    preprocessing: Preprocessing
    """What is left to do to ``seen``."""
    sample: NDArray[np.int64]
    settings: Settings

    @property
    def layers(self) -> tuple[Layer, ...]:
        """From input to output."""
        return self.subject.layers


@dataclass(frozen=True)
class Choice:
    """For each layer the units that are shown, and for each of them the fixed place of its projections, if any."""

    shown: tuple[tuple[int, ...], ...]
    probes: tuple[tuple[Place | None, ...], ...]


def study_of(subject: Subject, images: ImageSet, settings: Settings) -> Study:
    """Draw the sample and see whether the images can be held."""
    count = len(images)
    wanted = count if settings.ranked is None else min(settings.ranked, count)
    sample = np.sort(np.random.default_rng(settings.seed).choice(count, wanted, replace=False))
    fed = subject.preprocessing
    if count * fed.height * fed.width * fed.channels > HELD_BYTES:
        return Study(subject, images, images, fed, sample, settings)
    return Study(subject, images, _held(images, fed), replace(fed, resize=None), sample, settings)


def _held(images: ImageSet, fed: Preprocessing) -> ImageSet:
    """The images as the model sees them, each decoded when it is first read; one that cannot be read raises again."""
    views: dict[int, NDArray[np.uint8]] = {}

    def load(index: int) -> NDArray[np.uint8]:
        if index not in views:
            views[index] = fed.view(images.read(index))
        return views[index]

    entries = (replace(entry, load=partial(load, index)) for index, entry in enumerate(images.entries))
    return replace(images, entries=tuple(entries))


def choose(study: Study, measured: Sequence[Measured]) -> Choice:
    """The units to show, and their places, by what was measured of one checkpoint."""
    shown = tuple(_shown(study, depth, layer, found) for depth, (layer, found) in enumerate(_pairs(study, measured)))
    probes = tuple(
        tuple(place_of(study, layer, found, unit) for unit in units)
        for (layer, found), units in zip(_pairs(study, measured), shown, strict=True)
    )
    return Choice(shown, probes)


def _pairs(study: Study, measured: Sequence[Measured]) -> list[tuple[Layer, Measured]]:
    return list(zip(study.layers, measured, strict=True))


def _shown(study: Study, depth: int, layer: Layer, found: Measured) -> tuple[int, ...]:
    """The units that were named, else a random subset of those that have a winner."""
    if study.subject.named is not None:
        return study.subject.named[layer.node]
    count = study.settings.units
    assert isinstance(count, int)
    alive = np.flatnonzero(found.image[:, 0] != NONE)
    drawn = np.random.default_rng([study.settings.seed, depth]).permutation(alive)[:count]
    return tuple(np.sort(drawn).tolist())


def place_of(study: Study, layer: Layer, found: Measured, unit: int) -> Place | None:
    """Where a unit has its strongest activation of all; None if it has none above zero."""
    image, y, x = (int(values[unit, 0]) for values in (found.image, found.y, found.x))
    return None if image == NONE else Place(unit, image, y, x, _box(study, layer, y, x))


def _box(study: Study, layer: Layer, y: int, x: int) -> Box:
    """Where a projection can differ from 0: the receptive field, or all of the image behind a gate."""
    size = (study.preprocessing.height, study.preprocessing.width)
    return (0, 0, *size) if layer.gated else window_of(layer, y, x, size)
