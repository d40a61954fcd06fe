"""From the bytes of an image file to pixels."""

from __future__ import annotations

import io

from PIL import ExifTags, Image, UnidentifiedImageError

from convscope.errors import ImageError
from convscope.images.pixels import Colour, Pixels, picture_pixels
from convscope.images.quiet import quiet_pillow

FORMATS: dict[str, tuple[str, ...]] = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png", ".apng"),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "BMP": (".bmp",),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
}
"""The formats that are read, by content and not by suffix; no other decoder of Pillow is ever tried."""

SUFFIXES = tuple(suffix for suffixes in FORMATS.values() for suffix in suffixes)

PIXEL_LIMIT = 178_956_970
"""Width times height; a larger image is an error. Pillow refuses the same (twice its warning level)."""

TURNS: dict[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes an image upright, by its EXIF orientation."""


def decode(encoded: bytes, background: Colour, limit: int | None = None) -> Pixels:
    """The first frame, upright, as uint8 [height, width, 1 or 3]; ``ImageError`` if not, or above ``limit`` pixels.

    None is the limit of all files, ``PIXEL_LIMIT``.
    """
    most = PIXEL_LIMIT if limit is None else limit
    if not encoded:
        raise ImageError("the file is empty")
    with quiet_pillow(), _open(encoded) as picture:
        if picture.width * picture.height > most:
            raise ImageError(_too_large(most))
        try:
            return picture_pixels(_upright(picture), background)
        except ImageError:
            raise
        except Exception as error:  # damaged bytes make decoders raise almost anything
            raise ImageError(f"truncated or damaged {picture.format} data") from error


def _open(encoded: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(encoded), formats=list(FORMATS))
    except UnidentifiedImageError as error:
        raise ImageError(f"not an image that can be read (formats: {', '.join(FORMATS)})") from error
    except Image.DecompressionBombError as error:
        raise ImageError(_too_large(PIXEL_LIMIT)) from error
    except Exception as error:  # a damaged header, see above
        raise ImageError("damaged image header") from error


def _upright(picture: Image.Image) -> Image.Image:
    picture.load()  # before asking: Pillow turns a TIFF by itself while loading, and forgets its orientation
    turn = TURNS.get(_orientation(picture))
    return picture if turn is None else picture.transpose(turn)


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:
        return 1


def _too_large(limit: int) -> str:
    return f"more than {limit} pixels, taken for a decompression bomb"
