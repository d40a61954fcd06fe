"""Paints the tiles of a unit into sprites: one file holds what a page shows of a unit."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convscope.atlas.reader import Projection
from convscope.atlas.schema import LayerRow, TopRow
from convscope.display import GREY, display_scale, shrink, to_picture
from convscope.web.pages import Box
from convscope.web.tiles import COLUMNS, card_sheet, frame_of, projection_sheet, window_of

OUTSIDE = 0.72
"""How much of a patch outside the receptive window is replaced by grey."""
LOSSLESS = 32
"""Cells up to so many pixels keep every pixel: they are enlarged, and cost little."""

Pictures = Callable[[int], Image.Image | None]
"""What the model saw of an image, as RGB; None if the atlas has no picture of it."""


@dataclass(frozen=True)
class UnitSprites:
    """The encoded sprites of a unit (WebP); None where there is nothing to show."""

    card: bytes | None
    projections: bytes | None


def paint_unit(
    layer: LayerRow,
    size: tuple[int, int],
    tops: Sequence[TopRow],
    projections: Sequence[Projection],
    pictures: Pictures,
) -> UnitSprites:
    """Both sprites of a unit of ``layer``, for a model whose input has ``size`` (height, width)."""
    if not tops:
        return UnitSprites(None, None)
    frames = {row.rank: frame_of(row, layer, *size) for row in tops}
    patches = [_patch(pictures(row.image), row, frames[row.rank]) for row in tops[: COLUMNS**2]]
    small = card_sheet(layer, *size, projected=bool(projections))
    projected = _projection_tiles(projections, frames, small.cell)[: COLUMNS**2]
    blocks = [projected, patches] if projected else [patches]
    card = Image.new("RGB", (small.width, small.height), (GREY,) * 3)
    for block, tiles in enumerate(blocks):
        for place, tile in enumerate(tiles):
            _place(card, tile, small.box(place, block))
    return UnitSprites(_encode(card, small.cell), _paint_projections(layer, size, projections, frames))


def _paint_projections(
    layer: LayerRow, size: tuple[int, int], projections: Sequence[Projection], frames: dict[int, Box]
) -> bytes | None:
    if not projections:
        return None
    sheet = projection_sheet(layer, *size, count=len(projections))
    tiles = _projection_tiles(projections, frames, sheet.cell)
    sprite = Image.new("RGB", (sheet.width, sheet.height), (GREY,) * 3)
    for place, tile in enumerate(tiles):
        _place(sprite, tile, sheet.box(place))
    return _encode(sprite, sheet.cell)


def _projection_tiles(projections: Sequence[Projection], frames: dict[int, Box], cell: int) -> list[Image.Image]:
    """Each projection in its frame, at the size of a cell, all on one scale."""
    ordered = sorted(projections, key=lambda projection: projection.rank)
    shown = [shrink(_in_frame(projection, frames[projection.rank]), cell) for projection in ordered]
    scale = display_scale(shown) if shown else 1.0
    return [Image.fromarray(np.ascontiguousarray(to_picture(pixels, scale))) for pixels in shown]


def _in_frame(projection: Projection, frame: Box) -> NDArray[np.float32]:
    """The part of a projection that lies in the frame, zero where the frame reaches further."""
    height, width, channels = projection.pixels.shape
    canvas = np.zeros((frame.height, frame.width, channels), np.float32)
    top, left = max(projection.top, frame.top), max(projection.left, frame.left)
    bottom = min(projection.top + height, frame.top + frame.height)
    right = min(projection.left + width, frame.left + frame.width)
    canvas[top - frame.top : bottom - frame.top, left - frame.left : right - frame.left] = projection.pixels[
        top - projection.top : bottom - projection.top, left - projection.left : right - projection.left
    ]
    return canvas


def _patch(picture: Image.Image | None, row: TopRow, frame: Box) -> Image.Image:
    """The frame of a picture; what lies outside the receptive window is greyed."""
    grey = Image.new("RGB", (frame.width, frame.height), (GREY,) * 3)
    if picture is None:
        return grey
    shown = picture.crop(_corners(frame))
    window = window_of(row)
    if window == frame:
        return shown
    faded = Image.blend(shown, grey, OUTSIDE)
    faded.paste(picture.crop(_corners(window)), (window.left - frame.left, window.top - frame.top))
    return faded


def _corners(box: Box) -> tuple[int, int, int, int]:
    return box.left, box.top, box.left + box.width, box.top + box.height


def _place(sprite: Image.Image, tile: Image.Image, cell: Box) -> None:
    """Shrinks a tile to fit into a cell, and puts it in the middle."""
    share = cell.width / max(tile.size)
    width, height = max(1, round(tile.width * share)), max(1, round(tile.height * share))
    fitted = tile if share == 1 else tile.resize((width, height), Image.Resampling.HAMMING)
    sprite.paste(fitted, (cell.left + (cell.width - width) // 2, cell.top + (cell.height - height) // 2))


def _encode(sprite: Image.Image, cell: int) -> bytes:
    # Method 0: the slower ones take three times as long and save a tenth.
    file = io.BytesIO()
    sprite.save(file, "WEBP", lossless=cell <= LOSSLESS, quality=50 if cell <= LOSSLESS else 82, method=0)
    return file.getvalue()
