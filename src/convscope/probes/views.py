"""Which images the tests look at: a few, spread over the whole set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convscope.engine.loading import read_view
from convscope.errors import ImageSetError
from convscope.images import ImageSet
from convscope.models import Preprocessing


@dataclass(frozen=True)
class Views:
    """``pixels`` uint8 (n, height, width, channels): what the model sees of images, ``names`` what they are called."""

    names: tuple[str, ...]
    pixels: NDArray[np.uint8]
    skipped: tuple[tuple[str, str], ...] = ()
    """Images that were to be used but could not be, with the reason."""


def spread_views(images: ImageSet, count: int, preprocessing: Preprocessing) -> Views:
    """``count`` images, evenly spaced, as sets are often sorted by class; one that cannot be read gives way to others.

    Raises ImageSetError if none can be read.
    """
    found: dict[int, NDArray[np.uint8]] = {}
    skipped = []
    for index in _order(len(images), count):
        if len(found) == count:
            break
        outcome, view = read_view(images, index, preprocessing)
        if view is None:
            skipped.append((images.names[index], outcome.skipped or ""))
        else:
            found[index] = view
    if not found:
        raise ImageSetError(f"no image of {images.name} can be used; {skipped[0][0]}: {skipped[0][1]}")
    chosen = sorted(found)
    return Views(tuple(images.names[i] for i in chosen), np.stack([found[i] for i in chosen]), tuple(skipped))


def _order(total: int, count: int) -> Iterator[int]:
    """Evenly spaced indices first, then all others."""
    first = dict.fromkeys((2 * place + 1) * total // (2 * count) for place in range(min(count, total)))
    if count >= total:
        first = dict.fromkeys(range(total))
    yield from first
    yield from (index for index in range(total) if index not in first)
