"""Pictures a little like photographs: overlapping shapes before a gradient, with texture; and their copies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from convscope.images.pixels import Pixels
from convscope.probes.overlap.view import Views, grey_view
from tests.images.make import encoded


def scene(seed: int, height: int = 60, width: int = 80) -> Pixels:
    """uint8 (height, width, 3)."""
    draw = np.random.default_rng(seed)
    ramp = np.add.outer(np.linspace(0, draw.uniform(-80, 80), height), np.linspace(0, draw.uniform(-80, 80), width))
    canvas = Image.fromarray(np.clip(ramp[..., None] + draw.uniform(80, 170, 3), 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(canvas)
    for number in range(12):
        x, y = draw.uniform(0, width), draw.uniform(0, height)
        w, h = draw.uniform(0.05, 0.35, 2) * (width, height)
        colour = tuple(int(value) for value in draw.integers(0, 256, 3))
        (pen.ellipse if number % 2 else pen.rectangle)((x - w, y - h, x + w, y + h), fill=colour)
    texture = draw.normal(0, 6, (height, width, 1))
    return np.clip(np.asarray(canvas) + texture, 0, 255).astype(np.uint8)


def views_of(pictures: list[Pixels]) -> Views:
    return np.stack([grey_view(picture) for picture in pictures])


def cropped(pixels: Pixels, top: float, left: float, bottom: float, right: float) -> Pixels:
    """The part between these parts of the sides."""
    height, width = pixels.shape[:2]
    return pixels[round(top * height) : round(bottom * height), round(left * width) : round(right * width)]


def write(folder: Path, pictures: dict[str, Pixels]) -> Path:
    for name, pixels in pictures.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(pixels))
    return folder
