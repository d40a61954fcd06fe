"""One look at every image of a set before training: which can be used, their mean, and their pixels where they fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from convscope.engine.loading import batches
from convscope.errors import ImageSetError
from convscope.images import ImageSet
from convscope.models import Preprocessing

IN_MEMORY = 2 << 30
"""Bytes of decoded images that are kept; larger sets are decoded again in every epoch."""
BATCH = 64
WORKERS = 4

Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Surveyed:
    """``usable`` are indices into ``images``; ``skipped`` names with reasons.

    ``mean`` is float64 (channels, resize, resize); ``pixels`` uint8 (n, channels, resize, resize), or None where they
    would not fit in memory.
    """

    images: ImageSet
    usable: tuple[int, ...]
    skipped: tuple[tuple[str, str], ...]
    mean: Tensor
    pixels: Tensor | None


def survey(images: ImageSet, views: Preprocessing, report: Report, limit: int = IN_MEMORY) -> Surveyed:
    """Decode every image once, as ``views`` says; raises ImageSetError if none can be used."""
    shape = (views.channels, views.height, views.width)
    kept = torch.empty((len(images), *shape), dtype=torch.uint8) if len(images) * prod(shape) <= limit else None
    usable: list[int] = []
    skipped: list[tuple[str, str]] = []
    total = torch.zeros(shape, dtype=torch.float64)
    seen = 0
    for batch in batches(images, range(len(images)), views, BATCH, WORKERS):
        planes = batch.views.permute(0, 3, 1, 2)
        total += planes.sum(0, dtype=torch.int64)
        if kept is not None:
            kept[len(usable) : len(usable) + len(planes)] = planes
        usable += batch.index.tolist()
        skipped += [(images.names[each.image], each.skipped) for each in batch.outcomes if each.skipped is not None]
        seen += len(batch.outcomes)
        report(seen, len(images))
    if not usable:
        raise ImageSetError(f"no image of {images.name} can be used; {skipped[0][0]}: {skipped[0][1]}")
    pixels = None if kept is None else kept[: len(usable)]
    return Surveyed(images, tuple(usable), tuple(skipped), total / len(usable), pixels)
