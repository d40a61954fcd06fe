"""The radial power spectrum of a picture."""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from convscope.spectrum import SIDE, Power, radial_shares

FLAT = 1e-6
"""Deviations from the mean up to this part of the largest value are rounding, not a pattern."""


def picture_spectrum(pixels: NDArray[np.floating] | NDArray[np.uint8]) -> Power | None:
    """The shares of the power of a picture, (rows, columns, channels), in each ring; None if it shows no pattern.

    Each channel is tapered to its borders (Hann), which would otherwise add fine frequencies, after its mean under that
    taper is taken away; the channels' powers are added.
    """
    height, width, _ = pixels.shape
    taper = (_taper(height)[:, None] * _taper(width))[:, :, None]
    values = pixels.astype(np.float64)
    centred = values - (values * taper).sum((0, 1)) / taper.sum()
    if np.abs(centred).max() <= FLAT * np.abs(values).max():
        return None
    size = max(SIDE, height), max(SIDE, width)
    return radial_shares((np.abs(scipy.fft.fft2(centred * taper, size, axes=(0, 1))) ** 2).sum(2))


def _taper(length: int) -> Power:
    """A Hann window without its two zeros, so that of a few pixels none is lost."""
    return np.hanning(length + 2)[1:-1]
