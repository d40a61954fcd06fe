from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from convscope.atlas.projection import Projection
from convscope.errors import AtlasFormatError, NumberError


def projection(pixels: NDArray[np.float32], top: int = 0, left: int = 0) -> Projection:
    return Projection("conv", 3, 1, 7, "deconvnet", top, left, pixels)


finite = arrays(
    np.float32,
    array_shapes(min_dims=3, max_dims=3, max_side=4),
    elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
)


@given(finite)
def test_packing_keeps_every_pixel_to_a_thousandth_of_the_peak(pixels: NDArray[np.float32]) -> None:
    packed = projection(pixels).pack()
    found = Projection.unpack(packed).pixels
    assert found.dtype == np.float32
    peak = np.abs(pixels.astype(np.float64)).max()
    assert packed.peak == peak
    # Below 2**-149 * 2**10 single precision itself is coarser than the bound.
    bound = max(peak * 2**-10, 2**-149)
    assert np.abs(found.astype(np.float64) - pixels).max() <= bound


def test_all_but_the_pixels_survives_unchanged() -> None:
    before = projection(np.ones((2, 3, 1), np.float32), top=4, left=5)
    after = Projection.unpack(before.pack())
    assert replace(after, pixels=before.pixels) == before
    assert (after.pixels == before.pixels).all()


def test_zero_stays_zero() -> None:
    packed = projection(np.zeros((2, 2, 3), np.float32)).pack()
    assert packed.peak == 0
    assert not Projection.unpack(packed).pixels.any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_pixels_are_refused(value: float) -> None:
    with pytest.raises(NumberError, match=r"conv:3, rank 1"):
        projection(np.full((1, 1, 1), value, np.float32)).pack()


def test_layout_is_little_endian_row_major() -> None:
    pixels = np.arange(6, dtype=np.float32).reshape(1, 2, 3) / np.float32(8)
    values = projection(pixels).pack().values
    assert np.frombuffer(values, "<f2").tolist() == [i / 5 if i in (0, 5) else np.float16(i / 5) for i in range(6)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"height": 3}, "do not hold"),
        ({"height": -2, "width": -2}, "do not hold"),
        ({"values": np.full(4, np.nan, "<f2").tobytes()}, "not finite"),
        ({"peak": float("inf")}, "not finite"),
    ],
)
def test_damaged_rows_are_refused(change: dict[str, object], message: str) -> None:
    row = replace(projection(np.ones((2, 2, 1), np.float32)).pack(), **change)  # type: ignore[arg-type]
    with pytest.raises(AtlasFormatError, match=message):
        Projection.unpack(row)


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
