"""What pages show besides words: the program's own files, contact sheets, and pictures of an atlas."""

from __future__ import annotations

import io
from functools import lru_cache
from importlib.resources import files

import numpy as np
from PIL import Image

from convscope.atlas.reader import decode_picture
from convscope.display import to_rgb
from convscope.errors import AtlasFormatError
from convscope.web.catalogue import Catalogue
from convscope.web.sprites import Pictures

STATIC = ("style.css", "script.js", "units.js")
DECODED = 512
"""Pictures kept decoded; at 224 pixels about 75 MB."""


def static_file(name: str) -> bytes:
    """A style sheet or script of the program."""
    return (files("convscope.web") / "static" / name).read_bytes()


def sheet_file(catalogue: Catalogue, layer: str) -> bytes:
    """The contact sheet of a layer; AtlasFormatError if it is no PNG picture."""
    path = catalogue.sheets[layer]
    content = path.read_bytes()
    try:
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
