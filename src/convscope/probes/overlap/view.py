"""What is compared of an image: a small grey square.

Grey, because colour did not help: among look-alikes whose edges agree, colours mostly agree too, and a copy in grey has
none (numbers in docs/method.md). 32 pixels a side, because 64 found no more pairs and takes four times the space.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convscope.display import one_or_three
from convscope.images.pixels import Pixels

SIDE = 32
"""Pixels of the view; the whole image is squeezed into it, so that proportions do not count."""
FLAT = 2.0
"""Standard deviation in grey levels below which a view shows nothing that could be compared."""

Views = NDArray[np.uint8]
"""uint8 (count, SIDE, SIDE)."""


def grey_view(pixels: Pixels) -> Views:
    """An image uint8 [height, width, channels] as uint8 (SIDE, SIDE): luma, resized with antialiasing."""
    picture = Image.fromarray(np.ascontiguousarray(_shown(pixels))).convert("L")
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def _shown(pixels: Pixels) -> Pixels:
    shown = one_or_three(pixels)
    return shown if shown.shape[2] == 3 else shown[..., 0]


def is_flat(views: Views) -> NDArray[np.bool_]:
    """Which of the views show nothing: bool (count,)."""
    return np.asarray(views.std((1, 2)) < FLAT)
