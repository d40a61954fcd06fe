"""The figure of sanity scores: its panels by their colours, its size by what it holds."""

from __future__ import annotations

import io

import matplotlib
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from convscope.figures.trust import HEAT, PLAIN, figure_png
from convscope.probes.trust.result import CascadeStep, LayerTrust, Likeness, Trust

NAN = float("nan")


def made(methods: tuple[str, ...], layers: int, rank: float = 0.9) -> Trust:
    def like(value: float) -> Likeness:
        return Likeness(value, value, value, 0.1, 12, 1)

    rows = tuple(
        LayerTrust(
            method,
            f"features.{layer}.with.a.long.$name$",
            (like(rank), like(-0.1), like(NAN), like(0.5)),
            tuple(CascadeStep(step, 3, "features.0", like(rank / step)) for step in (1, 2, 3)),
        )
        for method in methods
        for layer in range(layers)
    )
    return Trust(rows, ("a", "b"), ())


def pixels(png: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(png)) as opened:
        return np.asarray(opened.convert("RGB"))


def area(figure: NDArray[np.uint8], value: float, colours: str = HEAT) -> int:
    """Pixels in the heat table's colour of a rank correlation."""
    colour = np.rint(np.array(matplotlib.colormaps[colours]((value + 0.2) / 1.2)[:3]) * 255)
    return int((np.abs(figure.astype(int) - colour).max(-1) <= 1).sum())


def test_each_method_has_a_column_and_each_layer_a_row() -> None:
    one = pixels(figure_png(made(("deconvnet",), 2), "a title"))
    three = pixels(figure_png(made(("deconvnet", "guided_backprop", "gradient"), 2), "a title"))
    taller = pixels(figure_png(made(("deconvnet",), 8), "a title"))
    assert three.shape[1] > 2 * one.shape[1]
    assert taller.shape[0] > one.shape[0] + 250
    assert area(three, 0.9) == pytest.approx(3 * area(one, 0.9), rel=0.05)
    assert area(taller, -0.1) == pytest.approx(4 * area(one, -0.1), rel=0.05)
    assert area(one, 0.9) > 1000
    assert area(one, -0.1) > 1000
    assert area(one, 0.5, PLAIN) > 1000
    assert (one[:20] == 255).all()


def test_a_layer_that_one_method_could_not_be_tested_at() -> None:
    both = made(("deconvnet", "gradient"), 2)
    short = Trust(both.rows[:1] + both.rows[2:], both.images, ())
    assert area(pixels(figure_png(short)), 0.9) == pytest.approx(0.75 * area(pixels(figure_png(both)), 0.9), rel=0.05)


def test_nothing_but_unknown_numbers_is_a_figure_too() -> None:
    nothing = made(("gradient",), 1, rank=NAN)
    assert pixels(figure_png(nothing)).std() > 5
