"""Which classes a unit prefers among the sampled images: the mean peak of each class beside that of all images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST = 12
"""Classes that are shown."""
LEAST = 3
"""A class with fewer images in the sample is left out: a mean over one or two says little."""


@dataclass(frozen=True)
class Labels:
    """The labels of the sampled images: ``names`` and, int64 (n,), which of them each image has (-1: none)."""

    names: tuple[str, ...]
    numbers: NDArray[np.int64]


@dataclass(frozen=True)
class ClassMean:
    """A class and the mean of a unit's peaks over its sampled images."""

    name: str
    mean: float
    images: int
    x: float  # of its bar, in percent of the width
    width: float


@dataclass(frozen=True)
class Preference:
    """The classes with the highest mean peak, highest first."""

    classes: tuple[ClassMean, ...]
    mean: float  # over all sampled images
    x: float  # where it lies among the bars, in percent
    least: int  # images that a class needs to be listed
    listed: int  # classes that have as many
    known: int  # classes that occur in the sample


def labels_of(labels: Sequence[str | None]) -> Labels:
    """Labels of images, None for an image without one."""
    names = tuple(sorted({label for label in labels if label is not None}))
    numbers = {name: number for number, name in enumerate(names)}
    return Labels(names, np.array([-1 if label is None else numbers[label] for label in labels], np.int64))


def preference_of(values: NDArray[np.float32], labels: Labels) -> Preference | None:
    """The classes that a unit with these peaks (n,) prefers; None if it has none, or there are no two classes."""
    if len(labels.names) < 2 or not values.any():
        return None
    known, peaks = labels.numbers >= 0, values.astype(np.float64)
    images = np.bincount(labels.numbers[known], minlength=len(labels.names))
    means = np.bincount(labels.numbers[known], peaks[known], len(labels.names)) / images
    enough = np.flatnonzero(images >= LEAST)
    chosen = enough[np.argsort(-means[enough], kind="stable")][:MOST].tolist()
    mean, shown = float(peaks.mean()), means[chosen].tolist()
    low = min(0.0, mean, *shown)
    scale = 100 / ((max(0.0, mean, *shown) - low) or 1)
    return Preference(
        classes=tuple(
            ClassMean(
                name=labels.names[number],
                mean=value,
                images=int(images[number]),
                x=round((min(value, 0.0) - low) * scale, 2),
                width=round(abs(value) * scale, 2),
            )
            for number, value in zip(chosen, shown, strict=True)
        ),
        mean=mean,
        x=round((mean - low) * scale, 2),
        least=LEAST,
        listed=len(enough),
        known=len(labels.names),
    )
