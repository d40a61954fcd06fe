"""What jobs without a network ask for: pictures that are compared, pages that are drawn. No time is foretold."""

from __future__ import annotations

from collections.abc import Sequence

from convscope.atlas.reader import Atlas
from convscope.images import ImageSet
from convscope.resources.demand import Demand
from convscope.resources.stored import PAGES

VIEW = 2_000
"""Bytes that an image takes while sets are compared: its small view and what is made of it."""
UNIT = 4_000
"""The same of a unit of two atlases: its peaks in a thousand images."""


def overlap(sets: Sequence[ImageSet]) -> Demand:
    """Every image read once, and compared with all others."""
    count = sum(map(len, sets))
    return Demand("overlap", count, memory=VIEW * count, disk=VIEW * count)


def compare(atlases: Sequence[Atlas]) -> Demand:
    """Units matched by their peaks, and pages of them."""
    count = _units(atlases)
    return Demand("compare", units=count, memory=UNIT * count, disk=PAGES * count)


def export(atlases: Sequence[Atlas]) -> Demand:
    """Pages of every unit."""
    count = _units(atlases)
    return Demand("export", units=count, disk=PAGES * count)


def _units(atlases: Sequence[Atlas]) -> int:
    return sum(layer.units for atlas in atlases for layer in atlas.layers())
