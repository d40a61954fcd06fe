"""Labelled pairs, made from photographs: changed copies, which are near-duplicates, and pieces that look alike.

Every number that decides how hard a pair is stands in this file, because precision and recall mean nothing without
them.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps

from convscope.images.pixels import Pixels

Draw = np.random.Generator
Change = Callable[[Image.Image, Draw], Image.Image]

LONGEST = 640
"""Pixels: larger photographs are made smaller first, for speed."""
KEPT = (0.75, 0.95)
"""Part of each side that a crop keeps, drawn for height and width on their own: 56% to 90% of the area."""
QUALITIES = (20, 80)
SIZES = (0.3, 0.8)
SQUASHES = (0.75, 1.33)
LIGHTS = (0.75, 1.3)
"""Factors of brightness and of contrast."""
BORDERS = (0.03, 0.1)
"""Width of a border, as part of the side."""
PIECE = 0.55
"""Part of the longer side in a look-alike piece: two from opposite ends share 18% of their area."""


@dataclass(frozen=True)
class LabelledSet:
    """Two lists of pictures, and which of them belong together.

    ``first`` has one picture per photograph, a whole or a piece; ``second`` holds changed copies of the wholes, and the
    opposite piece of each piece. ``of`` (second,) is the place in ``first`` that the picture is a copy of, -1 for
    pieces; ``kinds`` (second,) is what was done. Every other pair is taken for a look-alike.
    """

    first: tuple[Pixels, ...]
    second: tuple[Pixels, ...]
    of: NDArray[np.int64]
    kinds: tuple[str, ...]


def make_labelled(photographs: Sequence[Pixels], seed: int = 0, *, pieces: bool = True) -> LabelledSet:
    """Every change of each photograph; with ``pieces``, one photograph in four gives two opposite pieces instead."""
    first, second, of, kinds = list[Pixels](), list[Pixels](), list[int](), list[str]()
    for number, pixels in enumerate(photographs):
        draw = np.random.default_rng((seed, number))
        picture = _smaller(_picture(pixels))
        if pieces and number % 4 == 3:
            near, far = _pieces(picture)
            first.append(_pixels(near))
            changed = {"piece": far}
        else:
            first.append(_pixels(picture))
            changed = {kind: change(picture, draw) for kind, change in CHANGES.items()}
        second += [_pixels(each) for each in changed.values()]
        of += [-1 if kind == "piece" else number for kind in changed]
        kinds += changed
    return LabelledSet(tuple(first), tuple(second), np.array(of, np.int64), tuple(kinds))


def _picture(pixels: Pixels) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(pixels if pixels.shape[-1] == 3 else pixels[..., 0]))


def _pixels(picture: Image.Image) -> Pixels:
    values = np.asarray(picture)
    return values if values.ndim == 3 else values[..., None]


def _smaller(picture: Image.Image) -> Image.Image:
    return _sized(picture, min(1.0, LONGEST / max(picture.size)))


def _sized(picture: Image.Image, across: float, down: float | None = None) -> Image.Image:
    height = picture.height * (across if down is None else down)
    size = max(1, round(picture.width * across)), max(1, round(height))
    return picture if size == picture.size else picture.resize(size, Image.Resampling.LANCZOS)


def _pieces(picture: Image.Image) -> tuple[Image.Image, Image.Image]:
    width, height = picture.size
    if width >= height:
        part = max(1, round(PIECE * width))
        return picture.crop((0, 0, part, height)), picture.crop((width - part, 0, width, height))
    part = max(1, round(PIECE * height))
    return picture.crop((0, 0, width, part)), picture.crop((0, height - part, width, height))


def _encoded(picture: Image.Image, draw: Draw) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=int(draw.integers(QUALITIES[0], QUALITIES[1] + 1)))
    return Image.open(file)


def _resized(picture: Image.Image, draw: Draw) -> Image.Image:
    return _sized(picture, draw.uniform(*SIZES))


def _squashed(picture: Image.Image, draw: Draw) -> Image.Image:
    return _sized(picture, draw.uniform(*SQUASHES), 1.0)


def _mirrored(picture: Image.Image, draw: Draw) -> Image.Image:  # noqa: ARG001
    return ImageOps.mirror(picture)


def _cropped(picture: Image.Image, draw: Draw) -> Image.Image:
    width, height = (max(1, round(side * draw.uniform(*KEPT))) for side in picture.size)
    left = int(draw.integers(picture.width - width + 1))
    top = int(draw.integers(picture.height - height + 1))
    return picture.crop((left, top, left + width, top + height))


def _grey(picture: Image.Image, draw: Draw) -> Image.Image:  # noqa: ARG001
    return picture.convert("L")


def _lit(picture: Image.Image, draw: Draw) -> Image.Image:
    brighter = ImageEnhance.Brightness(picture).enhance(draw.uniform(*LIGHTS))
    return ImageEnhance.Contrast(brighter).enhance(draw.uniform(*LIGHTS))


def _bordered(picture: Image.Image, draw: Draw) -> Image.Image:
    width = max(1, round(draw.uniform(*BORDERS) * min(picture.size)))
    shade = int(draw.choice([0, 255]))
    return ImageOps.expand(picture, width, shade if picture.mode == "L" else (shade,) * 3)


def _in_turn(*changes: Change) -> Change:
    def change(picture: Image.Image, draw: Draw) -> Image.Image:
        for each in changes:
            picture = each(picture, draw)
        return picture

    return change


CHANGES: Mapping[str, Change] = {
    "re-encoded": _encoded,
    "resized": _resized,
    "squashed": _squashed,
    "mirrored": _mirrored,
    "cropped": _cropped,
    "grey": _grey,
    "lit": _lit,
    "bordered": _bordered,
    "mirrored, cropped": _in_turn(_mirrored, _cropped),
    "cropped, resized, re-encoded": _in_turn(_cropped, _resized, _encoded),
    "squashed, lit, grey, re-encoded": _in_turn(_squashed, _lit, _grey, _encoded),
    "mirrored, cropped, lit, resized, re-encoded": _in_turn(_mirrored, _cropped, _lit, _resized, _encoded),
}
"""What is done to a photograph, by the name under which recall is reported."""
