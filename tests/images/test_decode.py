"""Pixels of odd images, each derived a second time: by numpy, or by the formula the documentation gives."""

from __future__ import annotations

import contextlib
import struct
import warnings
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from convscope.errors import ImageError
from convscope.images import decode as decoding
from convscope.images.decode import FORMATS, decode
from tests.images.make import encoded, noise

GREY = (128, 128, 128)
SAND = (200, 150, 50)

UPRIGHT: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: np.rot90(stored, 2),
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).swapaxes(0, 1),
    8: lambda stored: np.rot90(stored, 1),
}


def over(colour: NDArray[np.uint8], alpha: NDArray[np.uint8], background: tuple[int, int, int]) -> Any:
    share = alpha[..., None].astype(float) / 255
    return np.rint(colour * share + np.array(background) * (1 - share))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_orientation(kind: str, orientation: int) -> None:
    stored, exif = noise(3, 5, 3), Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    pixels = decode(encoded(stored, kind, exif=exif, **options), GREY)
    np.testing.assert_array_equal(pixels, UPRIGHT[orientation](stored))


def test_jpeg_orientation_and_nonsense_orientation() -> None:
    stored, exif = np.zeros((8, 24), np.uint8), Image.Exif()
    stored[:, :8] = 255
    exif[0x0112] = 6
    pixels = decode(encoded(stored, "JPEG", exif=exif, quality=100), GREY)
    assert pixels.shape == (24, 8, 1)
    assert pixels[:8].min() > 200
    assert pixels[8:].max() < 50
    exif[0x0112] = 99
    assert decode(encoded(stored, "JPEG", exif=exif), GREY).shape == (8, 24, 1)


def test_damaged_exif_counts_as_none() -> None:
    whole = encoded(noise(4, 4), "JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff")
    assert decode(whole, GREY).shape == (4, 4, 1)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_of_the_list(kind: str) -> None:
    flat = np.full((6, 7, 3), (250, 120, 10), np.uint8)
    options = {"lossless": True} if kind == "WEBP" else {}
    pixels = decode(encoded(flat, kind, **options), GREY)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (6, 7, 3)
    assert pixels.flags.writeable
    np.testing.assert_allclose(pixels.astype(int), flat, atol=2 if kind == "JPEG" else 0)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_sixteen_bit_grey_keeps_the_high_byte(kind: str) -> None:
    values = np.array([[0, 255, 256, 257], [32767, 32768, 65279, 65535]], np.uint16)
    pixels = decode(encoded(values, kind), GREY)
    np.testing.assert_array_equal(pixels[..., 0], values // 256)
    assert np.abs(pixels[..., 0] - values / 257).max() < 1


def test_big_endian_tiff() -> None:
    values = np.arange(0, 60000, 5000, dtype=np.uint16).reshape(3, 4)
    picture = Image.frombytes("I;16B", (4, 3), values.astype(">u2").tobytes())
    np.testing.assert_array_equal(decode(encoded(picture, "TIFF"), GREY)[..., 0], values >> 8)


def sixteen_bit_colour_png(values: NDArray[np.uint16], transparent: tuple[int, int, int] | None) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    height, width, _ = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    extra = b"" if transparent is None else chunk(b"tRNS", struct.pack(">3H", *transparent))
    head = chunk(b"IHDR", struct.pack(">2I5B", width, height, 16, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_sixteen_bit_colour_agrees_with_grey() -> None:
    values = np.random.default_rng(1).integers(0, 65536, (3, 4, 3), np.uint16)
    np.testing.assert_array_equal(decode(sixteen_bit_colour_png(values, None), GREY), values >> 8)


def test_sixteen_bit_grey_with_a_transparent_value() -> None:
    values = np.array([[700, 40000], [40000, 700]], np.uint16)
    pixels = decode(encoded(values, transparency=700), SAND)
    assert pixels.tolist() == [[[*SAND], [156] * 3], [[156] * 3, [*SAND]]]


def test_32_bit_integers_hold_16_bit_values_or_are_refused() -> None:
    values = np.array([[0, 65535, 1000]], np.int32)
    np.testing.assert_array_equal(decode(encoded(values, "TIFF"), GREY)[..., 0], values // 256)
    with pytest.raises(ImageError, match=r"from 0 to 70000; expected 0 to 65535"):
        decode(encoded(np.array([[0, 70000]], np.int32), "TIFF"), GREY)


def test_floats_count_from_0_to_1_or_are_refused() -> None:
    values = np.array([[0, 0.25, 0.5, 1]], np.float32)
    assert decode(encoded(values, "TIFF"), GREY)[0, :, 0].tolist() == [0, 64, 128, 255]
    for bad in (1.5, -0.1, np.nan):
        with pytest.raises(ImageError, match="expected 0 to 1"):
            decode(encoded(np.array([[0, bad]], np.float32), "TIFF"), GREY)


@pytest.mark.parametrize("background", [GREY, SAND])
def test_alpha_is_composited(background: tuple[int, int, int]) -> None:
    values = noise(16, 16, 4)
    values[0, :2, 3] = 0, 255
    pixels = decode(encoded(values), background)
    np.testing.assert_array_equal(pixels, over(values[..., :3], values[..., 3], background))
    assert pixels[0, 0].tolist() == [*background]
    np.testing.assert_array_equal(pixels[0, 1], values[0, 1, :3])


def test_grey_with_alpha_becomes_colour() -> None:
    grey, alpha = noise(5, 5), noise(5, 5, seed=1)
    picture = Image.merge("LA", [Image.fromarray(grey), Image.fromarray(alpha)])
    np.testing.assert_array_equal(decode(encoded(picture), SAND), over(np.dstack([grey] * 3), alpha, SAND))


def test_palette_opaque_and_transparent() -> None:
    indices = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    colours = np.array([[255, 0, 0], [0, 200, 0], [10, 20, 30]], np.uint8)
    picture = Image.fromarray(indices)
    picture.putpalette(colours.tobytes())
    np.testing.assert_array_equal(decode(encoded(picture), SAND), colours[indices])
    one_clear = decode(encoded(picture, transparency=1), SAND)
    np.testing.assert_array_equal(one_clear, np.array([colours[0], SAND, colours[2]])[indices])
    alphas = np.array([255, 100, 0], np.uint8)
    graded = decode(encoded(picture, transparency=alphas.tobytes()), SAND)
    np.testing.assert_array_equal(graded, over(colours[indices], alphas[indices], SAND))


def test_palette_with_alpha_channel() -> None:
    from convscope.images.pixels import picture_pixels

    picture = Image.new("PA", (2, 1))
    picture.putpalette([9, 8, 7] * 256)
    picture.putalpha(Image.fromarray(np.array([[255, 0]], np.uint8)))
    assert picture.mode == "PA"
    assert picture_pixels(picture, SAND).tolist() == [[[9, 8, 7], [*SAND]]]


def test_grey_and_colour_with_one_transparent_value() -> None:
    grey = np.array([[5, 6]], np.uint8)
    assert decode(encoded(grey, transparency=6), SAND).tolist() == [[[5, 5, 5], [*SAND]]]
    colour = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)
    assert decode(encoded(colour, transparency=(1, 2, 3)), SAND).tolist() == [[[*SAND], [4, 5, 6]]]


def test_bilevel_and_grey_have_one_channel() -> None:
    bits = noise(5, 9) > 127
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(bits)), GREY)[..., 0], bits * 255)
    grey = noise(5, 9)
    np.testing.assert_array_equal(decode(encoded(grey), GREY)[..., 0], grey)


def test_cmyk_by_formula() -> None:
    ink = noise(6, 5, 4).astype(int)
    picture = Image.frombytes("CMYK", (5, 6), ink.astype(np.uint8).tobytes())
    expected = (255 - ink[..., :3]) * (255 - ink[..., 3:]) / 255
    pixels = decode(encoded(picture, "TIFF"), GREY)
    np.testing.assert_allclose(pixels, expected, atol=1)


def test_adobe_cmyk_jpeg_is_not_inverted() -> None:
    ink = np.full((8, 8, 4), (0, 255, 255, 0), np.uint8)  # magenta and yellow make red
    whole = encoded(Image.frombytes("CMYK", (8, 8), ink.tobytes()), "JPEG", quality=100)
    assert b"Adobe" in whole
    np.testing.assert_allclose(decode(whole, GREY)[4, 4], (255, 0, 0), atol=4)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_first_frame_of_several(kind: str) -> None:
    frames = [Image.new("RGB", (6, 5), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    whole = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert (decode(whole, GREY) == (255, 0, 0)).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_truncated_anywhere_is_an_image_error(kind: str) -> None:
    whole = encoded(noise(40, 40, 3), kind)
    for length in (1, 3, 9, 20, 40, len(whole) // 2, len(whole) * 3 // 4):
        with pytest.raises(ImageError, match=r"truncated|not an image|damaged") as caught:
            decode(whole[:length], GREY)
        assert "0x" not in str(caught.value)


def test_flipped_bytes_decode_or_raise_image_error() -> None:
    random = np.random.default_rng(0)
    for kind in FORMATS:
        whole = np.frombuffer(encoded(noise(12, 12, 3), kind), np.uint8)
        for _ in range(20):
            broken = whole.copy()
            broken[random.integers(0, len(whole), 4)] = random.integers(0, 256, 4)
            with contextlib.suppress(ImageError):  # nothing else may come out
                assert decode(broken.tobytes(), GREY).ndim == 3


@pytest.mark.parametrize("content", [b"hello", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"\0" * 99])
def test_not_an_image(content: bytes) -> None:
    with pytest.raises(ImageError, match="not an image that can be read"):
        decode(content, GREY)


def test_formats_off_the_list_are_refused() -> None:
    with pytest.raises(ImageError, match="not an image that can be read"):
        decode(encoded(Image.new("RGB", (4, 4)), "ICO"), GREY)


def test_empty() -> None:
    with pytest.raises(ImageError, match="the file is empty"):
        decode(b"", GREY)


def claim_size(width: int, height: int) -> bytes:
    """A PNG that says it is this large and holds next to nothing."""
    whole = bytearray(encoded(np.zeros((1, 1), np.uint8)))
    whole[16:24] = struct.pack(">II", width, height)
    whole[29:33] = struct.pack(">I", zlib.crc32(whole[12:29]))
    return bytes(whole)


def test_decompression_bomb() -> None:
    for side in (20_000, 60_000):
        with pytest.raises(ImageError, match="decompression bomb"):
            decode(claim_size(side, side), GREY)


def test_no_warning_leaks_between_pillows_limits() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(ImageError, match="truncated"):
            decode(claim_size(10_000, 10_000), GREY)
    assert caught == []


def test_limit_does_not_depend_on_pillows_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    monkeypatch.setattr(decoding, "PIXEL_LIMIT", 11)
    with pytest.raises(ImageError, match="more than 11 pixels"):
        decode(encoded(noise(3, 4)), GREY)
