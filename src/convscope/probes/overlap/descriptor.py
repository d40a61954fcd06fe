"""A short vector that near-duplicates have almost in common, for the index: low frequencies of the grey view.

A view's box is resampled, taken to cosines, the mean left out, and the rest scaled to length 1, so that the product
of two is a correlation of blurred images. Mirroring turns the sign of every odd frequency across.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from convscope.probes.overlap.sampling import STEPS, WHOLE, Box, sampler
from convscope.probes.overlap.view import Views

Descriptors = NDArray[np.float32]
"""float32 (count, LENGTH), rows of length 1; zero for a flat view."""

_SAMPLES = 16
_FREQUENCIES = 8
"""In each direction; the mean is left out, so 63 numbers."""
LENGTH = _FREQUENCIES**2
"""63 numbers and a zero: whole registers are faster."""
_FLATTENED = 0.5
"""Power of the frequency by which cosines are multiplied: photographs have most of their energy in the lowest two."""


def _boxes() -> tuple[Box, ...]:
    """The whole; 9 places each of boxes with 7/8 and 3/4 of both sides; 4/5 of one side, at either end."""
    found = [WHOLE]
    for side in (56, 48):
        places = (0, (STEPS - side) // 2, STEPS - side)
        found += [(top, side, left, side) for top in places for left in places]
    for start in (0, 13):
        found += [(start, 51, 0, STEPS), (0, STEPS, start, 51)]
    return tuple(found)


BOXES = _boxes()
"""Parts of an image for which it is asked whether they are the whole of another: a crop is near one of them."""

MIRROR: Descriptors = np.append(np.tile((-1.0) ** np.arange(_FREQUENCIES), _FREQUENCIES)[1:], 0).astype(np.float32)
"""Times a descriptor, it is that of the mirrored view."""


def describe(views: Views, box: Box = WHOLE) -> Descriptors:
    """Descriptors of a box of each view."""
    rows, columns = _maps(box)
    values = np.matmul(np.matmul(rows, views.astype(np.float32)), columns.T)
    frequency = np.hypot(*np.mgrid[:_FREQUENCIES, :_FREQUENCIES]) ** _FLATTENED
    flat = (values * frequency).reshape(len(views), -1)[:, 1:]
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    found = np.zeros((len(views), LENGTH), np.float32)
    np.divide(flat, length, out=found[:, :-1], where=length > 1e-3)
    return found


@cache
def _maps(box: Box) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    cosines = dct(np.eye(_SAMPLES), axis=0, norm="ortho")[:_FREQUENCIES]
    top, height, left, width = box
    rows, columns = (cosines @ sampler(start, length, _SAMPLES) for start, length in ((top, height), (left, width)))
    return rows.astype(np.float32), columns.astype(np.float32)
