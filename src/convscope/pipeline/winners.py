"""Which activations to project, image by image, in parts of bounded size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from convscope.atlas.schema import UnitRow
from convscope.atlas.tops import Tops
from convscope.engine.layers import Layer
from convscope.engine.project import window_of

PART_BYTES = 96_000_000
"""Packed projections and pictures of one part, at most, plus those of one task."""
_PICTURE_BYTES = 30_000
"""What a picture takes, roughly."""
_TASK_WINNERS = 256
"""Activations of one task, at most: 77 MB of whole-image projections at 224 pixels."""
_LEAST_SPREAD = 1e-12
"""Stands in for the standard deviation of a unit that answers alike to all images."""


@dataclass(frozen=True)
class Winner:
    """One of the strongest activations of a unit."""

    image: int
    layer: Layer
    unit: int
    rank: int
    y: int
    x: int

    def box(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Where its projection can differ from 0: the receptive window, or all of the image behind a gate."""
        whole = (0, 0, *size)
        return whole if self.layer.gated else window_of(self.layer, self.y, self.x, size)


def choose_units(rows: Sequence[UnitRow], tops: Tops, count: int | None) -> list[int]:
    """The ``count`` units of a layer whose top activations stand out most from their other peaks; None: all units.

    Measured as the mean of the top activations above the mean peak, in standard deviations of the peaks; where a unit
    has fewer than others of its layer, the rest count as zero. Units that are never active come last.
    """
    if count is None or count >= len(rows):
        return [row.unit for row in rows]
    best = np.bincount(tops.unit, tops.value.astype(np.float64), len(rows)) / (tops.rank.max(initial=0) + 1)
    score = [
        (best[row.unit] - row.peak_mean) / max(row.peak_std, _LEAST_SPREAD) if not row.dead else -math.inf
        for row in rows
    ]
    return sorted(sorted(range(len(rows)), key=lambda unit: -score[unit])[:count])


def winners_of(layers: Sequence[Layer], tops: Sequence[Tops], units: Sequence[Sequence[int]]) -> list[Winner]:
    """The top activations of these ``units`` of each layer, image by image and from input to output."""
    found: list[tuple[int, int, Winner]] = []
    for depth, (layer, top, wanted) in enumerate(zip(layers, tops, units, strict=True)):
        chosen = np.isin(top.unit, np.array(wanted, np.int32))
        columns = (column[chosen].tolist() for column in (top.image, top.unit, top.rank, top.y, top.x))
        for image, unit, rank, y, x in zip(*columns, strict=True):
            found.append((image, depth, Winner(image, layer, unit, rank, y, x)))
    return [winner for _, _, winner in sorted(found, key=lambda each: (*each[:2], each[2].unit, each[2].rank))]


@dataclass(frozen=True)
class Task:
    """What is to be kept of one image: the projections of these activations and, once per image, its picture."""

    image: int
    winners: tuple[Winner, ...]
    picture: bool = True


def tasks_of(images: Sequence[int], winners: Sequence[Winner]) -> list[Task]:
    """Tasks for each of ``images``, those among the strongest of any unit, projected or not, in the set's order.

    An image that wins very often makes several tasks, so that no task is larger than a part.
    """
    mine: dict[int, list[Winner]] = {image: [] for image in images}
    for winner in winners:
        mine[winner.image].append(winner)
    return [
        Task(image, tuple(found[start : start + _TASK_WINNERS]), picture=start == 0)
        for image, found in mine.items()
        for start in range(0, max(len(found), 1), _TASK_WINNERS)
    ]


def in_parts(tasks: Sequence[Task], size: tuple[int, int], bytes_per_pixel: int) -> Iterator[list[Task]]:
    """Tasks together that make up about ``PART_BYTES`` of packed projections; the same every time."""
    part: list[Task] = []
    held = 0
    for task in tasks:
        part.append(task)
        held += _PICTURE_BYTES
        for winner in task.winners:
            top, left, bottom, right = winner.box(size)
            held += (bottom - top) * (right - left) * bytes_per_pixel
        if held >= PART_BYTES:
            yield part
            part, held = [], 0
    if part:
        yield part
