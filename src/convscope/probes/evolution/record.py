"""Records: what was seen of one checkpoint, in numbers and pictures, without torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float32]
Box = tuple[int, int, int, int]
"""Top, left, bottom, right, in pixels of what the model sees."""
NONE = -1
"""In place of an image where a unit has no activation above zero."""


@dataclass(frozen=True)
class Place:
    """A position of one unit's map for one image, and the pixels that it sees."""

    unit: int
    image: int
    y: int
    x: int
    box: Box


@dataclass(frozen=True)
class Drawn:
    """The strongest activation of a unit over all images: ``projection`` float32 (h, w, c) and the image's ``patch``.

    Both are cut to the receptive field; ``patch`` is uint8.
    """

    place: Place
    value: float
    projection: Numbers
    patch: NDArray[np.uint8]


@dataclass(frozen=True)
class Measured:
    """Every unit of a layer: its strongest images, strongest first, and its peak in each image of the sample.

    ``image`` int64 (units, top), NONE where no activation is above zero; ``value`` float32, ``y`` and ``x`` int64 of
    the same shape, 0 there. ``peaks`` float32 (units, sample): the unit's largest activation in each image, NaN for
    images that cannot be read.
    """

    image: NDArray[np.int64]
    value: Numbers
    y: NDArray[np.int64]
    x: NDArray[np.int64]
    peaks: Numbers


@dataclass(frozen=True)
class LayerRecord:
    """A layer at one checkpoint; all but ``measured`` has an entry for each unit that is shown.

    ``probes``: the projection of the unit at its fixed place, whoever wins; None where it has no such place. ``apart``
    float32: the cosine of that with the projection of another unit at the same place, NaN where not defined.
    """

    measured: Measured
    drawn: tuple[Drawn | None, ...]
    probes: tuple[Numbers | None, ...]
    apart: Numbers


@dataclass(frozen=True)
class Record:
    """A checkpoint: its ``digest``, its layers from input to output, and images left out with the reason."""

    digest: str
    layers: tuple[LayerRecord, ...]
    skipped: tuple[tuple[int, str], ...]
