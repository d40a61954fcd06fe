"""What is done to an image, as one map back from each point to where its content comes from.

Pictures and feature maps are both moved by this map, so that they cannot disagree about a sign or a centre. Points are
(row, column) in pixels of the view, the first pixel reaching from 0 to 1; angles are counter-clockwise as one sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convscope.errors import SettingError

Numbers = NDArray[np.float64]
Size = tuple[int, int]
"""Height and width."""

PAPER_SIDE = 224
"""Pixels of the paper's images, for which its figure 5 shifts by up to 60."""
MOST_VALUES = 1000


@dataclass(frozen=True)
class Inverse:
    """The content at ``point`` comes from ``centre + matrix (point - centre) - shift``."""

    matrix: tuple[tuple[float, float], tuple[float, float]]
    shift: tuple[float, float] = (0.0, 0.0)

    def source(self, points: Numbers, centre: tuple[float, float]) -> Numbers:
        """Where the content at points (…, 2) comes from."""
        turned: Numbers = (points - centre) @ np.array(self.matrix).T + centre - np.array(self.shift)
        return turned

    @property
    def turns(self) -> bool:
        """Whether rows and columns mix or run backwards, so that no box of pixels is read in order."""
        (down, across_rows), (across_columns, across) = self.matrix
        return across_rows != 0 or across_columns != 0 or min(down, across) <= 0


@dataclass(frozen=True)
class Transform:
    """A family of transforms of one number: its ``identity`` leaves the image as it is."""

    name: str
    axis: str
    """The number in words, for an axis."""
    identity: float
    limits: Callable[[Size], tuple[float, float]]
    """The smallest and largest number for an image of this size."""
    inverse: Callable[[float], Inverse]
    usual: Callable[[Size], Numbers]
    """The numbers of the paper's figure 5."""


def _shifted(rows: float, columns: float) -> Inverse:
    return Inverse(((1.0, 0.0), (0.0, 1.0)), (rows, columns))


def _magnified(factor: float) -> Inverse:
    return Inverse(((1 / factor, 0.0), (0.0, 1 / factor)))


def _turned(degrees: float) -> Inverse:
    # 15 digits, so that a quarter turn is one: its cosine is 0 and not 6e-17.
    cosine, sine = (round(float(f(np.deg2rad(degrees))), 15) for f in (np.cos, np.sin))
    return Inverse(((cosine, sine), (-sine, cosine)))


def _shifts(side: int) -> Numbers:
    """-60 to 60 pixels of 224 in steps of 5, in proportion to the side and in whole pixels."""
    return np.unique(np.rint(np.arange(-60, 61, 5) * side / PAPER_SIDE)) + 0.0


_ALL = [
    Transform(
        name="translate-x",
        axis="horizontal translation, pixels to the right",
        identity=0.0,
        limits=lambda size: (-size[1], size[1]),
        inverse=lambda value: _shifted(0.0, value),
        usual=lambda size: _shifts(size[1]),
    ),
    Transform(
        name="translate-y",
        axis="vertical translation, pixels down",
        identity=0.0,
        limits=lambda size: (-size[0], size[0]),
        inverse=lambda value: _shifted(value, 0.0),
        usual=lambda size: _shifts(size[0]),
    ),
    Transform(
        name="scale",
        axis="scale",
        identity=1.0,
        limits=lambda _: (0.1, 10.0),
        inverse=_magnified,
        usual=lambda _: np.round(np.linspace(1.0, 1.8, 17), 2),
    ),
    Transform(
        name="rotate",
        axis="rotation, degrees counter-clockwise",
        identity=0.0,
        limits=lambda _: (-360.0, 360.0),
        inverse=_turned,
        usual=lambda _: np.arange(0.0, 351.0, 10.0),
    ),
]
TRANSFORMS: Mapping[str, Transform] = {transform.name: transform for transform in _ALL}
PAPER = ("translate-y", "scale", "rotate")
"""The rows of the paper's figure 5."""


def find_transform(name: str) -> Transform:
    """The transform of this name; raises SettingError."""
    if name not in TRANSFORMS:
        raise SettingError(f"transform {name!r} is unknown; choose one of {', '.join(TRANSFORMS)}")
    return TRANSFORMS[name]


def find_values(transform: Transform, values: Sequence[float] | Numbers | None, size: Size) -> Numbers:
    """The values in rising order, float64 (count,); None means the paper's. Raises SettingError.

    Shifts of the paper are -60 to 60 pixels of 224, in proportion for images of another size.
    """
    if values is None:
        return transform.usual(size)
    found = np.sort(np.asarray(list(values), np.float64).ravel()) + 0.0
    low, high = transform.limits(size)
    for holds, met in (
        (0 < len(found) <= MOST_VALUES, f"{len(found)} values; give 1 to {MOST_VALUES}"),
        (bool(np.isfinite(found).all()), "a value that is NaN or infinite"),
        (len(np.unique(found)) == len(found), "a value twice; give each once"),
        (len(found) > 0 and low <= found[0] and found[-1] <= high, f"a value outside {low:g} to {high:g}"),
    ):
        if not holds:
            raise SettingError(f"the values of {transform.name} hold {met}")
    return found
