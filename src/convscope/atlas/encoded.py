"""Encoded pictures of an atlas, read with suspicion: only the format and size that their row says."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convscope.images.quiet import quiet_pillow


def read_picture(encoded: bytes, kind: str, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The pixels of a ``kind`` (jpeg, png or webp) of ``size`` (width, height), uint8 [h, w, c], c = 1 or 3.

    Raises ValueError that says what it is instead.
    """
    try:
        with quiet_pillow(), Image.open(io.BytesIO(encoded), formats=[kind.upper()]) as picture:
            # The size is in the header: a bomb is refused before it is unpacked.
            found = picture.size
            pixels = _rgb_or_grey(picture) if found == size else None
    except Exception as error:  # damaged bytes make decoders raise almost anything
        raise ValueError(f"is no {kind} picture ({type(error).__name__})") from error
    if pixels is None:
        raise ValueError(f"is {found}, but the row says {size}")
    return pixels.reshape(size[1], size[0], -1)


def _rgb_or_grey(picture: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(picture if picture.mode in ("L", "RGB") else picture.convert("RGB"))
