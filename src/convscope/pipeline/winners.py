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
"""Packed projections of one part, at most, plus one."""


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
    score = torch.where(s.active > 0, (best - mean) / spread.clamp_min(1e-12), -torch.inf)
    return sorted(score.argsort(descending=True, stable=True)[:count].tolist())


def winners_of(scan: Scan, units: Mapping[str, Sequence[int]]) -> list[Winner]:
    """The top activations of these units of each layer (by address), image by image."""
    found: list[Winner] = []
    for layer in scan.layers:
        place = scan.tallies[layer.address].top.place
        for unit in units[layer.address]:
            for rank, where in enumerate(place[unit].tolist()):
                if where != NOWHERE:
                    image, position = divmod(where, layer.height * layer.width)
                    found.append(Winner(image, layer, unit, rank, *divmod(position, layer.width)))
    depth = {layer.address: number for number, layer in enumerate(scan.layers)}
    return sorted(found, key=lambda w: (w.image, depth[w.layer.address], w.unit, w.rank))


def in_parts(winners: Sequence[Winner], size: tuple[int, int], bytes_per_pixel: int) -> Iterator[list[Winner]]:
    """The winners in order, ``PART_BYTES`` of packed projections at a time; the same parts every time.

    An image that wins very often may be spread over several parts.
    """
    part: list[Winner] = []
    held = 0
    for winner in winners:
        top, left, bottom, right = winner.box(size)
        held += (bottom - top) * (right - left) * bytes_per_pixel
        part.append(winner)
        if held >= PART_BYTES:
            yield part
            part, held = [], 0
    if part:
        yield part
