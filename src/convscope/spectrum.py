"""Radial power spectra: how the power of a picture or a filter is spread over frequencies, whatever their direction.

Frequencies are in cycles per pixel of the network's input, so that layers and networks share one axis: 0.5 is the
finest pattern along an axis, and 0.71 along a diagonal.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Power = NDArray[np.float64]

RING = 1 / 64
"""Width of a ring of the radial spectrum, in cycles per pixel."""
RINGS = math.floor(math.sqrt(0.5) / RING) + 1
"""Rings from 0 to the corner of the plane of frequencies."""
LOW, HIGH = 1 / 8, 1 / 4
"""Borders of the bands, and of rings: patterns longer than 8 pixels, of 8 to 4 pixels, and finer than 4."""
BANDS = ("low", "mid", "high")
SIDE = 128
"""Points of a transform along an axis, at least: what is smaller is surrounded by zeros, so that no ring is empty."""


def ring_frequencies() -> Power:
    """The middle of each ring, (rings,), in cycles per pixel."""
    return (np.arange(RINGS, dtype=np.float64) + 0.5) * RING


@lru_cache(maxsize=64)
def radii(rows: int, columns: int) -> Power:
    """The frequency of each point of a Fourier transform of this size, (rows, columns), as ``fft2`` orders them."""
    return np.asarray(np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.fftfreq(columns)))


def radial_shares(power: Power) -> Power:
    """The share of ``power``, (rows, columns) over the points of a transform, in each ring, (rings,); 0 without any."""
    rings = np.floor(radii(*power.shape) / RING).astype(np.int64)
    return np.asarray(np.bincount(rings.ravel(), power.ravel(), RINGS) / (power.sum() or 1.0))


def band_shares(radial: Power) -> Power:
    """The shares of the rings, (…, rings), added up to those of the bands, (…, 3): low, mid, high."""
    return np.asarray(np.add.reduceat(radial, [0, round(LOW / RING), round(HIGH / RING)], axis=-1))
