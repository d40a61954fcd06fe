"""How fine the patterns of a layer's projections are: a curve to glance at, and a chart with what it does not show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convscope.atlas.reader import Atlas
from convscope.atlas.spectra import LayerSpectrum
from convscope.spectrum import HIGH, LOW, RING, band_shares, ring_frequencies
from convscope.web.chart import Chart, Series, chart

WIDTH, HEIGHT = 138, 30
"""Pixels of the small curve: three for each ring."""


@dataclass(frozen=True)
class Bands:
    """Shares of power in patterns longer than 8 pixels, of 8 to 4 pixels, and finer than 4."""

    low: float
    mid: float
    high: float


@dataclass(frozen=True)
class Spark:
    """Two small curves over the same frequencies, as paths of SVG, each as high as its largest share."""

    width: int
    height: int
    projected: str
    patch: str
    borders: tuple[float, ...]  # where the bands meet, in pixels


@dataclass(frozen=True)
class Spectrum:
    """A layer's spectrum at a glance."""

    units: int  # that it is the mean of
    projected: Bands  # of the projections
    patch: Bands  # of the image patches at the same places
    spark: Spark


@dataclass(frozen=True)
class Ring:
    """A stretch of frequencies, in cycles per pixel, and the shares of power in it."""

    low: float
    high: float
    projected: float
    patch: float


@dataclass(frozen=True)
class SpectrumPanel:
    """The same in full, on the page of the layer."""

    summary: Spectrum
    chart: Chart
    rings: tuple[Ring, ...]
    longest: int | None  # pixels of the window, longer patterns than which are not told apart; None: the whole input


def spectrum_of(atlas: Atlas, layer: str) -> Spectrum | None:
    """A layer's spectrum at a glance; None if the atlas has none of it."""
    found = atlas.spectrum(layer)
    if found is None:
        return None
    return Spectrum(found.units, _bands(found.projected), _bands(found.patch), _spark(found))


def spectrum_panel(atlas: Atlas, layer: str) -> SpectrumPanel | None:
    """A layer's spectrum in full; None if the atlas has none of it."""
    found, summary = atlas.spectrum(layer), spectrum_of(atlas, layer)
    if found is None or summary is None:
        return None
    row, model = atlas.layer(layer), atlas.manifest.model
    side = max(model.input_height, model.input_width)
    window = min(max(row.field_height, row.field_width), side)
    edges = [number * RING for number in range(len(found.projected) + 1)]
    shares = zip(edges, edges[1:], found.projected.tolist(), found.patch.tolist(), strict=False)
    return SpectrumPanel(
        summary=summary,
        chart=_chart(found, summary),
        rings=tuple(Ring(*each) for each in shares),
        longest=window if window < side else None,
    )


def _bands(shares: NDArray[np.float32]) -> Bands:
    low, mid, high = band_shares(shares.astype(np.float64)).tolist()
    return Bands(low, mid, high)


def _spark(found: LayerSpectrum) -> Spark:
    per_ring = WIDTH / len(found.projected)
    return Spark(
        width=WIDTH,
        height=HEIGHT,
        projected=_path(found.projected.tolist(), per_ring),
        patch=_path(found.patch.tolist(), per_ring),
        borders=tuple(round(at / RING * per_ring, 1) for at in (LOW, HIGH)),
    )


def _path(shares: Sequence[float], per_ring: float) -> str:
    points = [
        f"{(number + 0.5) * per_ring:.3g} {(HEIGHT - 1) - (HEIGHT - 2) * share / max(shares):.3g}"
        for number, share in enumerate(shares)
    ]
    return "M" + "L".join(points)


def _chart(found: LayerSpectrum, summary: Spectrum) -> Chart:
    columns = (found.projected, found.projected_low, found.projected_high, found.patch)
    projected, low, high, patch = ((100 * column).tolist() for column in columns)
    bands = summary.projected
    return chart(
        f"Power of the projections by frequency: {_percent(bands)}; of the image patches at the same places: "
        f"{_percent(summary.patch)}",
        "cycles per pixel of the input",
        ring_frequencies().tolist(),
        (Series("projections, % of their power, with quartiles of units", "first", projected, low, high),
         Series("image patches at the same places", "fourth", patch)),
        borders=((LOW, "mid"), (HIGH, "high")),
    )  # fmt: skip


def _percent(bands: Bands) -> str:
    return f"{bands.low:.0%} low, {bands.mid:.0%} mid, {bands.high:.0%} high"
