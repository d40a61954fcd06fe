"""Parts of a view as linear maps: a box of it, resampled, is ``rows @ view @ columns.T``."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from convscope.probes.overlap.view import SIDE

STEPS = 64
"""Places of a box's edges along a side: half a pixel of the view."""
SHORTEST = STEPS // 2
"""The smallest side of a box: a crop that keeps less than half of a side is not looked for."""

Box = tuple[int, int, int, int]
"""Top, height, left, width in STEPS of the side."""
WHOLE: Box = (0, STEPS, 0, STEPS)


def sampler(start: int, length: int, samples: int) -> NDArray[np.float32]:
    """(samples, SIDE): evenly spaced samples of a stretch of a side, each a weighted mean of the pixels around it.

    The weights are a triangle as wide as a pixel of the view or the distance between samples, whichever is larger.
    """
    centres = (start + length * (np.arange(samples) + 0.5) / samples) / STEPS * SIDE - 0.5
    width = max(1.0, length / STEPS * SIDE / samples)
    weights = np.maximum(0, 1 - np.abs(np.arange(SIDE) - centres[:, None]) / width)
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)


@cache
def samplers(samples: int) -> NDArray[np.float32]:
    """(STEPS + 1, STEPS + 1, samples, SIDE): the sampler of every start and length; zero where there is none."""
    table = np.zeros((STEPS + 1, STEPS + 1, samples, SIDE), np.float32)
    for length in range(SHORTEST, STEPS + 1):
        for start in range(STEPS - length + 1):
            table[start, length] = sampler(start, length, samples)
    return table
