"""Transformed pictures: exact where nothing is interpolated, by brute force elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from convscope.errors import SettingError
from convscope.models import Preprocessing
from convscope.probes.invariance.pictures import canvas_of, check_border, magnified, margin_for, transformed
from convscope.probes.invariance.transform import TRANSFORMS
from tests.probes.invariance.make import Picture, noise, smooth

BOTH = ("bilinear", "bicubic")


def feeding(height: int, width: int, channels: int = 3, resize: int | tuple[int, int] | None = None) -> Preprocessing:
    return Preprocessing(height, width, resize, "bicubic", (0.0,) * channels, (1.0,) * channels, True)


def shown(
    picture: Picture, name: str, value: float, border: str = "reflect", interpolation: str = "bicubic"
) -> Picture:
    height, width, channels = picture.shape
    inverse = TRANSFORMS[name].inverse(value)
    margin = margin_for([inverse], (height, width))
    canvas = canvas_of(picture, border, margin, feeding(height, width, channels))
    return transformed(canvas, margin, inverse, interpolation)


@pytest.mark.parametrize("interpolation", BOTH)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_identities_are_exact_copies(channels: int, interpolation: str) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (13, 18, channels), np.uint8)
    for name, transform in TRANSFORMS.items():
        np.testing.assert_array_equal(shown(picture, name, transform.identity, "reflect", interpolation), picture)


@settings(deadline=None, max_examples=40)
@given(st.integers(-15, 15), st.integers(-15, 15), st.sampled_from(BOTH))
def test_whole_pixel_shifts_are_exact(down: int, right: int, interpolation: str) -> None:
    picture = noise(1, 16)
    moved = shown(picture, "translate-y", down, "wrap", interpolation)
    np.testing.assert_array_equal(moved, np.roll(picture, down, 0))
    moved = shown(picture, "translate-x", right, "wrap", interpolation)
    np.testing.assert_array_equal(moved, np.roll(picture, right, 1))


@pytest.mark.parametrize("interpolation", BOTH)
@pytest.mark.parametrize("quarters", [1, 2, 3, -1])
def test_quarter_turns_of_a_square_are_exact(quarters: int, interpolation: str) -> None:
    for size in (16, 17):
        turned = shown(noise(2, size), "rotate", 90 * quarters, "grey", interpolation)
        np.testing.assert_array_equal(turned, np.rot90(noise(2, size), quarters))


def test_mirrored_and_plain_borders() -> None:
    picture = noise(3, 8)
    mirrored = shown(picture, "translate-y", 3)
    np.testing.assert_array_equal(mirrored[3:], picture[:5])
    np.testing.assert_array_equal(mirrored[:3], picture[[3, 2, 1]])
    for border, colour in (("grey", (128,) * 3), ("#102030", (16, 32, 48)), ("7", (7,) * 3)):
        np.testing.assert_array_equal(shown(picture, "translate-x", -2, border)[:, -2:], np.full((8, 2, 3), colour))
        np.testing.assert_array_equal(shown(picture, "translate-x", -2, border)[:, :-2], picture[:, 2:])


@pytest.mark.parametrize("interpolation", BOTH)
@pytest.mark.parametrize(
    ("name", "value"),
    [("translate-y", 2.5), ("translate-x", -3.25), ("scale", 1.37), ("rotate", 33.0), ("rotate", -71.5)],
)
def test_between_pixels_it_is_the_interpolated_function(name: str, value: float, interpolation: str) -> None:
    """Where nothing shrinks: the weights of the interpolation, point by point, in float64."""
    picture = smooth(4, 20) // 2 + 60  # nothing that overshoots is cut off
    inverse = TRANSFORMS[name].inverse(value)
    margin = margin_for([inverse], (20, 20))
    canvas = np.pad(picture, ((margin, margin), (margin, margin), (0, 0)), mode="reflect").astype(np.float64)
    made = transformed(canvas.astype(np.uint8), margin, inverse, interpolation).astype(np.float64)
    worst = 0.0
    for row in range(20):
        for column in range(20):
            at = inverse.source(np.array([row + 0.5, column + 0.5]), (10.0, 10.0)) + margin - 0.5
            weights = kernels(interpolation, turned=inverse.turns)
            worst = max(worst, float(np.abs(interpolated(canvas, at, weights) - made[row, column]).max()))
    assert worst <= 1.6  # whole grey values, rounded after each axis


def interpolated(canvas: np.ndarray, at: np.ndarray, kernel: Callable[[float], float]) -> np.ndarray:
    first = np.floor(at).astype(int) - 1
    total = np.zeros(canvas.shape[2])
    for row in range(first[0], first[0] + 4):
        for column in range(first[1], first[1] + 4):
            total += kernel(abs(at[0] - row)) * kernel(abs(at[1] - column)) * canvas[row, column]
    return np.clip(total, 0, 255)


def kernels(interpolation: str, *, turned: bool) -> Callable[[float], float]:
    """Of Keys' family of cubics Pillow takes a = -1/2 where it resizes and a = -1 where it turns."""
    if interpolation == "bilinear":
        return lambda x: max(0.0, 1 - x)
    a = -1.0 if turned else -0.5

    def cubic(x: float) -> float:
        if x < 1:
            return ((a + 2) * x - (a + 3)) * x * x + 1
        return (((x - 5) * x + 8) * x - 4) * a if x < 2 else 0.0

    return cubic


def test_shrinking_is_antialiased() -> None:
    """Stripes of one pixel, seen at a quarter of the size, are grey and not a coarser pattern."""
    stripes = np.zeros((64, 64, 1), np.uint8)
    stripes[::2] = 255
    made = shown(stripes, "scale", 0.25, "wrap")
    assert np.abs(made.astype(float) - 127.5).max() < 6


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(sorted(TRANSFORMS)),
    st.floats(0, 1),
    st.tuples(st.integers(1, 30), st.integers(1, 30)),
    st.sampled_from(["reflect", "wrap", "grey", "crop"]),
)
def test_any_transform_of_any_size_has_all_its_pixels(
    name: str, part: float, size: tuple[int, int], border: str
) -> None:
    """A black corner would mean that something outside the canvas was read: the picture has no black."""
    low, high = TRANSFORMS[name].limits(size)
    value = low + part * (high - low) if name != "scale" else 0.3 + part * 4
    inverse = TRANSFORMS[name].inverse(value)
    margin = margin_for([inverse], size)
    picture = np.full((*size, 3), 200, np.uint8)
    made = transformed(canvas_of(picture, border, margin, feeding(*size)), margin, inverse)
    assert made.shape == (*size, 3)
    assert int(made.min()) > 100  # a cubic may overshoot a little


@pytest.mark.parametrize("resize", [None, 48, (40, 64)])
def test_crop_shows_what_lies_around(resize: int | tuple[int, int] | None) -> None:
    """The canvas is the picture's own view at a larger size, so its middle is a magnified view."""
    picture = smooth(5, 120)
    fed = feeding(32, 48, 3, resize)
    margin = 12
    canvas = canvas_of(picture, "crop", margin, fed)
    assert canvas.shape == (56, 72, 3)
    larger = magnified(fed, margin)
    np.testing.assert_array_equal(canvas, larger.view(picture))
    if resize is None:  # nothing is cropped: the canvas is the whole picture, the view was too
        whole = Image.fromarray(fed.view(picture)).resize((72, 56), Image.Resampling.BICUBIC)
        assert np.abs(canvas.astype(float) - np.asarray(whole)).mean() < 3
    else:
        assert larger.resize == (84 if resize == 48 else (70, 112))  # 56 / 32 times as large


def test_a_borders_canvas_holds_the_view_itself() -> None:
    picture, fed = smooth(6, 90), feeding(32, 32, 3, 40)
    for border in ("reflect", "wrap", "grey", "mean", "zero"):
        canvas = canvas_of(picture, border, 9, fed)
        np.testing.assert_array_equal(canvas[9:-9, 9:-9], fed.view(picture))
    mean = canvas_of(picture, "mean", 9, fed)[0, 0]
    np.testing.assert_allclose(mean, fed.view(picture).mean((0, 1)), atol=0.5)


@pytest.mark.parametrize("border", ["mirror", "blur", "noise:3", "", "300"])
def test_an_unknown_border_is_refused(border: str) -> None:
    with pytest.raises(SettingError, match="choose one of reflect, wrap, crop, grey"):
        check_border(border, feeding(8, 8))
