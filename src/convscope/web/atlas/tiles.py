"""Where tiles lie: in a picture, and in a sprite. Integers only."""

from __future__ import annotations

from dataclasses import dataclass

from convscope.atlas.schema import LayerRow, TopRow
from convscope.web.pages import Box

COLUMNS = 3
CARD_CELL = 56
PROJECTION_CELL = 128
COARSE_WHEN_SMALL = 24
COARSE_WHEN_BIG = 48
"""Fields of up to so many pixels are enlarged so much that smoothing would invent detail."""


@dataclass(frozen=True)
class Sheet:
    """Equal square cells in rows; ``blocks`` groups of three columns stand side by side."""

    cell: int
    rows: int
    blocks: int = 1

    @property
    def width(self) -> int:
        """In pixels."""
        return self.cell * COLUMNS * self.blocks

    @property
    def height(self) -> int:
        """In pixels."""
        return self.cell * self.rows

    def box(self, place: int, block: int = 0) -> Box:
        """The cell at ``place``, counted row by row from 0 inside a block."""
        row, column = divmod(place, COLUMNS)
        return Box((block * COLUMNS + column) * self.cell, row * self.cell, self.cell, self.cell)


def window_of(row: TopRow) -> Box:
    """What the unit sees, inside the image."""
    return Box(row.left, row.top, row.right - row.left, row.bottom - row.top)


def frame_of(row: TopRow, layer: LayerRow, height: int, width: int) -> Box:
    """What a tile shows of an input of ``height`` by ``width``: as large for every activation of a layer.

    It is the receptive window; one that reaches past the image is moved inside, and then shows more
    than the unit sees.
    """
    rows, columns = min(layer.field_height, height), min(layer.field_width, width)
    return Box(max(0, row.right - columns), max(0, row.bottom - rows), columns, rows)


def card_sheet(layer: LayerRow, height: int, width: int, *, projected: bool) -> Sheet:
    """The small sprite of a unit: nine projections, if there are any, beside nine patches."""
    return Sheet(_cell(layer, height, width, CARD_CELL), rows=COLUMNS, blocks=2 if projected else 1)


def projection_sheet(layer: LayerRow, height: int, width: int, *, count: int) -> Sheet:
    """The large sprite of a unit: ``count`` projections."""
    return Sheet(_cell(layer, height, width, PROJECTION_CELL), rows=-(-count // COLUMNS))


def coarse(layer: LayerRow, height: int, width: int, *, big: bool) -> bool:
    """Whether a layer's tiles are so few pixels that they are shown with hard edges at that size."""
    cell = _cell(layer, height, width, PROJECTION_CELL)
    return cell <= (COARSE_WHEN_BIG if big else COARSE_WHEN_SMALL)


def is_whole(layer: LayerRow, height: int, width: int) -> bool:
    """Whether the receptive field is as large as the input."""
    return layer.field_height >= height and layer.field_width >= width


def _cell(layer: LayerRow, height: int, width: int, limit: int) -> int:
    """Side of a cell: one pixel per input pixel as long as that is at most ``limit``."""
    return min(max(min(layer.field_height, height), min(layer.field_width, width)), limit)
