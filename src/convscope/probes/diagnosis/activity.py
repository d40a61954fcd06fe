"""How often units answer, never answer, or answer at a limit: sums over images, nothing kept."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from convscope.errors import NumberError
from convscope.probes.diagnosis.result import ActivityLayer
from convscope.probes.diagnosis.sites import Bounds, Site

_SAME = 1e-6
"""A unit whose values differ by less than this part of its largest is constant within rounding."""


@dataclass(frozen=True)
class Units:
    """Of each unit (units,): counts of values, int64; images; smallest and largest value."""

    images: int
    values: int
    positive: Tensor
    active: Tensor
    saturated: Tensor
    lowest: Tensor
    highest: Tensor

    @classmethod
    def none(cls, units: int) -> Units:
        """No image seen yet."""
        zero = torch.zeros(units, dtype=torch.int64)
        infinite = torch.full((units,), torch.inf)
        return cls(0, 0, zero, zero, zero, infinite, -infinite)

    def plus(self, maps: Tensor, bounds: Bounds) -> Units:
        """With the values of a few images, float (images, units) or (images, units, rows, columns)."""
        # Maps lie in memory with a position's channels together: so sums run along rows of them, without a copy.
        values = maps.permute(0, 2, 3, 1).flatten(1, 2) if maps.dim() > 2 else maps[:, None]
        floor, low, high = bounds
        lowest, highest = values.amin((0, 1)).float().cpu(), values.amax((0, 1)).float().cpu()
        if not bool(torch.isfinite(lowest).all() and torch.isfinite(highest).all()):
            raise NumberError("an activation is NaN or infinite")
        positive = _count(values > (floor or 0.0))
        saturated = torch.zeros(len(lowest), dtype=torch.int64)
        if low is not None and bool((lowest <= low).any()):
            saturated += _count(values <= low).sum(0)
        if high is not None and bool((highest >= high).any()):
            saturated += _count(values >= high).sum(0)
        return Units(
            self.images + len(values),
            self.values + len(values) * values.shape[1],
            self.positive + positive.sum(0),
            self.active + (positive > 0).sum(0),
            self.saturated + saturated,
            torch.minimum(self.lowest, lowest),
            torch.maximum(self.highest, highest),
        )


def _count(which: Tensor) -> Tensor:
    """How many positions, (images, units), of bool (images, positions, units)."""
    return which.sum(1, dtype=torch.int32).to("cpu", torch.int64)


def activity_of(site: Site, seen: Units) -> ActivityLayer:
    """What the sums say of a layer."""
    floor, low, high = site.bounds
    largest = torch.maximum(seen.lowest.abs(), seen.highest.abs())
    constant = seen.highest - seen.lowest <= _SAME * largest
    return ActivityLayer(
        address=site.address,
        op=site.op,
        units=site.units,
        floor=floor,
        limits=(low, high),
        gate=site.gate,
        dead=(seen.positive == 0 if floor is not None else constant).numpy(),
        density=(seen.positive / seen.values).float().numpy(),
        images=(seen.active / seen.images).float().numpy(),
        saturated=(seen.saturated / seen.values).float().numpy(),
        lowest=seen.lowest.numpy(),
        highest=seen.highest.numpy(),
    )
