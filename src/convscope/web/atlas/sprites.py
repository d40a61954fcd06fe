"""Paints the tiles of a unit into sprites: one file holds what a page shows of a unit."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convscope.atlas.reader import Projection
from convscope.atlas.schema import LayerRow, TopRow
from convscope.display import GREY, display_scale, shrink, to_picture
from convscope.web.atlas.tiles import COLUMNS, card_sheet, frame_of, projection_sheet, window_of
from convscope.web.pages import Box

OUTSIDE = 0.72
"""How much of a patch outside the receptive window is replaced by grey."""
LOSSLESS = 32
"""Cells up to so many pixels keep every pixel: they are enlarged, and cost little."""

PATCHES = 2048
"""Painted patches kept: where units see the whole image, its patch is the same for all of them."""

Pictures = Callable[[int], Image.Image | None]
"""What the model saw of an image, as RGB; None if the atlas has no picture of it."""
Patches = Callable[[int, Box, Box, int], Image.Image]
"""The patch of an image: its window in its frame, fitted into a cell of so many pixels."""


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
    patch_of: Patches,
) -> UnitSprites:
    """Both sprites of a unit of ``layer``, for a model whose input has ``size`` (height, width)."""
    frames = {row.rank: frame_of(row, layer, *size) for row in tops}
    return UnitSprites(
        paint_card(layer, size, tops, projections, patch_of),
        _paint_projections(layer, size, projections, frames) if tops else None,
    )


def paint_card(
    layer: LayerRow,
    size: tuple[int, int],
    tops: Sequence[TopRow],
    projections: Sequence[Projection],
    patch_of: Patches,
) -> bytes | None:
    """The small sprite of a unit; None for one without top activations."""
    if not tops:
        return None
    frames = {row.rank: frame_of(row, layer, *size) for row in tops}
    small = card_sheet(layer, *size, projected=bool(projections))
    patches = [patch_of(row.image, window_of(row), frames[row.rank], small.cell) for row in tops[: COLUMNS**2]]
    projected = _projection_tiles(projections, frames, small.cell)[: COLUMNS**2]
    blocks = [projected, patches] if projected else [patches]
    card = Image.new("RGB", (small.width, small.height), (GREY,) * 3)
    for block, tiles in enumerate(blocks):
        for place, tile in enumerate(tiles):
            _place(card, tile, small.box(place, block))
    return _encode(card, small.cell)


def paint_projection(layer: LayerRow, size: tuple[int, int], top: TopRow, projection: Projection) -> bytes:
    """One projection in the frame of its activation (WebP), on a scale of its own; for an input of ``size``."""
    frames = {projection.rank: frame_of(top, layer, *size)}
    (tile,) = _projection_tiles([projection], frames, projection_sheet(layer, *size, count=1).cell)
    return _encode(tile, max(tile.size))


def patches_of(pictures: Pictures) -> Patches:
    """Paints patches, and keeps the latest."""

    @lru_cache(maxsize=PATCHES)
    def patch(image: int, window: Box, frame: Box, cell: int) -> Image.Image:
        return _fitted(_patch(pictures(image), window, frame), cell)

    return patch


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


def _patch(picture: Image.Image | None, window: Box, frame: Box) -> Image.Image:
    """The frame of a picture; what lies outside the receptive window is greyed."""
    grey = Image.new("RGB", (frame.width, frame.height), (GREY,) * 3)
    if picture is None:
        return grey
    shown = picture.crop(_corners(frame))
    if window == frame:
        return shown
    faded = Image.blend(shown, grey, OUTSIDE)
    faded.paste(picture.crop(_corners(window)), (window.left - frame.left, window.top - frame.top))
    return faded


def _corners(box: Box) -> tuple[int, int, int, int]:
    return box.left, box.top, box.left + box.width, box.top + box.height


def _place(sprite: Image.Image, tile: Image.Image, cell: Box) -> None:
    """Puts a tile, made to fit, into the middle of a cell."""
    fitted = _fitted(tile, cell.width)
    left, top = cell.left + (cell.width - fitted.width) // 2, cell.top + (cell.height - fitted.height) // 2
    sprite.paste(fitted, (left, top))


def _fitted(tile: Image.Image, cell: int) -> Image.Image:
    """A tile whose longer side is that of a cell."""
    share = cell / max(tile.size)
    if share == 1:
        return tile
    size = max(1, round(tile.width * share)), max(1, round(tile.height * share))
    return tile.resize(size, Image.Resampling.HAMMING)


def _encode(sprite: Image.Image, cell: int) -> bytes:
    # Method 0: the slower ones take three times as long and save a tenth.
    file = io.BytesIO()
    sprite.save(file, "WEBP", lossless=cell <= LOSSLESS, quality=50 if cell <= LOSSLESS else 82, method=0)
    return file.getvalue()
