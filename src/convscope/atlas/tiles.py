"""The tiles of one unit: what is cut out of a picture and of a projection, and how the two stand side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from convscope.atlas.projection import Projection
from convscope.atlas.schema import TopRow
from convscope.display import Picture, blank, display_scale, fit, grid, shrink, to_picture, to_rgb


def crop(picture: NDArray[np.uint8], row: TopRow) -> Picture:
    """The receptive window of a top activation, clipped at the border, cut out of the picture [h, w, c]."""
    return to_rgb(picture[row.top : row.bottom, row.left : row.right])


def crop_projection(projection: Projection, row: TopRow) -> NDArray[np.float32]:
    """The same window of a projection, float32 [h, w, c]; zero where the projection's box does not reach."""
    height, width, _ = projection.pixels.shape
    bottom = max(projection.top + height, row.bottom)
    right = max(projection.left + width, row.right)
    return projection.on_canvas(bottom, right)[row.top : row.bottom, row.left : row.right]


def unit_block(projections: Sequence[Picture], patches: Sequence[Picture], columns: int = 3, gap: int = 2) -> Picture:
    """A unit as in Figure 2 of Zeiler & Fergus: its projections in a square, beside them their patches.

    As many projections as patches, all tiles of one size, [tile, tile, 3].
    """
    if len(projections) != len(patches):
        raise ValueError(f"a block needs a patch for every projection, got {len(patches)} and {len(projections)}")
    return grid([grid(projections, columns, gap), grid(patches, columns, gap)], columns=2, gap=3 * gap)


def unit_tiles(tops: Sequence[TopRow], projections: Sequence[Projection], tile: int) -> list[Picture]:
    """A tile for each top activation: its projection, cut to the receptive window, all on one display scale.

    The tile is blank where ``projections`` has none of that rank.
    """
    by_rank = {projection.rank: projection for projection in projections}
    cut = {row.rank: crop_projection(by_rank[row.rank], row) for row in tops if row.rank in by_rank}
    windows = {rank: shrink(pixels, tile) for rank, pixels in cut.items()}
    scale = display_scale(list(windows.values()))
    tiles = {rank: fit(to_picture(window, scale), tile) for rank, window in windows.items()}
    return [tiles[row.rank] if row.rank in tiles else blank(tile) for row in tops]
