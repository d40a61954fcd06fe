"""Pictures that travel inside an event, as data URLs."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convscope.display import to_rgb


def data_url(picture: NDArray[np.uint8]) -> str:
    """A picture, uint8 (height, width, channels), without loss."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(to_rgb(picture))).save(file, "WEBP", lossless=True, quality=20, method=0)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
