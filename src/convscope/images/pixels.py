"""From a decoded picture or an array to uint8 pixels [height, width, channels]."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convscope.errors import ImageError

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]


def picture_pixels(picture: Image.Image, background: Colour) -> Pixels:
    """Pixels of any mode: 1 channel for opaque grey, else 3, transparency over ``background``."""
    if picture.mode in DEEP:
        return _deep_pixels(picture, background)
    if picture.has_transparency_data:
        return _composited(picture, background)
    return _stacked(np.array(picture.convert("L" if picture.mode in ("1", "L") else "RGB")))


def array_pixels(values: NDArray[Any]) -> Pixels:
    """Pixels of an array [height, width] or [height, width, channels] of bool, integers or floats.

    Integers count 0…255 (uint16: 0…65535, the high byte is kept), floats 0…1; ``ImageError`` if outside.
    """
    if values.ndim not in (2, 3) or values.size == 0:
        raise ImageError(f"an array of shape {values.shape}; expected [height, width] or [height, width, channels]")
    convert = BY_KIND.get(values.dtype.kind)
    if convert is None:
        raise ImageError(f"an array of {values.dtype}; expected bool, integers or floats")
    return _stacked(np.array(convert(values), dtype=np.uint8, order="C"))


def _composited(picture: Image.Image, background: Colour) -> Pixels:
    # Pillow cannot convert premultiplied grey (La) to RGBA in one step.
    layer = (picture.convert("LA") if picture.mode == "La" else picture).convert("RGBA")
    canvas = Image.new("RGB", picture.size, background)
    canvas.paste(layer.convert("RGB"), mask=layer.getchannel("A"))
    return np.array(canvas)


def _deep_pixels(picture: Image.Image, background: Colour) -> Pixels:
    values = np.asarray(picture)
    grey = array_pixels(DEEP[picture.mode](values))
    transparent = picture.info.get("transparency")
    if transparent is None:
        return grey
    return np.where(values[..., None] == transparent, np.array(background, np.uint8), grey)


def _sixteen_bits(values: NDArray[Any]) -> NDArray[Any]:
    _require_range(values, 0, 65535, "a 32-bit picture must hold 16-bit values")
    return values.astype(np.uint16)


def _unchanged(values: NDArray[Any]) -> NDArray[Any]:
    return values


DEEP: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "I;16": _sixteen_bits,
    "I;16L": _sixteen_bits,
    "I;16B": _sixteen_bits,
    "I;16N": _sixteen_bits,
    "I": _sixteen_bits,
    "F": _unchanged,
}
"""Pillow modes of more than 8 bits per channel, which Pillow itself would clip at 255 instead of scaling."""


def _from_bool(values: NDArray[Any]) -> NDArray[Any]:
    return values * np.uint8(255)


def _from_integers(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        return values >> 8  # what Pillow does with 16-bit colour: grey and colour agree
    _require_range(values, 0, 255, "scale the values")
    return values


def _from_floats(values: NDArray[Any]) -> NDArray[Any]:
    _require_range(values, 0, 1, "leave out normalisation, or scale the values")
    return np.rint(values.astype(np.float64) * 255)


BY_KIND: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "b": _from_bool,
    "u": _from_integers,
    "i": _from_integers,
    "f": _from_floats,
}


def _require_range(values: NDArray[Any], lowest: int, highest: int, advice: str) -> None:
    least, most = values.min(), values.max()
    if not (lowest <= least and most <= highest):  # written so that NaN fails too
        raise ImageError(f"{values.dtype} values from {least:g} to {most:g}; expected {lowest} to {highest}: {advice}")


def _stacked(values: Pixels) -> Pixels:
    return values if values.ndim == 3 else values[..., None]
