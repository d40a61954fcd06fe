"""Transformed pictures: cut out of a canvas, which is the view with a margin around it.

Where the margin comes from is the *border*: the view itself, mirrored or wrapped around; a plain colour; or the
picture, seen larger, which is real content but magnifies what stays in the middle.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convscope.errors import SettingError
from convscope.models import Preprocessing
from convscope.probes.fills import fill_picture
from convscope.probes.invariance.transform import Inverse, Size

Picture = NDArray[np.uint8]
"""uint8 (height, width, channels)."""

FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
"""Both are widened by Pillow where they shrink (antialias)."""
_SUPPORT = 2
"""Pixels that a bicubic filter reads to each side."""

CROP = "crop"
_PADDED = {"reflect": "reflect", "wrap": "wrap"}
KNOWN = "reflect, wrap, crop, grey, mean, zero, #rrggbb, or one number of 0 to 255 per channel (r,g,b)"


def margin_for(inverses: Sequence[Inverse], size: Size) -> int:
    """Pixels that the canvas needs around a view so that no transform, nor its filter, looks past it."""
    height, width = size
    corners = np.array([(0, 0), (0, width), (height, 0), (height, width)], np.float64)
    reached = [inverse.source(corners, (height / 2, width / 2)) for inverse in inverses]
    past = max(max(float(-r.min()), float((r - size).max()), 0.0) for r in reached)
    widened = max(max(float(np.abs(inverse.matrix).max()) for inverse in inverses), 1.0)
    return math.ceil(past) + math.ceil(_SUPPORT * widened) + 1


def canvas_of(picture: Picture, border: str, margin: int, preprocessing: Preprocessing) -> Picture:
    """The view of a picture with ``margin`` pixels around it; raises SettingError and ImageError."""
    if border == CROP:
        return magnified(preprocessing, margin).view(picture)
    view = preprocessing.view(picture)
    sides = ((margin, margin), (margin, margin), (0, 0))
    if border in _PADDED:
        keywords: dict[str, Any] = {"mode": _PADDED[border]}
        return np.pad(view, sides, **keywords)
    filled = np.pad(view, sides)
    filled[_outside(filled.shape[:2], margin)] = colour_of(border, view, preprocessing)
    return filled


def _outside(size: Sequence[int], margin: int) -> NDArray[np.bool_]:
    outside = np.ones(tuple(size), np.bool_)
    outside[margin : size[0] - margin, margin : size[1] - margin] = False
    return outside


def colour_of(border: str, view: Picture, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """The colour of a plain border, uint8 (channels,); raises SettingError for one that is no colour."""
    name = border.partition(":")[0]
    if name not in ("blur", "noise"):
        try:
            colour: NDArray[np.uint8] = fill_picture(border, view, preprocessing)[0, 0]
            return colour
        except SettingError:
            pass
    raise SettingError(f"border {border!r} is unknown for a picture of {view.shape[2]} channels; choose one of {KNOWN}")


def check_border(border: str, preprocessing: Preprocessing) -> None:
    """Raise SettingError for a border that is not known."""
    if border != CROP and border not in _PADDED:
        colour_of(border, np.zeros((1, 1, preprocessing.channels), np.uint8), preprocessing)


def magnified(preprocessing: Preprocessing, margin: int) -> Preprocessing:
    """The preprocessing whose view is ``margin`` pixels larger to each side, of a picture enlarged to cover it."""
    height, width = preprocessing.height + 2 * margin, preprocessing.width + 2 * margin
    ratio = max(height / preprocessing.height, width / preprocessing.width)
    resize = preprocessing.resize
    if isinstance(resize, int):
        resize = math.ceil(resize * ratio)
    elif resize is not None:
        resize = (math.ceil(resize[0] * ratio), math.ceil(resize[1] * ratio))
    return replace(preprocessing, height=height, width=width, resize=resize)


def transformed(canvas: Picture, margin: int, inverse: Inverse, interpolation: str = "bicubic") -> Picture:
    """The view after a transform, uint8 (height, width, channels) without the margin.

    Whole-pixel shifts, the identity and half turns (of squares: quarter turns) copy pixels as they are.
    """
    height, width = canvas.shape[0] - 2 * margin, canvas.shape[1] - 2 * margin
    act = _turn if inverse.turns else _cut
    return _on_planes(canvas, lambda plane: act(plane, (height, width), margin, inverse, FILTERS[interpolation]))


def _cut(plane: Image.Image, size: Size, margin: int, inverse: Inverse, filtering: Image.Resampling) -> Image.Image:
    ends = np.array([(0, 0), size], np.float64)
    (top, left), (bottom, right) = inverse.source(ends, (size[0] / 2, size[1] / 2)) + margin
    return plane.resize((size[1], size[0]), filtering, box=(float(left), float(top), float(right), float(bottom)))


def _turn(plane: Image.Image, size: Size, margin: int, inverse: Inverse, filtering: Image.Resampling) -> Image.Image:
    (down, down_by_x), (across_by_y, across) = inverse.matrix
    corner = inverse.source(np.zeros(2), (size[0] / 2, size[1] / 2)) + margin
    # Pillow's order is columns first, and it adds half a pixel to each position itself.
    numbers = (across, across_by_y, float(corner[1]), down_by_x, down, float(corner[0]))
    return plane.transform((size[1], size[0]), Image.Transform.AFFINE, numbers, filtering)


def _on_planes(picture: Picture, act: Callable[[Image.Image], Image.Image]) -> Picture:
    """One channel at a time but for colour: Pillow takes a fourth channel for transparency."""
    if picture.shape[2] == 3:
        return np.asarray(act(Image.fromarray(picture)))
    planes = [act(Image.fromarray(np.ascontiguousarray(picture[..., c]))) for c in range(picture.shape[2])]
    return np.stack([np.asarray(plane) for plane in planes], axis=2)
