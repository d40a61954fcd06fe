from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from PIL import Image

from convscope.atlas.projection import Projection
from convscope.atlas.schema import ProjectionRow
from convscope.atlas.stored import EXACT, HEAD, LOSSLESS_BELOW, LOSSY, PIXEL, RAW
from convscope.errors import AtlasError, AtlasFormatError, NumberError
from tests.atlas.make import smooth


def projection(pixels: NDArray[np.float32], top: int = 0, left: int = 0) -> Projection:
    return Projection("conv", 3, 1, 7, "deconvnet", top, left, pixels)


finite = arrays(
    np.float32,
    array_shapes(min_dims=3, max_dims=3, max_side=4),
    elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
)
WAYS = pytest.mark.parametrize("raw", [False, True])


@WAYS
@given(pixels=finite)
def test_packing_keeps_every_pixel_of_a_small_box(raw: bool, pixels: NDArray[np.float32]) -> None:
    packed = projection(pixels).pack(raw=raw)
    found = Projection.unpack(packed).pixels
    assert (packed.format, found.shape) == (RAW if raw else EXACT, pixels.shape)
    assert found.dtype == np.float32
    true, peak = pixels.astype(np.float64), np.abs(pixels.astype(np.float64)).max()
    assert packed.peak == peak
    # Half a level of the root, squared, is the error of a picture.
    root, step = np.sqrt(np.abs(true) / max(peak, 1e-300)), 0.5 / 127
    bound = peak * (2**-10 if raw else 2 * root * step + step**2 + 1e-6)
    # Below 2**-149 * 2**10 single precision itself is coarser than the bound.
    assert (np.abs(found - true) <= np.maximum(bound, 2**-149)).all()
    assert not found[pixels == 0].any()


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(LOSSLESS_BELOW, 30), (224, 150)])
def test_a_large_picture_looks_the_same(size: tuple[int, int], channels: int) -> None:
    pixels = smooth(np.random.default_rng(0), *size, channels)
    packed = projection(pixels).pack()
    assert packed.format == LOSSY
    error = np.abs(Projection.unpack(packed).pixels - pixels) / packed.peak
    assert error.mean() < 0.03
    assert error.max() < 0.3
    assert len(packed.values) < pixels.size
    assert packed == projection(pixels).pack()


@pytest.mark.parametrize("side", [LOSSLESS_BELOW, 224])
def test_the_densest_picture_takes_no_more_than_its_room(side: int) -> None:
    noise = np.random.default_rng(0).normal(size=(side, side, 3)).astype(np.float32)
    calm, dense = (projection(pixels).pack() for pixels in (noise * (noise > 3.5), noise))
    assert max(len(calm.values), len(dense.values)) <= HEAD + PIXEL * side**2
    assert np.abs(Projection.unpack(dense).pixels).max() > 0


def test_mid_grey_is_zero_and_the_peak_full_contrast() -> None:
    pixels = np.array([[[-4, 0, 4], [1, -0.01, 1e-6]]], np.float32)
    row = projection(pixels).pack()
    levels = np.asarray(Image.open(io.BytesIO(row.values)))
    assert levels.tolist() == [[[1, 128, 255], [192, 122, 128]]]  # 128 + 127 * sign * sqrt(|value| / 4)


def test_loss_stays_near_what_is_shown() -> None:
    pixels = np.zeros((64, 64, 3), np.float32)
    pixels[:16, :16] = [1, -1, 0.5]
    found = Projection.unpack(projection(pixels).pack()).pixels
    assert np.abs(found - pixels).max() < 0.1
    assert not found[24:, 24:].any()


def test_other_channels_are_grey_planes_side_by_side() -> None:
    pixels = np.arange(-6, 6, dtype=np.float32).reshape(2, 3, 2)
    row = projection(pixels).pack()
    levels = np.asarray(Image.open(io.BytesIO(row.values)).convert("L"))
    assert levels.shape == (2, 6)
    second = pixels[..., 1]
    np.testing.assert_array_equal(levels[:, 3:], 128 + np.rint(127 * np.sign(second) * np.sqrt(np.abs(second) / 6)))


@pytest.mark.parametrize("kind", [EXACT, LOSSY])
def test_a_pillow_that_cannot_write_the_pictures_is_named(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.features.check", lambda name: name != kind)
    side = 2 if kind == EXACT else LOSSLESS_BELOW
    with pytest.raises(AtlasError, match=rf"{kind.upper()} pictures, which .* Pillow cannot write.*--raw"):
        projection(np.ones((side, side, 3), np.float32)).pack()


@WAYS
def test_all_but_the_pixels_survives_unchanged(raw: bool) -> None:
    before = projection(np.ones((2, 3, 1), np.float32), top=4, left=5)
    after = Projection.unpack(before.pack(raw=raw))
    assert vars(after) | {"pixels": None} == vars(before) | {"pixels": None}
    assert (after.pixels == before.pixels).all()


@WAYS
@pytest.mark.parametrize("side", [2, 2 * LOSSLESS_BELOW])
def test_zero_stays_zero(raw: bool, side: int) -> None:
    packed = projection(np.zeros((side, side, 3), np.float32)).pack(raw=raw)
    assert packed.peak == 0
    assert not Projection.unpack(packed).pixels.any()


@WAYS
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_pixels_are_refused(value: float, raw: bool) -> None:
    with pytest.raises(NumberError, match=r"conv:3, rank 1"):
        projection(np.full((1, 1, 1), value, np.float32)).pack(raw=raw)


def test_layout_is_little_endian_row_major() -> None:
    pixels = np.arange(6, dtype=np.float32).reshape(1, 2, 3) / np.float32(8)
    values = projection(pixels).pack(raw=True).values
    assert np.frombuffer(values, "<f2").tolist() == [i / 5 if i in (0, 5) else np.float16(i / 5) for i in range(6)]


def png(side: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (side, side)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("form", "change", "message"),
    [
        (RAW, {"height": 3}, "do not hold 3 x 2 x 1 float16 numbers"),
        (RAW, {"height": -2, "width": -2}, "is no projection"),
        (RAW, {"height": 2**31 - 1, "width": 2**31 - 1, "channels": 2**31 - 1}, "do not hold"),
        (RAW, {"values": np.full(4, np.nan, "<f2").tobytes()}, "not finite"),
        (RAW, {"peak": float("inf")}, "is no projection"),
        (RAW, {"format": "pickle"}, "column format: 'pickle' is none of float16, webp, avif"),
        (RAW, {"format": EXACT}, "is no webp picture"),
        (EXACT, {"height": 3}, r"is \(2, 2\), but the row says \(2, 3\)"),
        (EXACT, {"channels": 2}, r"is \(2, 2\), but the row says \(4, 2\)"),
        (EXACT, {"values": b""}, "is no webp picture"),
        (EXACT, {"values": png(2)}, "is no webp picture"),
        (EXACT, {"format": RAW}, "do not hold"),
    ],
)
def test_damaged_rows_are_refused(form: str, change: dict[str, object], message: str) -> None:
    row = replace(projection(np.ones((2, 2, 1), np.float32)).pack(raw=form == RAW), **change)  # type: ignore[arg-type]
    with pytest.raises(AtlasFormatError, match=rf"projections, conv:3, rank 1.*{message}"):
        Projection.unpack(row)


def test_a_cut_picture_is_refused() -> None:
    row = projection(np.random.default_rng(0).normal(size=(90, 90, 3)).astype(np.float32)).pack()
    for kept in (20, len(row.values) // 2):
        cut: ProjectionRow = replace(row, values=row.values[:kept])
        with pytest.raises(AtlasFormatError, match="is no avif picture"):
            Projection.unpack(cut)


def test_on_canvas() -> None:
    pixels = np.random.default_rng(0).normal(size=(2, 3, 3)).astype(np.float32)
    canvas = projection(pixels, top=1, left=4).on_canvas(5, 7)
    assert canvas.shape == (5, 7, 3)
    assert (canvas[1:3, 4:7] == pixels).all()
    assert np.count_nonzero(canvas) == pixels.size


@pytest.mark.parametrize(("top", "left"), [(4, 0), (0, 5), (-1, 0)])
def test_canvas_has_to_hold_the_box(top: int, left: int) -> None:
    with pytest.raises(ValueError, match=f"row {top}, column {left}"):
        projection(np.ones((2, 3, 1), np.float32), top, left).on_canvas(5, 7)
