"""Paints a unit over all checkpoints into one sprite: columns are checkpoints, projections above, patches below."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence

import numpy as np
from PIL import Image

from convscope.display import GREY, Picture, display_scale, fit, shrink, to_picture, to_rgb
from convscope.errors import AtlasFormatError
from convscope.web.evolution.archive import Archive, Drawn

SMALL, LARGE = 64, 128
"""Pixels of a cell."""
WIDEST = {SMALL: 2048, LARGE: 16383}
"""Pixels of a sprite: many small ones are shown at once, and of a large one WebP takes no more."""

JUMPED = (225, 129, 44)
"""Colour of the corner of a tile whose winner is another image than at the checkpoint before."""


def cell_of(checkpoints: int, wanted: int) -> int:
    """Side of a cell: as wanted, or less where there are very many checkpoints."""
    return max(min(wanted, WIDEST[wanted] // checkpoints), 1)


def paint_course(
    archive: Archive, depth: int, unit: int, there: Sequence[bool], jumps: Collection[int], wanted: int
) -> bytes:
    """The sprite of a unit as WebP, transparent where the unit is silent, with a coloured corner where it jumps.

    Every projection has full contrast of its own, as in the figures: strengths of different checkpoints cannot be
    compared. Raises AtlasFormatError where a picture is missing or damaged.
    """
    side = cell_of(len(there), wanted)
    sprite = Image.new("RGBA", (side * len(there), 2 * side))
    for number in (number for number, known in enumerate(there) if known):
        drawn = archive.drawn(depth, unit, number)
        for row, tile in enumerate(_tiles(drawn, side, archive)):
            sprite.paste(Image.fromarray(_cornered(tile) if number in jumps else tile), (number * side, row * side))
    file = io.BytesIO()
    sprite.save(file, "WEBP", quality=82, method=0)
    return file.getvalue()


def _tiles(drawn: Drawn, side: int, archive: Archive) -> tuple[Picture, Picture]:
    small = shrink(drawn.projection, side)
    try:
        projection = to_picture(small, display_scale([small]))
    except ValueError as error:
        raise AtlasFormatError(f"{archive.path}: {error}. Make the result again.") from error
    # What the unit does not see is grey, as on the pages of an atlas.
    return fit(projection, side, GREY), fit(np.asarray(to_rgb(drawn.patch)), side, GREY)


def _cornered(tile: Picture) -> Picture:
    """With a coloured corner at the top right, away from the edges: a scaled cell shows a little of its neighbours."""
    made = tile.copy()
    edge = max(len(tile) // 24, 1)
    corner = min(max(len(tile) // 5, 3), len(tile) - 2 * edge)  # none where a cell is too small for one
    if corner < 1:
        return made
    down, along = np.mgrid[:corner, :corner]
    made[edge : edge + corner, -edge - corner : -edge][along >= down] = JUMPED
    return made
