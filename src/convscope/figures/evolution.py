"""Figure 4 of Zeiler & Fergus 2013: a block for each layer, its rows units, its columns checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from textwrap import wrap

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from convscope.display import Picture, blank, display_scale, fit, grid, shrink, to_picture, to_rgb
from convscope.figures.ink import DOTS_PER_INCH, FAINT, INK, new_figure, png, short
from convscope.probes.evolution.labels import headings
from convscope.probes.evolution.record import Drawn
from convscope.probes.evolution.result import Evolution, LayerEvolution, jumps_of

TILE, GAP = 76, 4
"""Pixels of a tile, and between tiles."""
JUMPED = (225, 129, 44)
"""Colour of the corner of a tile whose winner is another image than in the tile before."""
MOST_COLUMNS = 12
"""Checkpoints in a figure, evenly spread where there are more; tables and films have all."""
MOST_ROWS = 24
"""Units of a layer in a figure or film, evenly spread where more are shown; tables, the archive and pages have all."""
WIDEST = 17.0
"""Inches that blocks side by side may take."""
_ROOMY = 400
"""Pixels of a block from which on a remark has room beside the layer's name."""
_LEFT, _ABOVE, _BETWEEN = 0.5, 0.44, 0.25
_NARROWEST = 6.5
"""Inches."""
_PER_INCH, _LINE = 14.5, 0.17
"""Letters in an inch, and inches of a line, of the explanation."""

Tile = Callable[[Drawn, int], Picture]
"""From what was drawn of a unit, and a side, to a picture of that side."""


def projection_tile(drawn: Drawn, side: int) -> Picture:
    """The projection at full contrast of its own: strengths of different checkpoints cannot be compared."""
    small = shrink(drawn.projection, side)
    return fit(to_picture(small, display_scale([small])), side)


def patch_tile(drawn: Drawn, side: int) -> Picture:
    """The pixels that the projection belongs to."""
    return fit(to_rgb(drawn.patch), side)


def tile_of(drawn: Drawn | None, side: int, tile: Tile, *, jumped: bool) -> Picture:
    """A tile, blank for a silent unit, with a coloured corner where the winner is another image than before."""
    made = blank(side) if drawn is None else tile(drawn, side).copy()
    if jumped:
        corner = max(side // 7, 4)
        down, along = np.mgrid[:corner, :corner]
        made[:corner, side - corner :][along >= down] = JUMPED
    return made


def evolution_png(found: Evolution, title: str = "") -> bytes:
    """Figure 4 as a PNG: the projection of each unit's strongest activation at each checkpoint."""
    what = f"{found.method.replace('_', ' ')} projections; grey is zero, each at full contrast of its own"
    return _sheet(found, title, what, projection_tile)


def patches_png(found: Evolution, title: str = "") -> bytes:
    """The same with the image patches that the projections belong to, as a PNG."""
    return _sheet(found, title, "the image patches that the projections belong to", patch_tile)


def columns_of(count: int) -> NDArray[np.int64]:
    """Which checkpoints a figure shows: all, or some that are evenly spread, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, MOST_COLUMNS)).round().astype(np.int64))


def few_units(layer: LayerEvolution) -> LayerEvolution:
    """The layer with no more units shown than a figure has room for."""
    rows = np.unique(np.linspace(0, len(layer.shown) - 1, min(len(layer.shown), MOST_ROWS)).round().astype(int))
    return replace(
        layer,
        shown=tuple(layer.shown[row] for row in rows),
        probes=tuple(layer.probes[row] for row in rows),
        drawn=tuple(tuple(line[row] for row in rows) for line in layer.drawn),
    )


def _sheet(found: Evolution, title: str, what: str, tile: Tile) -> bytes:
    columns = columns_of(len(found.labels))
    layers = [few_units(layer) for layer in found.layers if layer.shown]
    wide = _LEFT + len(columns) * (TILE + GAP) / DOTS_PER_INCH + _BETWEEN
    across = min(max(int(WIDEST / wide), 1), max(len(layers), 1))
    width = max(across * wide + 0.3, _NARROWEST)
    lines = wrap(_explanation(found, what, len(columns)), int(width * _PER_INCH))
    places, height = _places(layers, across, wide, 0.62 + _LINE * len(lines))
    figure = new_figure(width, height)
    figure.text(0.2 / width, 1 - 0.32 / height, title, fontsize=13, color=INK, parse_math=False)
    for number, line in enumerate(lines):
        figure.text(0.2 / width, 1 - (0.54 + _LINE * number) / height, line, fontsize=8.5, color=FAINT)
    word, names = headings([found.labels[column] for column in columns])
    for layer, place in zip(layers, places, strict=True):
        _block(figure, layer, columns, place, tile, (word, names))
    return png(figure)


def _explanation(found: Evolution, what: str, columns: int) -> str:
    some = "" if columns == len(found.labels) else f" {columns} of {len(found.labels)} checkpoints."
    if any(len(layer.shown) > MOST_ROWS for layer in found.layers):
        some += f" At most {MOST_ROWS} units of a layer, evenly spread."
    return (
        f"Strongest activation of each unit over {len(found.images) - len(found.skipped)} images: {what}.{some} "
        "An orange corner: the winner is another image than in the tile before. Empty: no activation above 0."
    )


def _places(
    layers: Sequence[LayerEvolution], across: int, wide: float, top: float
) -> tuple[list[tuple[float, float]], float]:
    """Left and top of each layer's block, in inches, row by row, and the height of all."""
    places: list[tuple[float, float]] = []
    for start in range(0, len(layers), across):
        line = layers[start : start + across]
        places += [(0.2 + wide * at, top) for at in range(len(line))]
        top += _ABOVE + max(len(layer.shown) for layer in line) * (TILE + GAP) / DOTS_PER_INCH + 0.2
    return places, top + 0.1


def _block(
    figure: Figure,
    layer: LayerEvolution,
    columns: NDArray[np.int64],
    place: tuple[float, float],
    tile: Tile,
    heading: tuple[str, Sequence[str]],
) -> None:
    width, height = figure.get_figwidth(), figure.get_figheight()
    sheet = block_of(layer, columns, tile)
    tall, wide = sheet.shape[0] / DOTS_PER_INCH, sheet.shape[1] / DOTS_PER_INCH
    left, top = place[0] + _LEFT, place[1] + _ABOVE
    axes = figure.add_axes((left / width, 1 - (top + tall) / height, wide / width, tall / height))
    axes.imshow(sheet, interpolation="nearest", aspect="auto")
    axes.set_axis_off()
    cell = TILE + GAP
    for number, unit in enumerate(layer.shown):
        axes.text(-8, cell * number + TILE / 2, str(unit), ha="right", va="center", fontsize=7.5, color=FAINT)
    for number, name in enumerate(heading[1]):
        at = cell * number + TILE / 2
        axes.text(at, -7, short(name, 10), ha="center", va="bottom", fontsize=7.5, color=INK, parse_math=False)
    axes.text(-8, -7, heading[0], ha="right", va="bottom", fontsize=7.5, color=FAINT, parse_math=False)
    name = short(layer.address, max(sheet.shape[1] // 16, 8))
    axes.text(0, -34, name, ha="left", va="bottom", fontsize=9.5, color=INK, weight="bold", parse_math=False)
    if sheet.shape[1] > _ROOMY:
        seen = f"sees {layer.field[0]} x {layer.field[1]} pixels"
        axes.text(sheet.shape[1], -34, seen, ha="right", va="bottom", fontsize=7.5, color=FAINT)


def block_of(layer: LayerEvolution, columns: NDArray[np.int64], tile: Tile, side: int = TILE) -> Picture:
    """A layer's tiles, rows units and columns checkpoints, uint8 (height, width, 3)."""
    jumped = jumps_of(layer.image[columns])
    tiles = [
        tile_of(layer.drawn[column][row], side, tile, jumped=bool(jumped[number, unit]))
        for row, unit in enumerate(layer.shown)
        for number, column in enumerate(columns)
    ]
    return grid(tiles, len(columns), GAP)
