"""How a picture becomes a model's input, split where people want to look: at what the model sees.

``view`` ends with the pixels that the model sees (uint8), ``normalise`` turns those into its input (float32).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from convscope.errors import ImageError, ModelError

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
"""Interpolation names and Pillow's filters; Pillow widens them when shrinking (antialias)."""

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)

MOST_PIXELS = 2**26
"""Largest resized picture: a 1x10000 strip must not grow to gigabytes before it is cropped."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels, from the picture's top left corner."""


@dataclass(frozen=True)
class Preprocessing:
    """Resize, centre crop, ``(pixel - mean) / std``; ``mean`` and ``std`` per channel in pixel units, 0..255.

    ``resize`` is the shorter side before the crop, or the whole (height, width), or None: straight to the
    input size. Raises ModelError if the numbers contradict each other.
    """

    height: int
    width: int
    resize: int | tuple[int, int] | None
    interpolation: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    stated: bool

    def __post_init__(self) -> None:
        for holds, rule in (
            (self.height > 0 and self.width > 0, "height and width must be positive"),
            (self._resize_covers_crop(), "resize must not be smaller than the crop (height, width)"),
            (self.interpolation in FILTERS, f"interpolation must be one of {', '.join(FILTERS)}"),
            (len(self.mean) == len(self.std) > 0, "mean and std need one number per input channel"),
            (all(map(math.isfinite, self.mean + self.std)), "mean and std must be finite"),
            (0 not in self.std, "std must not be 0"),
        ):
            if not holds:
                raise ModelError(f"{rule}; this preprocessing is {self}")

    def _resize_covers_crop(self) -> bool:
        if self.resize is None:
            return True
        if isinstance(self.resize, int):
            return self.resize >= max(self.height, self.width)
        return self.resize[0] >= self.height and self.resize[1] >= self.width

    @property
    def channels(self) -> int:
        """Number of input channels."""
        return len(self.mean)

    def view(self, picture: np.ndarray) -> np.ndarray:
        """What the model sees of a picture: uint8 [h, w, c] of any size -> uint8 [height, width, channels].

        Grey becomes colour and colour becomes grey (ITU-R 601) where the model needs it; raises ImageError
        otherwise.
        """
        seen = _with_channels(_checked(picture), self.channels)
        height, width = self._resized(seen.shape[0], seen.shape[1])
        # The same rounding as torchvision's CenterCrop, so that pictures agree bit for bit.
        top, left = round((height - self.height) / 2), round((width - self.width) / 2)
        resized = _resize(seen, height, width, FILTERS[self.interpolation])
        # A copy, because what Pillow hands out is read-only and torch.from_numpy warns of that.
        return np.array(resized[top : top + self.height, left : left + self.width], order="C")

    def check(self, picture: np.ndarray) -> None:
        """Raise the ImageError that ``view`` would, without the work."""
        _with_channels(_checked(picture)[:1, :1], self.channels)
        self._resized(picture.shape[0], picture.shape[1])

    def _resized(self, height: int, width: int) -> tuple[int, int]:
        if self.resize is None:
            return self.height, self.width
        if not isinstance(self.resize, int):
            return self.resize
        short, long = sorted((height, width))
        longer = int(self.resize * long / short)
        if self.resize * longer > MOST_PIXELS:
            raise ImageError(
                f"a picture of {height}x{width} pixels would be {self.resize}x{longer} after resizing its "
                f"shorter side to {self.resize}, before the crop; at most {MOST_PIXELS} pixels are allowed. "
                "Crop it first."
            )
        return (self.resize, longer) if height <= width else (longer, self.resize)

    def placed(self, box: Box, height: int, width: int) -> Box:
        """Where a box of a picture of ``height`` x ``width`` pixels lies in its view; may reach past the view."""
        along, down, left, top = self._moves(height, width)
        return box[0] * along - left, box[1] * down - top, box[2] * along - left, box[3] * down - top

    def found(self, box: Box, height: int, width: int) -> Box:
        """Where a box of the view lies in its picture of ``height`` x ``width`` pixels: undoes ``placed``."""
        along, down, left, top = self._moves(height, width)
        return (box[0] + left) / along, (box[1] + top) / down, (box[2] + left) / along, (box[3] + top) / down

    def _moves(self, height: int, width: int) -> tuple[float, float, int, int]:
        """The factors across and down, and how many columns and rows are then cut off."""
        tall, wide = self._resized(height, width)
        left, top = round((wide - self.width) / 2), round((tall - self.height) / 2)
        return wide / width, tall / height, left, top

    def normalise(self, views: torch.Tensor) -> torch.Tensor:
        """The input: uint8 [n, height, width, channels] -> float32 [n, channels, height, width]."""
        expected = (self.height, self.width, self.channels)
        if views.dtype != torch.uint8 or tuple(views.shape[1:]) != expected:
            raise ImageError(
                f"met {views.dtype} {list(views.shape)}, expected uint8 [n, {self.height}, {self.width}, "
                f"{self.channels}]: stack what view() returns."
            )
        planes = views.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format)
        mean = planes.new_tensor(self.mean).view(1, -1, 1, 1)
        return planes.sub_(mean).div_(planes.new_tensor(self.std).view(1, -1, 1, 1))


def _checked(picture: np.ndarray) -> np.ndarray:
    if picture.dtype != np.uint8 or picture.ndim != 3 or 0 in picture.shape:
        raise ImageError(
            f"met a picture of dtype {picture.dtype} and shape {list(picture.shape)}, expected uint8 "
            "[height, width, channels] without empty axes; scale the values to 0..255 and add a channel axis."
        )
    return picture


def _with_channels(picture: np.ndarray, channels: int) -> np.ndarray:
    match picture.shape[2], channels:
        case found, wanted if found == wanted:
            return picture
        case 1, 3:
            return np.repeat(picture, 3, axis=2)
        case 3, 1:
            return np.asarray(Image.fromarray(picture).convert("L"))[:, :, np.newaxis]
        case found, wanted:
            raise ImageError(
                f"the picture has {found} channels and the model takes {wanted}; only grey (1) and colour "
                "(3) are turned into each other. Select or drop channels in the files, or load a model that "
                f"takes {found} channels."
            )


def _resize(picture: np.ndarray, height: int, width: int, filtering: Image.Resampling) -> np.ndarray:
    if picture.shape[2] == 3:
        return np.asarray(Image.fromarray(picture).resize((width, height), filtering))
    # One channel at a time: Pillow takes a fourth channel for transparency and weighs the others by it.
    planes = [Image.fromarray(plane).resize((width, height), filtering) for plane in np.moveaxis(picture, 2, 0)]
    return np.stack([np.asarray(plane) for plane in planes], axis=2)
