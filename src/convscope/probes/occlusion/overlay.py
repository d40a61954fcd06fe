"""A drop map laid over its image: a view for the eye; the numbers stay in the grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convscope.display import WHITE, Picture

LOWERS = np.array((214, 39, 20))
RAISES = np.array((31, 90, 200))
"""Red where covering lowers the target, blue where it raises it."""
STRONGEST = 0.78
KEPT = 0.6
"""How much of the image's own contrast stays: colour must not compete with colour."""


def overlay(view: NDArray[np.uint8], drop: NDArray[np.floating]) -> Picture:
    """The view in pale grey with the drop per pixel in colour, opaque in proportion to its absolute value.

    ``drop`` is (height, width), NaN where no occluder was; its largest absolute value is the strongest colour.
    """
    strength = np.nan_to_num(drop)
    largest = np.abs(strength).max(initial=0)
    opacity = STRONGEST * np.abs(strength / largest if largest > 0 else strength)[..., None]
    grey = np.repeat(view.mean(-1, keepdims=True), 3, axis=-1)
    pale = WHITE - KEPT * (WHITE - grey)
    colour = np.where(strength[..., None] > 0, LOWERS, RAISES)
    mixed: NDArray[np.float64] = pale * (1 - opacity) + colour * opacity
    return np.rint(np.clip(mixed, 0, 255)).astype(np.uint8)
