"""Fills: what an occluder shows in place of the image, always in pixel units.

A fill is a whole picture of the view's size, so it passes through the same normalisation as the image does. Zero after
normalisation is not grey but the mean of the training set, and depends on the model; it has a name of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from convscope.errors import SettingError
from convscope.models import Preprocessing

View = NDArray[np.uint8]
GREY = 128
BLUR = 0.05
"""Default standard deviation of a blur, as a part of the shorter side: 11 pixels of 224."""
KNOWN = "grey, mean, zero, blur, blur:SIGMA, noise, noise:SEED, #rrggbb, or one number of 0 to 255 per channel (r,g,b)"


def fill_picture(fill: str | View, view: View, preprocessing: Preprocessing) -> View:
    """The picture that an occluder shows, uint8 of the view's shape (height, width, channels); raises SettingError.

    ``grey`` is 128; ``mean`` the view's own mean colour; ``zero`` the colour that the model's normalisation turns into
    zero, rounded to whole pixel values; ``blur`` the view itself, blurred; ``noise`` uniform and independent per pixel.
    A picture of the view's shape is taken as it is.
    """
    if not isinstance(fill, str):
        return _own_picture(fill, view)
    name, _, argument = fill.partition(":")
    named = NAMED.get(name)
    if named is not None and (not argument or name in TAKES_A_NUMBER):
        return named(view, argument, preprocessing)
    colour = _colour(fill, view.shape[2])
    return np.broadcast_to(np.array(colour, np.uint8), view.shape).copy()


def fill_name(fill: str | View) -> str:
    """The fill in words, for settings and titles."""
    return fill if isinstance(fill, str) else "a given picture"


def _grey(view: View, _: str, __: Preprocessing) -> View:
    return np.full_like(view, GREY)


def _mean(view: View, _: str, __: Preprocessing) -> View:
    colour = np.rint(view.mean((0, 1), dtype=np.float64)).astype(np.uint8)
    return np.broadcast_to(colour, view.shape).copy()


def _zero(view: View, _: str, preprocessing: Preprocessing) -> View:
    colour = np.rint(np.clip(preprocessing.mean, 0, 255)).astype(np.uint8)
    return np.broadcast_to(colour, view.shape).copy()


def _blur(view: View, argument: str, _: Preprocessing) -> View:
    sigma = _number(argument, "blur") if argument else BLUR * min(view.shape[:2])
    blurred = ImageFilter.GaussianBlur(sigma)
    # One channel at a time: Pillow knows pictures of 1, 3 and 4 channels only.
    planes = [Image.fromarray(view[..., c]).filter(blurred) for c in range(view.shape[2])]
    return np.stack([np.asarray(plane) for plane in planes], axis=2)


def _noise(view: View, argument: str, _: Preprocessing) -> View:
    seed = int(_number(argument, "noise")) if argument else 0
    return np.random.default_rng(seed).integers(0, 256, view.shape, np.uint8)


NAMED: dict[str, Callable[[View, str, Preprocessing], View]] = {
    "grey": _grey,
    "gray": _grey,
    "mean": _mean,
    "zero": _zero,
    "blur": _blur,
    "noise": _noise,
}
TAKES_A_NUMBER = ("blur", "noise")


def _number(text: str, name: str) -> float:
    pattern = r"\d{1,9}" if name == "noise" else r"\d{1,4}(\.\d{1,4})?"
    if re.fullmatch(pattern, text) is None:
        raise SettingError(f"fill {name}:{text} has no number of that kind; write for example {name}:7")
    return float(text)


def _colour(text: str, channels: int) -> tuple[int, ...]:
    """``#rrggbb`` for three channels, or decimal numbers: one for each channel, or one for all."""
    if re.fullmatch(r"#[0-9a-fA-F]{6}", text) and channels == 3:
        return tuple(int(text[i : i + 2], 16) for i in (1, 3, 5))
    parts = [part.strip() for part in text.split(",")]
    numbers = [int(part) for part in parts if re.fullmatch(r"\d{1,3}", part) and int(part) <= 255]
    if len(numbers) != len(parts) or len(numbers) not in (1, channels):
        raise SettingError(f"fill {text!r} is unknown for a picture of {channels} channels; choose one of: {KNOWN}")
    return tuple(numbers)


def _own_picture(fill: View, view: View) -> View:
    if fill.dtype != np.uint8 or fill.shape != view.shape:
        raise SettingError(
            f"the fill is a picture of {fill.dtype} and shape {list(fill.shape)}, expected uint8 {list(view.shape)}: "
            "the size at which the model sees the image"
        )
    return fill.copy()
