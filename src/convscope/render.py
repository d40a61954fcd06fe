"""Contact sheets: many units of a layer on one picture, each as in Figure 2 of Zeiler & Fergus 2013."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple, cast

from PIL import Image, ImageDraw, ImageFont

from convscope.atlas.reader import Atlas
from convscope.atlas.schema import LayerRow, TopRow
from convscope.atlas.tiles import crop, unit_block, unit_tiles
from convscope.display import PERCENTILE, Picture, blank, fit

SHEETS = "sheets"
"""Folder of an atlas that holds its contact sheets."""
UNITS_PER_SHEET = 64
"""Units drawn on one contact sheet, in channel order; more would be a picture too large to open."""
INK = (45, 45, 45)
FAINT = (125, 125, 125)


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
    else:
        wanted = {unit: tops[unit] for unit in (atlas.unit(layer, unit).unit for unit in units)}
    last = max(wanted, default=-1)
    found = takewhile(lambda item: item[0] <= last, atlas.projections_of_layer(layer))
    projections = {unit: unit_tiles(tops[unit], some, tile) for unit, some in found if unit in wanted}
    patches = _patch_tiles(atlas, wanted, tile)
    side = math.ceil(math.sqrt(atlas.manifest.settings.top))
    blocks = []
    for unit, rows in wanted.items():
        empty = [blank(tile)] * (len(rows) or side * side)
        pixels = unit_block(projections.get(unit, empty), patches[unit] or empty, side)
        blocks.append(_Block(f"unit {unit}", _remark(rows, unit in projections), pixels))
    return _draw(_heading(atlas, layer, len(blocks)), blocks, columns)


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
    sheet = Image.new("RGB", (inner + 2 * margin, top + rows * (height + label + gap) - gap + margin), "white")
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


def write_sheets(atlas: Atlas, folder: Path) -> tuple[Path, ...]:
    """A contact sheet per layer that has projections, as ``DEPTH-ADDRESS.png``; sheets that are there are kept."""
    folder.mkdir(exist_ok=True)
    written = []
    for layer in atlas.layers():
        path = folder / sheet_name(layer)
        shown = [unit for unit, _ in zip(_projected(atlas, layer.layer), range(UNITS_PER_SHEET), strict=False)]
        if shown and not path.exists():
            sheet = contact_sheet(atlas, layer.layer, shown)
            temporary = path.with_suffix(".tmp")
            sheet.save(temporary, "PNG")
            temporary.replace(path)
        written += [path] if path.exists() else []
    return tuple(written)


def sheet_name(layer: LayerRow) -> str:
    """File name of a layer's contact sheet: its depth keeps names apart that are alike once made safe."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", layer.layer)[:60]
    return f"{layer.depth:03d}-{safe}.png"


def _projected(atlas: Atlas, layer: str) -> Iterator[int]:
    return (unit for unit, _ in atlas.projections_of_layer(layer))
