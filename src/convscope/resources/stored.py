"""How much room an atlas takes on a disk; what each number was measured on is in ``bench/RESULTS.md``, Store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from convscope.atlas.stored import LOSSLESS_BELOW, PIXEL
from convscope.engine.layers import Layer

LOSSLESS_PIXEL = 2.0
"""Bytes per pixel of a small projection's picture, beside ``PROJECTION``."""
RAW_CHANNEL = 2.0
"""The same of raw numbers, per pixel and channel."""
PROJECTION = 850
"""Of a projection besides: its row, and the head of the picture."""
TOP, UNIT = 40, 60
"""Of a row of these tables."""
PEAK = 3.4
SAMPLE = 1000
"""Images whose peaks are kept."""
PICTURE = 40_000
"""Of the picture of an image."""
PAGES = 45_000
"""Of the pages and sheets of a unit."""
JOURNAL = 20
"""Of the journal of a scan, per kept activation of each part."""


@dataclass(frozen=True)
class Kept:
    """What an atlas is asked to keep of ``images`` of ``size`` (height, width)."""

    images: int
    size: tuple[int, int]
    channels: int
    top: int
    units: int | None
    raw: bool

    def projected(self, layer: Layer) -> int:
        """Projections of a layer, at most."""
        units = layer.units if self.units is None else min(layer.units, self.units)
        return units * self.top

    def projections(self, layers: Iterable[Layer]) -> int:
        """Of all layers, at most."""
        return sum(self.projected(layer) for layer in layers)

    def box(self, layer: Layer) -> int:
        """Pixels of the box of a projection, at most."""
        return area(layer, self.size)

    def store(self, layers: Iterable[Layer]) -> int:
        """Bytes of the tables, at most."""
        total = 0.0
        for layer in layers:
            box = self.box(layer)
            small = LOSSLESS_PIXEL if box < LOSSLESS_BELOW**2 else PIXEL
            pixel = RAW_CHANNEL * self.channels if self.raw else small
            total += self.projected(layer) * (PROJECTION + pixel * box)
            total += layer.units * (UNIT + TOP * self.top + PEAK * min(self.images, SAMPLE))
        return int(total + PICTURE * self.images_on_top(layers))

    def images_on_top(self, layers: Iterable[Layer]) -> int:
        """Images that are among the strongest of any unit, at most."""
        return min(self.images, sum(layer.units for layer in layers) * self.top)


def area(layer: Layer, size: tuple[int, int]) -> int:
    """Pixels that a unit of a layer sees, at most."""
    if layer.gated:
        return size[0] * size[1]
    sides = (min(f.size, n) if f.stride else n for f, n in zip((layer.rows, layer.columns), size, strict=True))
    height, width = sides
    return height * width
