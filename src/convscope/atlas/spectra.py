"""How fine the patterns are that a layer's projections show: their radial power spectrum, beside that of the images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convscope.atlas.schema import SpectrumRow
from convscope.errors import AtlasFormatError
from convscope.spectrum import RINGS

Shares = NDArray[np.float32]
_ALL = 1e-3
"""Shares of all rings add up to 1 within this, which is far more than rounding."""


@dataclass(frozen=True)
class LayerSpectrum:
    """Shares of power in each ring of ``convscope.spectrum``, all (rings,), over so many ``units``."""

    units: int
    projected: Shares
    """Of the projections, mean over units."""
    projected_low: Shares
    """First quartile over units."""
    projected_high: Shares
    """Third quartile."""
    patch: Shares
    """Of the image patches at the same places, mean over units."""


def spectrum_of_units(projected: Sequence[NDArray[np.float64]], patch: Sequence[NDArray[np.float64]]) -> LayerSpectrum:
    """The spectrum of a layer from the shares of its units, each (rings,); there is at least one unit."""
    low, high = np.quantile(projected, (0.25, 0.75), axis=0)
    shares = (np.mean(projected, 0), low, high, np.mean(patch, 0))
    return LayerSpectrum(len(projected), *(each.astype(np.float32) for each in shares))


def spectrum_rows(layer: str, found: LayerSpectrum) -> Iterator[SpectrumRow]:
    """The rows of a layer."""
    columns = (found.projected, found.projected_low, found.projected_high, found.patch)
    for ring, (projected, low, high, patch) in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        yield SpectrumRow(layer, ring, projected, low, high, patch, found.units)


def spectrum_of_rows(rows: Sequence[SpectrumRow]) -> LayerSpectrum:
    """The spectrum that a layer's rows hold; AtlasFormatError unless they are shares of all rings, in their order."""
    columns = [(row.projected, row.projected_low, row.projected_high, row.patch) for row in rows]
    shares = np.array(columns, np.float32).T
    whole = [row.ring for row in rows] == list(range(RINGS)) and len({row.units for row in rows}) == 1
    if not whole or not (shares >= 0).all() or not np.allclose(shares[[0, 3]].sum(1), 1, atol=_ALL):
        raise AtlasFormatError(
            f"the rows of layer {rows[0].layer} are not the shares of {RINGS} rings, in their order. "
            "Restore the file, or make the atlas again."
        )
    return LayerSpectrum(rows[0].units, *shares)
