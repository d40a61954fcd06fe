"""Figures of an ablation: drawn without a warning for whatever a plan may hold, with marks where numbers are."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from convscope.figures.ablation import BETTER, WORSE, errors_png, gap_png
from convscope.figures.ablation_measures import curves_png, measures_png
from convscope.figures.ink import LINE_COLOURS
from convscope.train.ablation.result import Ablation
from tests.train.ablation.make import result_of

LONG = "a variant with a very long name, $x_1$ and more than fits"
ANGLES = {str(angle): 1 - abs(angle) / 360 for angle in range(-180, 181, 45)}
LAYERS = {f"relu{number}": 0.2 * number for number in range(1, 7)}
TITLES = {"turn-kept": ("consistency by angle", "degrees"), "turn-layers": ("change by layer", "layer")}


def found(**more: Sequence[float | None]) -> Ablation:
    errors: dict[str, Sequence[float | None]] = {"base": [0.20, 0.21, 0.22], LONG: [0.10, 0.10, 0.13], **more}
    return result_of(errors, ["shift", "turn"], {"turn-kept": ANGLES, "turn-layers": LAYERS})


def pixels(png: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(png)) as opened:
        return np.asarray(opened.convert("RGB"))


def count(picture: NDArray[np.uint8], colour: str) -> int:
    wanted = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    return int((np.abs(picture.astype(int) - wanted).max(-1) < 4).sum())


def test_better_and_worse_have_their_colours() -> None:
    better, worse = pixels(errors_png(found())), pixels(errors_png(found(worse=[0.4, 0.41, 0.43])))
    assert count(better, BETTER) > 100
    assert count(better, WORSE) == 0
    assert count(worse, WORSE) > 100


def test_an_interval_that_holds_zero_has_no_colour() -> None:
    picture = pixels(errors_png(result_of({"base": [0.2, 0.3, 0.1], "b": [0.3, 0.2, 0.1]})))
    assert count(picture, BETTER) == count(picture, WORSE) == 0


def test_every_variant_has_a_line() -> None:
    two, four = (
        pixels(errors_png(found(b=[0.1] * 3, c=[0.1] * 3))),
        pixels(errors_png(found(**dict.fromkeys("bcdefg", [0.1] * 3)))),
    )
    assert four.shape[0] > two.shape[0]
    assert four.shape[1] == two.shape[1]


@pytest.mark.parametrize("more", [{"none": [None] * 3}, {"one": [0.3, None, None]}, {"same": [0.2, 0.21, 0.22]}])
def test_what_is_missing_is_no_trouble(more: dict[str, list[float | None]]) -> None:
    result = found(**more)
    for png in (
        errors_png(result),
        gap_png(result),
        measures_png(result, {"shift": "shift consistency"}),
        curves_png(result, TITLES),
    ):
        assert pixels(png).std() > 0


def test_a_single_seed_is_drawn_without_intervals() -> None:
    result = result_of({"base": [0.2], "b": [0.1]}, ["shift"], {"turn-kept": ANGLES})
    for png in (
        errors_png(result),
        gap_png(result),
        measures_png(result, {"shift": "s"}),
        curves_png(result, {"turn-kept": TITLES["turn-kept"]}),
    ):
        assert pixels(png).std() > 0


def test_the_gap_joins_training_and_validation() -> None:
    picture = pixels(gap_png(found()))
    assert count(picture, BETTER) > 100


def test_four_panels_take_two_rows() -> None:
    titles = {name: name for name in ("shift", "turn")}
    two = pixels(measures_png(found(), titles))
    result = result_of({"base": [0.2, 0.3], "b": [0.1, 0.2]}, list("abcd"))
    four = pixels(measures_png(result, {name: name for name in "abcd"}))
    assert four.shape[0] > 1.5 * two.shape[0]


def test_more_variants_than_colours_get_dashes() -> None:
    result = found(**{f"v{number}": [0.1 + number / 100] * 3 for number in range(8)})
    picture = pixels(curves_png(result, TITLES))
    assert all(count(picture, colour) > 20 for colour in LINE_COLOURS)
