"""The peaks of one unit over the sampled images as a histogram: across in percent of its width, down in pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

import numpy as np
from numpy.typing import NDArray

BINS = 30
HEIGHT = 120
"""Pixels of the highest bar."""


@dataclass(frozen=True)
class Bar:
    """A range of peaks and the images in it."""

    low: float
    high: float
    count: int
    x: float  # percent
    width: float
    y: float  # pixels
    height: float


@dataclass(frozen=True)
class Tick:
    """A place on the axis of peaks."""

    value: float
    x: float  # percent


@dataclass(frozen=True)
class Histogram:
    """Peaks above or below zero in bars; those at exactly zero are counted apart, as they would dwarf all others."""

    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    marks: tuple[Tick, ...]  # the top activations that the page shows
    highest: Bar
    height: int  # of the highest bar, in pixels
    zero: float  # fraction of images whose peak is zero


def histogram_of(values: NDArray[np.float32], shown: Sequence[float]) -> Histogram | None:
    """The histogram of a unit's peaks (n,), marked at each of the activations ``shown``; None if all peaks are 0."""
    peaks = values.astype(np.float64)
    others = peaks[peaks != 0]
    if not len(others):
        return None
    # What is shown comes from the whole set: it may lie above all that was sampled.
    low, high = min(0.0, float(others.min())), max(0.0, float(others.max()), *shown)
    bars = _bars(others, low, high)
    return Histogram(
        bars=bars,
        ticks=_ticks(round_numbers(low, high), low, high),
        marks=_ticks(shown, low, high),
        highest=max(bars, key=lambda bar: bar.count),
        height=HEIGHT,
        zero=1 - len(others) / len(peaks),
    )


def _bars(peaks: NDArray[np.float64], low: float, high: float) -> tuple[Bar, ...]:
    found, edges = np.histogram(peaks, BINS, (low, high))
    counts, most, place = found.tolist(), int(found.max()), _places(low, high)
    return tuple(
        Bar(
            low=left,
            high=right,
            count=count,
            x=place(left),
            width=round(100 / BINS, 2),
            y=round(HEIGHT * (1 - count / most), 2),
            height=round(HEIGHT * count / most, 2),
        )
        for left, right, count in zip(edges[:-1].tolist(), edges[1:].tolist(), counts, strict=True)
    )


def _ticks(values: Sequence[float], low: float, high: float) -> tuple[Tick, ...]:
    place = _places(low, high)
    return tuple(Tick(value, place(value)) for value in values)


def _places(low: float, high: float) -> Callable[[float], float]:
    return lambda value: round(100 * (value - low) / (high - low), 2)


def round_numbers(low: float, high: float) -> tuple[float, ...]:
    """Three to six multiples of 1, 2 or 5 times a power of ten from ``low`` to ``high``, for an axis."""
    rough = (high - low) / 5
    power = 10.0 ** floor(log10(rough))
    step = next(size for size in (1, 2, 5, 10) if size * power >= rough) * power
    return tuple(number * step for number in range(ceil(low / step), floor(high / step) + 1))
