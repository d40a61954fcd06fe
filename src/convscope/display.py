"""How numbers become pictures: one display scaling everywhere, and tiles in grids.

A projection is signed, so zero is mid-grey (128), and the 99.5th percentile of the absolute non-zero values of *all*
shown projections of a unit, at the size at which they are shown, is full contrast: the nine of a unit can be compared
with each other, units cannot. Shrinking averages first and scales then; a picture that was scaled before it was
shrunk would fade towards grey, because neighbouring positive and negative pixels cancel.
(Zeiler & Fergus 2013 do not say how they scaled theirs.)
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[np.uint8]
"""uint8 [h, w, 3]."""

GREY = 128
WHITE = 255
PAPER = 238
"""What a window lacks to a square: light, because mid-grey would pass for a patch or for zero."""
PERCENTILE = 99.5
ENLARGED = 4
"""From this enlargement on, pixels are shown as squares: smoothing would invent structure between them."""


def display_scale(projections: Sequence[NDArray[np.floating]], percentile: float = PERCENTILE) -> float:
    """The value that is shown at full contrast: a percentile of the absolute non-zero values of all of them.

    Always positive; 1 if every value is zero. Raises ValueError for NaN and infinity.
    """
    values = np.concatenate([np.abs(pixels[pixels != 0], dtype=np.float64) for pixels in projections] or [[]])
    if not np.isfinite(values).all():
        raise ValueError("a projection has pixels that are NaN or infinite and cannot be shown")
    return float(np.percentile(values, percentile)) if values.size else 1.0


def to_picture(pixels: NDArray[np.floating], scale: float) -> Picture:
    """A projection [h, w, c] as a picture: 0 is exactly 128, ±``scale`` and beyond are 255 and 1.

    One channel is repeated; for any number but 1 and 3 the mean over the channels is shown, in grey.
    """
    if pixels.shape[-1] != 3:
        pixels = pixels.mean(axis=-1, keepdims=True, dtype=np.float64)
    shades = GREY + np.rint(127 * np.clip(pixels / np.float64(scale), -1, 1))
    return to_rgb(shades.astype(np.uint8))


def shrink(pixels: NDArray[np.floating[Any]], longest: int) -> NDArray[np.float32]:
    """A projection [h, w, c] made no larger than ``longest`` pixels a side, each pixel the mean of those it covers."""
    height, width, channels = pixels.shape
    ratio = longest / max(height, width)
    if ratio >= 1:
        return pixels.astype(np.float32, copy=False)
    size = (max(round(width * ratio), 1), max(round(height * ratio), 1))
    planes = (Image.fromarray(np.ascontiguousarray(pixels[..., c], np.float32)) for c in range(channels))
    return np.stack([np.asarray(plane.resize(size, Image.Resampling.BOX)) for plane in planes], -1)


def to_rgb(picture: NDArray[np.uint8]) -> Picture:
    """A uint8 [h, w, channels] picture with three channels; other than 1 or 3 are shown by their mean, as grey."""
    return np.broadcast_to(one_or_three(picture), (*picture.shape[:2], 3))


def one_or_three(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A uint8 [h, w, channels] picture that can be stored: as it is, or the mean of other than 1 or 3 channels."""
    return picture if picture.shape[2] in (1, 3) else np.rint(picture.mean(2, keepdims=True)).astype(np.uint8)


def to_png(picture: NDArray[np.uint8]) -> bytes:
    """A uint8 [h, w, 1] or [h, w, 3] picture as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(to_rgb(picture))).save(file, "PNG", optimize=True)
    return file.getvalue()


def fit(picture: Picture, tile: int, background: int = PAPER) -> Picture:
    """The picture [h, w, 3], aspect kept, in a square of ``tile`` pixels filled up with background."""
    height, width = picture.shape[:2]
    ratio = tile / max(height, width)
    size = (max(round(width * ratio), 1), max(round(height * ratio), 1))
    how = Image.Resampling.NEAREST if ratio >= ENLARGED else Image.Resampling.LANCZOS
    resized = np.asarray(Image.fromarray(np.ascontiguousarray(picture)).resize(size, how))
    square = np.full((tile, tile, 3), background, np.uint8)
    top, left = (tile - size[1]) // 2, (tile - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = resized
    return square


def grid(tiles: Sequence[Picture], columns: int, gap: int = 2, background: int = WHITE) -> Picture:
    """Tiles of one size in rows of ``columns``, ``gap`` pixels apart; the last row may be incomplete."""
    if not tiles:
        raise ValueError("a grid needs at least one tile")
    height, width = tiles[0].shape[:2]
    rows = math.ceil(len(tiles) / columns)
    size = (rows * (height + gap) - gap, columns * (width + gap) - gap, 3)
    sheet = np.full(size, background, np.uint8)
    for place, tile in enumerate(tiles):
        y, x = (place // columns) * (height + gap), (place % columns) * (width + gap)
        sheet[y : y + height, x : x + width] = tile
    return sheet


def blank(tile: int) -> Picture:
    """A tile with nothing on it."""
    return np.full((tile, tile, 3), PAPER, np.uint8)


def beside(projection: Picture, view: NDArray[np.uint8], gap: int = 8) -> Picture:
    """Two pictures of one height, side by side."""
    between = np.full((projection.shape[0], gap, 3), WHITE, np.uint8)
    return np.concatenate((projection, between, to_rgb(view)), axis=1)
