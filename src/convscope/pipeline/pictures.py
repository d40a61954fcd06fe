"""Pictures of what the model saw, encoded for the store."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convscope.atlas.schema import PictureRow
from convscope.display import one_or_three

_LOSSLESS_BELOW = 65
"""Views smaller than this are kept without loss: their pixels are looked at one by one."""
_QUALITY = 92


def encode_picture(image: int, view: NDArray[np.uint8]) -> PictureRow:
    """The row of a view, uint8 (height, width, channels); of other than 1 or 3 channels the mean is kept."""
    height, width = view.shape[:2]
    view = one_or_three(view)
    kind = "png" if max(height, width) < _LOSSLESS_BELOW else "jpeg"
    file = io.BytesIO()
    picture = Image.fromarray(view[..., 0] if view.shape[2] == 1 else view)
    picture.save(file, kind, **({"quality": _QUALITY, "subsampling": 0} if kind == "jpeg" else {}))
    return PictureRow(image, width, height, kind, file.getvalue())
