"""An evolution as a film: one frame for each checkpoint, the units of every layer in it."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from convscope.display import grid
from convscope.figures.evolution import GAP, few_units, projection_tile, tile_of
from convscope.figures.ink import short
from convscope.probes.evolution.result import Evolution, LayerEvolution

SIDE = 64
FRAME, LAST = 700, 2500
"""Milliseconds that a frame is shown, and the last one."""
INK, FAINT, BAR = (34, 34, 34), (120, 120, 120), (59, 111, 182)
_MARGIN, _TOP, _LABEL = 16, 52, 18

_KINDS: Mapping[str, Mapping[str, Any]] = {
    "WEBP": {"quality": 85, "method": 4},
    "GIF": {"disposal": 1},
}


def film(found: Evolution, kind: str = "WEBP") -> bytes:
    """The evolution as an animated file, ``WEBP`` or ``GIF``, over and over again."""
    frames = film_frames(found)
    durations = [FRAME] * (len(frames) - 1) + [LAST]
    file = io.BytesIO()
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], duration=durations, loop=0, **_KINDS[kind])
    return file.getvalue()


def film_frames(found: Evolution) -> list[Image.Image]:
    """A picture for each checkpoint, all of one size: its label, how far along it is, and a line of units per layer."""
    layers = [few_units(layer) for layer in found.layers if layer.shown]
    return [_frame(found, layers, number) for number in range(len(found.labels))]


def layer_strip(layer: LayerEvolution, number: int, side: int = SIDE) -> Image.Image:
    """The units of a layer at one checkpoint, side by side."""
    tiles = [
        tile_of(drawn, side, projection_tile, jumped=bool(layer.jump[number, unit]))
        for drawn, unit in zip(layer.drawn[number], layer.shown, strict=True)
    ]
    return Image.fromarray(grid(tiles, len(tiles), GAP))


def _frame(found: Evolution, layers: Sequence[LayerEvolution], number: int) -> Image.Image:
    wide = max([len(layer.shown) for layer in layers], default=1) * (SIDE + GAP) - GAP
    tall = SIDE + _LABEL + 10
    across = max(1, round(math.sqrt(len(layers) * tall / wide)))
    down = -(-len(layers) // across)
    width = max(across * (wide + _MARGIN) + _MARGIN, 280)
    frame = Image.new("RGB", (width, _TOP + down * tall + 6), "white")
    pen = ImageDraw.Draw(frame)
    pen.text((_MARGIN, 9), found.labels[number], INK, _font(22))
    _bar(pen, found.positions, number, width)
    for place, layer in enumerate(layers):
        x = _MARGIN + place // down * (wide + _MARGIN)  # layers go down the columns, from input to output
        y = _TOP + place % down * tall
        pen.text((x, y), short(layer.address, max(wide // 7, 8)), FAINT, _font(12))
        frame.paste(layer_strip(layer, number), (x, y + _LABEL))
    return frame


def _bar(pen: ImageDraw.ImageDraw, positions: Sequence[float], number: int, width: int) -> None:
    """How far along, in the unit of the positions."""
    part = (positions[number] - positions[0]) / (positions[-1] - positions[0])
    end = _MARGIN + np.array([1, part]) * (width - 2 * _MARGIN)
    pen.rectangle((_MARGIN, 40, int(end[0]), 43), (230, 230, 230))
    pen.rectangle((_MARGIN, 40, int(end[1]), 43), BAR)


def _font(size: int) -> ImageFont.FreeTypeFont:
    return cast(ImageFont.FreeTypeFont, ImageFont.load_default(size))
