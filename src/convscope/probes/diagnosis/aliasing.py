"""Aliasing of maps that are about to be thinned: energy that the thinned map cannot hold, and what it does to shifts.

Both come from one map, the op at every position. Thinning it from position 0 is what the network does; thinning it from
position d is what the network does when the op's input moves by d. So shift-consistency needs no further pass.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

Sides = tuple[int, int]

LEAST_PERIODS = 4
"""A map must have so many positions for each one that is kept: with fewer, the window leaks across the limit."""
LEAST_KEPT = 5
"""Positions along an axis of a thinned map that can be moved: the interpolation reads four."""
MOST_SHIFTS = 3
"""Shifts of an input that are looked at, at most, evenly spaced."""
AT_ONCE = 2**24
"""Numbers that are transformed at once, so that memory stays bounded."""


@dataclass(frozen=True)
class Energy:
    """Sums over images of one op's maps, float64: per channel, and the three sums of a correlation."""

    above: Tensor
    """Energy above the new Nyquist limit, (channels,)."""
    total: Tensor
    """All energy but the mean's, (channels,)."""
    products: Tensor
    """(3,): of moved and thinned maps with thinned and moved ones, and of each with itself."""

    @classmethod
    def none(cls, channels: int) -> Energy:
        """No image seen yet."""
        zero = torch.zeros(channels, dtype=torch.float64)
        return cls(zero, zero, torch.zeros(3, dtype=torch.float64))

    def plus(self, dense: Tensor, stride: Sides) -> Energy:
        """With the maps ``dense``, float (images, channels, rows, columns)."""
        found = self
        for part in torch.split(dense, max(1, AT_ONCE // max(dense[0].numel(), 1))):
            maps = part.contiguous()
            above, total = energy_above(maps, stride)
            products = found.products + shifted(maps, stride)
            found = Energy(found.above + above.sum(0).cpu(), found.total + total.sum(0).cpu(), products)
        return found

    @property
    def share(self) -> float | None:
        """Of the energy of all channels above the limit; None if all maps are constant."""
        total = float(self.total.sum())
        return float(self.above.sum()) / total if total > 0 else None

    @property
    def agreement(self) -> float | None:
        """Correlation over all positions, channels, images and shifts; None if nothing could be compared."""
        product, one, other = (float(value) for value in self.products)
        return product / (one * other) ** 0.5 if one > 0 and other > 0 else None


def can_measure(size: Sides, stride: Sides) -> bool:
    """Whether a map has enough positions for its spectrum to be told apart at the limit."""
    return all(length >= LEAST_PERIODS * step for length, step in zip(size, stride, strict=True) if step > 1)


def energy_above(maps: Tensor, stride: Sides) -> tuple[Tensor, Tensor]:
    """Energy above the Nyquist limit of maps thinned by ``stride``, and all energy; float64 (images, channels).

    The mean is taken off and the border faded out by a Hann window. Above is what changes faster than half a cycle per
    kept position, along rows or columns; the limit itself is not.
    """
    rows, columns = maps.shape[2:]
    # Without the two zeros at the ends.
    fade = torch.outer(*(torch.hann_window(n + 2, periodic=False, device=maps.device)[1:-1] for n in (rows, columns)))
    mean = (maps * fade).sum((2, 3), keepdim=True) / fade.sum()
    power = torch.fft.rfft2((maps - mean) * fade).abs().square()
    across = torch.fft.rfftfreq(columns, device=maps.device)
    down = torch.fft.fftfreq(rows, device=maps.device).abs()
    beyond = (down > 0.5 / stride[0])[:, None] | (across > 0.5 / stride[1])[None]
    # A real map's spectrum is symmetric, and only half of it is there.
    twice = torch.full_like(across, 2.0)
    twice[0] = 1
    if columns % 2 == 0:
        twice[-1] = 1
    weight = twice.expand(rows, -1)
    sums = power.flatten(2) @ torch.stack([weight * beyond, weight], -1).flatten(0, 1)
    return sums[..., 0].double(), sums[..., 1].double()


def shifted(maps: Tensor, stride: Sides) -> Tensor:
    """The three sums of a correlation, (3,) float64, of thinned maps of a moved input with moved thinned maps."""
    found = torch.zeros(3, dtype=torch.float64)
    for axis, step in ((2, stride[0]), (3, stride[1])):
        for shift in shifts_of(step):
            other = stride[3 - axis]
            kept = maps[..., ::other] if axis == 2 else maps[..., ::other, :]
            found += _compared(kept.transpose(axis, 3), step, shift)
    return found


def shifts_of(step: int) -> list[int]:
    """Shifts of 1 to ``step`` - 1 positions, or a few of them."""
    if step - 1 <= MOST_SHIFTS:
        return list(range(1, step))
    return [round(step * (number + 1) / (MOST_SHIFTS + 1)) for number in range(MOST_SHIFTS)]


def _compared(lines: Tensor, step: int, shift: int) -> Tensor:
    """Along the last axis: what is kept of a moved line, with the kept positions interpolated."""
    kept = lines[..., ::step]
    count = kept.shape[-1]
    if count < LEAST_KEPT:
        return torch.zeros(3, dtype=torch.float64)
    inside = count - 3
    moved = sum(weight * kept[..., tap : tap + inside] for tap, weight in enumerate(cubic(shift / step)))
    actual = lines[..., shift::step][..., 1 : 1 + inside]
    one, other = (values - values.mean((2, 3), keepdim=True) for values in (actual, torch.as_tensor(moved)))
    return torch.stack([(one * other).sum(), one.square().sum(), other.square().sum()]).double().cpu()


def cubic(t: float) -> tuple[float, float, float, float]:
    """Weights of the positions -1, 0, 1 and 2 for the value at 0 <= t <= 1 (Keys 1981, a = -1/2)."""
    return (
        (-t + 2 * t**2 - t**3) / 2,
        (2 - 5 * t**2 + 3 * t**3) / 2,
        (t + 4 * t**2 - 3 * t**3) / 2,
        (-(t**2) + t**3) / 2,
    )
