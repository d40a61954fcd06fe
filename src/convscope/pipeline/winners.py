"""Which activations to project, image by image, in parts of bounded size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from convscope.engine.layers import Layer
from convscope.engine.project import window_of
from convscope.engine.scan import Scan
from convscope.engine.tally import Tally
from convscope.engine.topk import NOWHERE

PART_BYTES = 96_000_000
"""Packed projections and pictures of one part, at most, plus those of one image."""
_PICTURE_BYTES = 30_000
"""What a picture takes, roughly."""


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


def choose_units(tally: Tally, count: int | None) -> list[int]:
    """The ``count`` units whose top activations stand out most from their other peaks; None: all units.

    Measured as the mean of the top activations above the mean peak, in standard deviations of the peaks. Units that
    are never active come last.
    """
    units = tally.top.value.shape[0]
    if count is None or count >= units:
        return list(range(units))
    s = tally.statistics
    mean = s.peak_sum / s.count
    spread = (s.square_sum / s.count - mean.square()).clamp_min(0).sqrt()
    found = tally.top.value.double()
    best = torch.where(found.isfinite(), found, 0).sum(1) / found.isfinite().sum(1).clamp_min(1)
    score = torch.where(s.active > 0, (best - mean) / spread.clamp_min(1e-12), -1)
    return sorted(score.argsort(descending=True, stable=True)[:count].tolist())


def winners_of(scan: Scan, units: Mapping[str, Sequence[int]]) -> list[Winner]:
    """The top activations of these units of each layer (by address), image by image."""
    found: list[Winner] = []
    for layer in scan.layers:
        top = scan.tallies[layer.address].top
        # What is not above zero is no activation: a dead unit has nothing to project.
        place = torch.where(top.value > 0, top.place, NOWHERE)
        for unit in units[layer.address]:
            for rank, where in enumerate(place[unit].tolist()):
                if where != NOWHERE:
                    image, position = divmod(where, layer.height * layer.width)
                    found.append(Winner(image, layer, unit, rank, *divmod(position, layer.width)))
    depth = {layer.address: number for number, layer in enumerate(scan.layers)}
    return sorted(found, key=lambda w: (w.image, depth[w.layer.address], w.unit, w.rank))


@dataclass(frozen=True)
class Task:
    """What is to be kept of one image: its picture, and the projections of these activations."""

    image: int
    winners: tuple[Winner, ...]


def tasks_of(scan: Scan, winners: Sequence[Winner]) -> list[Task]:
    """One task per image that is among the strongest of any unit, projected or not, in the set's order."""
    mine: dict[int, list[Winner]] = {image: [] for image in _images_on_top(scan)}
    for winner in winners:
        mine[winner.image].append(winner)
    return [Task(image, tuple(found)) for image, found in mine.items()]


def _images_on_top(scan: Scan) -> list[int]:
    found: set[int] = set()
    for layer in scan.layers:
        tally = scan.tallies[layer.address]
        for top in (tally.top, *tally.by_class.values()):
            images = top.place[(top.place != NOWHERE) & (top.value > 0)] // (layer.height * layer.width)
            found.update(images.unique(sorted=False).tolist())  # type: ignore[no-untyped-call]
    return sorted(found)


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
