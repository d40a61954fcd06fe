"""Pictures of projections and patches, as arrays and contact sheets.

One display scaling everywhere. A projection is signed, so zero is mid-grey (128), and the 99.5th percentile
of the absolute non-zero values of *all* shown projections of a unit is full contrast: the nine of a unit can
be compared with each other, units cannot. (Zeiler & Fergus 2013 do not say how they scaled theirs.)
"""

from __future__ import annotations

import io
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from convscope.atlas.reader import Atlas, Projection
from convscope.atlas.schema import TopRow

Picture = NDArray[np.uint8]
"""uint8 [h, w, 3]."""

GREY = 128
WHITE = 255
PAPER = 238
"""What a window lacks to a square: light, because mid-grey would pass for a patch or for zero."""
PERCENTILE = 99.5
ENLARGED = 4
"""From this enlargement on, pixels are shown as squares: smoothing would invent structure between them."""

INK = (45, 45, 45)
FAINT = (125, 125, 125)


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


def to_rgb(picture: NDArray[np.uint8]) -> Picture:
    """A uint8 [h, w, 1] or [h, w, 3] picture with three channels."""
    return np.broadcast_to(picture, (*picture.shape[:2], 3))


def to_png(picture: NDArray[np.uint8]) -> bytes:
    """A uint8 [h, w, 1] or [h, w, 3] picture as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(to_rgb(picture))).save(file, "PNG", optimize=True)
    return file.getvalue()


def crop(picture: NDArray[np.uint8], row: TopRow) -> Picture:
    """The receptive window of a top activation, clipped at the border, cut out of the picture [h, w, c]."""
    return to_rgb(picture[row.top : row.bottom, row.left : row.right])


def crop_projection(projection: Projection, row: TopRow) -> NDArray[np.float32]:
    """The same window of a projection, float32 [h, w, c]; zero where the projection's box does not reach."""
    height, width, _ = projection.pixels.shape
    bottom = max(projection.top + height, row.bottom)
    right = max(projection.left + width, row.right)
    return projection.on_canvas(bottom, right)[row.top : row.bottom, row.left : row.right]


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


def unit_block(
    projections: Sequence[Picture], patches: Sequence[Picture], columns: int = 3, gap: int = 2
) -> Picture:
    """A unit as in Figure 2 of Zeiler & Fergus: its projections in a square, beside them their patches.

    As many projections as patches, all tiles of one size, [tile, tile, 3].
    """
    if len(projections) != len(patches):
        raise ValueError(
            f"a block needs a patch for every projection, got {len(patches)} and {len(projections)}"
        )
    return grid([grid(projections, columns, gap), grid(patches, columns, gap)], columns=2, gap=3 * gap)


def unit_tiles(tops: Sequence[TopRow], projections: Sequence[Projection], tile: int) -> list[Picture]:
    """A tile for each top activation: its projection, cut to the receptive window, all on one display scale.

    The tile is blank where ``projections`` has none of that rank.
    """
    by_rank = {projection.rank: projection for projection in projections}
    windows = {row.rank: crop_projection(by_rank[row.rank], row) for row in tops if row.rank in by_rank}
    scale = display_scale(list(windows.values()))
    tiles = {rank: fit(to_picture(window, scale), tile) for rank, window in windows.items()}
    return [tiles[row.rank] if row.rank in tiles else blank(tile) for row in tops]


def blank(tile: int) -> Picture:
    """A tile with nothing on it."""
    return np.full((tile, tile, 3), PAPER, np.uint8)


def contact_sheet(
    atlas: Atlas, layer: str, units: Iterable[int] | None = None, tile: int = 48, columns: int | None = None
) -> Image.Image:
    """Many units of a layer on one sheet: for each its projections beside the patches that they come from.

    Without ``units``, every unit of the layer that has top activations. ``columns`` is the number of blocks
    in a row; by default it is about as wide as high. Units without activations or projections say so.
    Raises AddressError for a layer or unit that is not there.
    """
    tops = atlas.top_of_layer(layer)
    if units is None:
        wanted = {unit: rows for unit, rows in tops.items() if rows}
        found: Iterable[tuple[int, Sequence[Projection]]] = atlas.projections_of_layer(layer)
    else:
        wanted = {unit: tops[unit] for unit in (atlas.unit(layer, unit).unit for unit in units)}
        found = ((unit, _projections_of(atlas, rows)) for unit, rows in wanted.items())
    projections = {unit: unit_tiles(tops[unit], some, tile) for unit, some in found if some}
    patches = _patch_tiles(atlas, wanted, tile)
    side = math.ceil(math.sqrt(atlas.manifest.settings.top))
    blocks = []
    for unit, rows in wanted.items():
        empty = [blank(tile)] * (len(rows) or side * side)
        pixels = unit_block(projections.get(unit, empty), patches[unit] or empty, side)
        blocks.append(_Block(f"unit {unit}", _remark(rows, unit in projections), pixels))
    return _draw(_heading(atlas, layer, len(blocks)), blocks, columns)


def _projections_of(atlas: Atlas, rows: Sequence[TopRow]) -> list[Projection]:
    found = (atlas.projection(row.layer, row.unit, row.rank) for row in rows)
    return [projection for projection in found if projection is not None]


def _patch_tiles(atlas: Atlas, tops: Mapping[int, Sequence[TopRow]], tile: int) -> dict[int, list[Picture]]:
    """The patches of each unit by rank; image by image, so that each is decoded once and one is in memory."""
    by_image: dict[int, list[TopRow]] = defaultdict(list)
    for rows in tops.values():
        for row in rows:
            by_image[row.image].append(row)
    tiles: dict[tuple[int, int], Picture] = {}
    for image in sorted(by_image):
        picture = atlas.picture(image)
        tiles |= {(row.unit, row.rank): fit(crop(picture, row), tile) for row in by_image[image]}
    return {unit: [tiles[unit, row.rank] for row in rows] for unit, rows in tops.items()}


class _Block(NamedTuple):
    label: str
    remark: str
    picture: Picture


def _remark(tops: Sequence[TopRow], projected: bool) -> str:
    if not tops:
        return "no top activations"
    return f"max {tops[0].value:.3g}{'' if projected else ', no projections kept'}"


def _heading(atlas: Atlas, layer: str, units: int) -> tuple[str, str]:
    row, method = atlas.layer(layer), atlas.manifest.method.replace("_", " ")
    title = f"{atlas.manifest.model.architecture}, {layer}"
    explanation = (
        f"{units} of {row.units} units of the {row.op} map ({row.height} x {row.width}, receptive field "
        f"{row.field_height} x {row.field_width} pixels): top activations in {atlas.manifest.data.name}. "
        f"Left: {method} projections; grey is zero, and full contrast is the {PERCENTILE}th percentile of a "
        "unit's own absolute values, so contrast cannot be compared between units. Right: the image patches. "
        "Windows are clipped at the image border."
    )
    return title, " ".join((explanation, *atlas.manifest.notes))


def _draw(heading: tuple[str, str], blocks: Sequence[_Block], columns: int | None) -> Image.Image:
    """Blocks in rows, labels above them, the heading on top."""
    height = max((block.picture.shape[0] for block in blocks), default=1)
    width = max((block.picture.shape[1] for block in blocks), default=1)
    gap, margin, label = 22, 28, 18
    columns = columns or max(round(math.sqrt(len(blocks) * height / width)), 2)
    inner = max(columns * (width + gap) - gap, 560)
    lines = _wrap(heading[1], inner, _font(13))
    top = margin + 34 + 18 * len(lines) + gap
    rows = math.ceil(len(blocks) / columns)
    sheet = Image.new(
        "RGB", (inner + 2 * margin, top + rows * (height + label + gap) - gap + margin), "white"
    )
    pen = ImageDraw.Draw(sheet)
    pen.text((margin, margin - 6), heading[0], INK, _font(22))
    for number, line in enumerate(lines):
        pen.text((margin, margin + 34 + 18 * number), line, FAINT, _font(13))
    for place, block in enumerate(blocks):
        x = margin + place % columns * (width + gap)
        y = top + place // columns * (height + label + gap)
        pen.text((x, y), block.label, INK, _font(12))
        pen.text((x + width, y), block.remark, FAINT, _font(12), anchor="ra")
        sheet.paste(Image.fromarray(block.picture), (x, y + label))
    return sheet


def _font(size: int) -> ImageFont.FreeTypeFont:
    # The built-in face lacks the multiplication sign and the long dashes: keep labels to what it has.
    return cast(ImageFont.FreeTypeFont, ImageFont.load_default(size))


def _wrap(text: str, width: int, font: ImageFont.FreeTypeFont) -> list[str]:
    """The text in lines of at most ``width`` pixels; a single longer word has a line for itself."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
