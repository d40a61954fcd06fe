"""Encoded pictures of an atlas, read with suspicion: only the format and size that their row says."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def read_picture(encoded: bytes, kind: str, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The pixels of a ``kind`` (jpeg, png or webp) of ``size`` (width, height), uint8 [h, w, c], c = 1 or 3.

    Raises ValueError that says what it is instead.
    """
    try:
        picture = Image.open(io.BytesIO(encoded), formats=[kind.upper()])
    except Exception as error:  # damaged bytes make decoders raise almost anything
        raise ValueError(f"is no {kind} picture ({error})") from error
    with picture:
        # The size is in the header: a bomb is refused before it is unpacked.
        if picture.size != size:
            raise ValueError(f"is {picture.size}, but the row says {size}")
        try:
            pixels = np.asarray(picture if picture.mode in ("L", "RGB") else picture.convert("RGB"))
        except Exception as error:  # as above
            raise ValueError(f"is no {kind} picture ({error})") from error
    return pixels.reshape(size[1], size[0], -1)
