"""What an occlusion experiment found: raw numbers per place of the occluder, and where it happened."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convscope.display import to_png
from convscope.probes.occlusion.grid import Grid
from convscope.probes.occlusion.overlay import overlay
from convscope.probes.outputs import Outputs
from convscope.probes.targets import Target

Numbers = NDArray[np.float32]


@dataclass(frozen=True)
class LayerResponse:
    """A layer's strongest feature map of the unoccluded image, and its sum over space under each occluder.

    ``peak`` is its largest activation, at ``position`` of the map; ``unoccluded`` its sum without an occluder.
    ``projection``, float32 (height, width, channels), is that activation carried down by ``method``; both are None
    where an op on the way has no rule.
    """

    layer: str
    unit: int
    peak: float
    position: tuple[int, int]
    window: tuple[int, int, int, int]
    """Receptive field of the position, clipped to the image: (top, left, bottom, right)."""
    unoccluded: float
    sums: Numbers
    method: str | None
    projection: Numbers | None


@dataclass(frozen=True)
class Labels:
    """The most probable class (int64) and its probability (float32) for each place."""

    index: NDArray[np.int64]
    probability: Numbers


@dataclass(frozen=True)
class ErrorEstimate:
    """How far interpolated values of the target are off, from a random sample of them that was then computed.

    ``sampled`` of ``interpolated`` places were checked; they are exact in the result.
    """

    sampled: int
    interpolated: int
    mean: float
    quantile95: float
    largest: float

    def __str__(self) -> str:
        return (
            f"mean {self.mean:.2g}, 95% below {self.quantile95:.2g}, largest {self.largest:.2g} "
            f"({self.sampled} of {self.interpolated} interpolated places checked)"
        )


@dataclass(frozen=True)
class OcclusionMap:
    """The answers of a network while an occluder is slid over one image; in a notebook it shows its overlay.

    All grids are (rows, columns) of places; ``grid`` says which pixels each covers. ``target_grid`` is the watched
    number, ``unoccluded`` the same without occluder. ``labels`` is None for a network without class output.
    ``exact`` is false where a value was interpolated (``approximate`` only).
    """

    view: NDArray[np.uint8]
    """uint8 (height, width, channels): what the model saw."""
    fill: NDArray[np.uint8]
    """uint8, same shape: what shows through the occluder."""
    fill_name: str
    grid: Grid
    target: Target
    unoccluded: float
    target_grid: Numbers
    outputs: Outputs
    labels: Labels | None
    layers: tuple[LayerResponse, ...]
    exact: NDArray[np.bool_]
    error: ErrorEstimate | None
    notes: tuple[str, ...]

    @property
    def rows(self) -> tuple[int, ...]:
        """Pixel rows of the patch's top left corner."""
        return self.grid.rows

    @property
    def columns(self) -> tuple[int, ...]:
        """Pixel columns of the patch's top left corner."""
        return self.grid.columns

    @property
    def drop(self) -> Numbers:
        """Unoccluded minus occluded target: positive where covering the image lowers it."""
        return np.float32(self.unoccluded) - self.target_grid

    @property
    def peak(self) -> tuple[int, int]:
        """Row and column, in the grid, of the largest drop; the first in reading order of equals."""
        row, column = np.unravel_index(int(self.drop.argmax()), self.drop.shape)
        return int(row), int(column)

    @property
    def peak_box(self) -> tuple[int, int, int, int]:
        """The occluder with the largest drop: (top, left, bottom, right) in pixels."""
        return self.grid.box(*self.peak)

    def occluded(self, row: int, column: int) -> NDArray[np.uint8]:
        """The view with the occluder at a place of the grid."""
        top, left, bottom, right = self.grid.box(row, column)
        picture = self.view.copy()
        part = picture[top:bottom, left:right]
        part[self.grid.mask] = self.fill[top:bottom, left:right][self.grid.mask]
        return picture

    def _repr_png_(self) -> bytes:
        return to_png(overlay(self.view, self.grid.spread(self.drop)))
