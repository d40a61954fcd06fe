"""Which frequencies of an image the first layer's filters answer to: spectra, bands, and how well a band is covered.

Frequencies are in cycles per pixel of the network's input, whatever the size of the filters (``convscope.spectrum``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convscope.spectrum import HIGH, LOW, SIDE, band_shares, radial_shares, radii, ring_frequencies

Numbers = NDArray[np.float32]

POINTS_PER_WEIGHT = 4
"""A filter is padded to so many times its size: its spectrum is smooth between the points."""
HALF_POWER = 0.5
"""A filter covers the frequencies at which it has at least this part of its own peak power."""
FAINT = 0.1
"""Filters of less RMS than this part of the layer's median cover nothing."""


@dataclass(frozen=True)
class Spectra:
    """Power spectra of filters, summed over their input channels."""

    frequency: Numbers
    """Middle of each ring, in cycles per pixel."""
    radial: Numbers
    """Share of a filter's power in each ring, (units, rings); the mean included, zero for an empty filter."""
    shares: Numbers
    """Share of a filter's power in each band, (units, 3): low, mid, high."""
    peak: Numbers
    """Frequency of a filter's largest power, (units,), in cycles per pixel."""
    angle: Numbers
    """Direction of that frequency, (units,), in degrees of 0 to 180: 0 changes along a row, 90 along a column."""
    answer: Numbers
    """Largest power of any filter in units of its own peak, (side, side): rows and columns from -0.5 to 0.5."""
    covered: float
    """Share of the mid band, as an area of all frequencies and directions, within half power of some filter."""

    @property
    def mean_shares(self) -> tuple[float, float, float]:
        """The bands' mean shares: every filter that is not empty counts the same, so none decides by its size."""
        filled = self.shares[self.shares.sum(1) > 0]
        low, mid, high = (float(each) for each in filled.mean(0)) if len(filled) else (0.0, 0.0, 0.0)
        return low, mid, high


def spectra(filters: NDArray[np.floating]) -> Spectra:
    """The spectra of filters, float (units, channels, rows, columns), of one first layer."""
    side = max(SIDE, POINTS_PER_WEIGHT * 2 ** math.ceil(math.log2(max(filters.shape[2:]))))
    line = np.fft.fftfreq(side)
    radius = radii(side, side)
    loud = _loud(filters)
    radial, peaks = [], []
    answer = np.zeros((side, side))
    for each, counts in zip(filters, loud, strict=True):
        power = (np.abs(np.fft.fft2(each.astype(np.float64), (side, side))) ** 2).sum(0)
        radial.append(radial_shares(power))
        place = np.unravel_index(int(power.argmax()), power.shape)
        peaks.append((radius[place], np.degrees(np.arctan2(line[place[0]], line[place[1]])) % 180))
        if counts:
            np.maximum(answer, power / power[place], out=answer)
    peak, angle = np.array(peaks).T
    return Spectra(
        frequency=ring_frequencies().astype(np.float32),
        radial=np.array(radial, np.float32),
        shares=band_shares(np.array(radial)).astype(np.float32),
        peak=peak.astype(np.float32),
        angle=angle.astype(np.float32),
        answer=np.fft.fftshift(answer).astype(np.float32),
        covered=float((answer[(radius >= LOW) & (radius < HIGH)] >= HALF_POWER).mean()),
    )


def _loud(filters: NDArray[np.floating]) -> NDArray[np.bool_]:
    size = np.sqrt(np.square(filters, dtype=np.float64).mean((1, 2, 3)))
    filled = size[size > 0]
    return np.asarray((size > 0) & (size >= FAINT * (np.median(filled) if filled.size else 0)))
