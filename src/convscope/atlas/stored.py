"""How the numbers of a projection are stored: as an 8-bit picture, or as raw half-precision floats.

In a picture, v = value / peak is stored as the level 128 + 127 * sign(v) * sqrt(|v|), rounded: zero is mid-grey, and
the largest absolute value is 255 or 1. The root, because a few pixels are far stronger than all others, and pictures
are shown with those cut off: in equal steps up to the peak, half of what is seen would be lost. One channel is grey,
three are red, green and blue; any other number of channels is stored as grey planes side by side, the first on the
left.

Small boxes are compressed without loss (WebP), where the root of a value is off by at most half a level. Large ones are
compressed with loss (AVIF); ``bench/RESULTS.md`` says how much.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from convscope.atlas.encoded import read_picture
from convscope.display import GREY
from convscope.errors import AtlasError

Shape = tuple[int, int, int]
"""Height, width, channels."""
Scaled = NDArray[np.float64]
"""Values divided by the peak, [height, width, channels]."""

HALF = np.dtype("<f2")
LEVELS = 127
"""Levels between zero and the peak."""
RAW, EXACT, LOSSY = "float16", "webp", "avif"
LOSSLESS_BELOW = 40
"""Boxes with a longer side below this are looked at pixel by pixel, and are small whatever one does."""
QUALITY, LEAST_QUALITY = 60, 20
"""Of AVIF, with all of the colour kept: to keep a quarter of it would lose more of these pictures than it saves."""
HEAD, PIXEL = 800, 0.085
"""Bytes that a picture with loss may take, and for each pixel: 5.1 kB for a whole image of 224 pixels. One that would
take more, as it is dense or noisy, is compressed more."""
_TENFOLD = 1.6
"""What ten steps of quality cost, as a factor."""


@dataclass(frozen=True)
class Form:
    """One way to store values in [-1, 1]; ``decode`` raises ValueError for bytes that do not hold the shape."""

    encode: Callable[[Scaled], bytes]
    decode: Callable[[bytes, Shape], NDArray[np.float32]]


def _to_half(scaled: Scaled) -> bytes:
    return scaled.astype(HALF).tobytes()


def _from_half(stored: bytes, shape: Shape) -> NDArray[np.float32]:
    if len(stored) != np.prod(shape, dtype=object) * HALF.itemsize:
        raise ValueError(f"{len(stored)} bytes do not hold {' x '.join(map(str, shape))} float16 numbers")
    values = np.frombuffer(stored, HALF).reshape(shape).astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("there are numbers that are not finite")
    return values


def _encode(levels: NDArray[np.uint8], kind: str, **how: object) -> bytes:
    if not features.check(kind):
        raise AtlasError(
            f"projections are kept as {kind.upper()} pictures, which this installation of Pillow cannot write. Install "
            "its wheel (pip install --upgrade pillow), or keep raw numbers with --raw"
        )
    file = io.BytesIO()
    Image.fromarray(levels).save(file, kind, **how)
    return file.getvalue()


def _to_webp(scaled: Scaled) -> bytes:
    return _encode(_levels(scaled), EXACT, lossless=True, quality=50, method=3)


def _to_avif(scaled: Scaled) -> bytes:
    levels = _levels(scaled)
    colour = "4:4:4" if levels.ndim == 3 else "4:0:0"
    room = HEAD + PIXEL * levels.shape[0] * levels.shape[1]
    quality = QUALITY
    while True:
        # One thread, because several could share the work out differently, and files are compared.
        found = _encode(levels, LOSSY, quality=quality, speed=9, subsampling=colour, max_threads=1)
        if len(found) <= room or quality <= LEAST_QUALITY:
            return found
        steps = 10 * math.log(len(found) / room, _TENFOLD)
        quality = max(quality - max(math.ceil(steps), 3), LEAST_QUALITY)


def _levels(scaled: Scaled) -> NDArray[np.uint8]:
    rooted = np.sign(scaled) * np.sqrt(np.abs(scaled))
    return _beside((GREY + np.rint(LEVELS * rooted)).astype(np.uint8))


def _from_picture(stored: bytes, shape: Shape, kind: str) -> NDArray[np.float32]:
    height, width, channels = shape
    planes = 1 if channels in (1, 3) else channels
    found = read_picture(stored, kind, (width * planes, height)).astype(np.int16) - GREY
    levels = found if channels == 3 else _apart(found[..., :1], channels)
    rooted = np.clip(levels, -LEVELS, LEVELS).astype(np.float32) / np.float32(LEVELS)
    values: NDArray[np.float32] = rooted * np.abs(rooted)
    return values


def _beside(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[h, w, 3] as it is; else the channels as grey planes side by side, [h, channels * w]."""
    height, _, channels = levels.shape
    return levels if channels == 3 else levels.transpose(0, 2, 1).reshape(height, -1)


def _apart(planes: NDArray[np.int16], channels: int) -> NDArray[np.int16]:
    return planes.reshape(len(planes), channels, -1).transpose(0, 2, 1)


FORMS: Mapping[str, Form] = {
    RAW: Form(_to_half, _from_half),
    EXACT: Form(_to_webp, partial(_from_picture, kind=EXACT)),
    LOSSY: Form(_to_avif, partial(_from_picture, kind=LOSSY)),
}
"""By the name in column ``format``."""


def picture_form(size: tuple[int, int]) -> str:
    """The form of the picture of a box of ``size`` (height, width)."""
    return EXACT if max(size) < LOSSLESS_BELOW else LOSSY
