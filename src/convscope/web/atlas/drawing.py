"""The network drawn from input to output: a block for each layer, by numbers that the atlas holds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from convscope.atlas.schema import LayerRow

TALL, FLAT = 104.0, 14.0
"""Heights of a block whose map is as large as the input, and of one whose map is a single position."""
GAP = 8.0
WORDS = 34.0
"""Room above the blocks, and below them."""


@dataclass(frozen=True)
class Block:
    """A layer: its height tells the size of its map, its width the number of units, both on logarithmic scales."""

    href: str
    address: str
    map: str  # height and width of the map
    units: int
    dead: int
    left: float
    top: float
    width: float
    height: float
    sees: float  # side of a square in the block: the share of the input that a unit sees, as a length of its side
    foot: float  # height of the part that stands for dead units


@dataclass(frozen=True)
class Drawing:
    """All blocks, in a picture of this size."""

    width: float
    height: float
    blocks: tuple[Block, ...]


def drawing_of(layers: Iterable[tuple[LayerRow, str, int]], size: tuple[int, int]) -> Drawing:
    """The drawing of layers, each with its address on the pages and its dead units; ``size`` is that of the input."""
    left = GAP
    blocks = []
    for row, href, dead in layers:
        block = _block(row, href, dead, size, left)
        blocks.append(block)
        left += block.width + GAP
    return Drawing(round(left, 1), 2 * WORDS + TALL, tuple(blocks))


def _block(row: LayerRow, href: str, dead: int, size: tuple[int, int], left: float) -> Block:
    share = math.log2(1 + max(row.height, row.width)) / math.log2(1 + max(size))
    height = FLAT + (TALL - FLAT) * min(share, 1.0)
    width = 30 + 5 * math.log2(row.units)
    seen = min(1.0, max(row.field_height / size[0], row.field_width / size[1]))
    return Block(
        href=href,
        address=row.layer,
        map=f"{row.height}\N{MULTIPLICATION SIGN}{row.width}",
        units=row.units,
        dead=dead,
        left=round(left, 1),
        top=round(WORDS + (TALL - height) / 2, 1),
        width=round(width, 1),
        height=round(height, 1),
        sees=round(seen * (min(width, height) - 4), 1),
        foot=round(height * dead / row.units, 1),
    )
