"""What the pages of an atlas show besides words: contact sheets and pictures."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image

from convscope.atlas.reader import decode_picture
from convscope.display import to_rgb
from convscope.errors import AtlasFormatError
from convscope.regular import read_bytes
from convscope.web.atlas.catalogue import Catalogue
from convscope.web.atlas.sprites import Pictures

DECODED = 512
"""Pictures kept decoded; at 224 pixels about 75 MB."""


def sheet_file(catalogue: Catalogue, layer: str) -> bytes:
    """The contact sheet of a layer; AtlasFormatError if it is no PNG picture."""
    path = catalogue.sheets[layer]
    try:
        content = read_bytes(path)
        with Image.open(io.BytesIO(content), formats=["PNG"]) as sheet:
            sheet.verify()
    except (OSError, SyntaxError, ValueError) as error:
        raise AtlasFormatError(f"{path} is not a PNG picture ({error}). Remove it, or make the sheet again.") from error
    return content


def pictures_of(catalogue: Catalogue) -> Pictures:
    """The pictures of an atlas, decoded on demand, the latest ones kept."""

    @lru_cache(maxsize=DECODED)
    def picture(image: int) -> Image.Image | None:
        if image not in catalogue.shots:
            return None
        return Image.fromarray(np.ascontiguousarray(to_rgb(decode_picture(catalogue.atlas.picture_row(image)))))

    return picture
