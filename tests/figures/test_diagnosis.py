"""The pictures of a diagnosis: looked at as pixels, by the colours that only they can have."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convscope.figures.diagnosis import first_layer_png, spectra_png
from convscope.figures.diagnosis_layers import aliasing_png, comparison_png, layers_png
from convscope.probes.diagnosis.diagnose import diagnose
from convscope.probes.diagnosis.result import Diagnosis
from tests.probes.diagnosis.make import LOUD, classifier, model, picture, planted

BLUE, ORANGE, RED = (59, 111, 182), (225, 129, 44), (192, 61, 62)
GREY = (128, 128, 128)


@lru_cache(maxsize=2)
def found(sick: bool) -> Diagnosis:
    return diagnose(model(planted() if sick else classifier()), [picture(seed) for seed in range(4)])


def pixels(png: bytes | None) -> NDArray[np.uint8]:
    assert png is not None
    with Image.open(io.BytesIO(png)) as opened:
        return np.asarray(opened.convert("RGB"))


def area(figure: NDArray[np.uint8], colour: tuple[int, int, int]) -> int:
    return int((figure == np.array(colour, np.uint8)).all(-1).sum())


def near_grey(figure: NDArray[np.uint8]) -> int:
    return int((np.abs(figure.astype(int) - 128) < 14).all(-1).sum())


def test_one_scaling_shows_that_a_filter_dominates() -> None:
    sheet = pixels(first_layer_png({"sick": found(True)}))
    # The upper half has one scaling, the lower one a scaling per filter: there only the empty filter is grey.
    upper, lower = np.array_split(sheet, 2)
    assert near_grey(upper) > 3 * near_grey(lower)
    healthy = pixels(first_layer_png({"healthy": found(False)}))
    upper, lower = np.array_split(healthy, 2)
    assert near_grey(upper) < 2 * near_grey(lower) + 1000
    assert int(found(True).filters[0].sizes.ratio.argmax()) == LOUD


def test_two_models_stand_side_by_side() -> None:
    one = pixels(first_layer_png({"a": found(True)}))
    two = pixels(first_layer_png({"a": found(True), "b": found(False)}))
    assert two.shape[0] == one.shape[0]
    assert two.shape[1] == 2 * one.shape[1]
    one, two = pixels(layers_png({"a": found(True)})), pixels(layers_png({"a": found(True), "b": found(False)}))
    assert abs(two.shape[1] - 2 * one.shape[1]) <= 2
    assert (two[:, : one.shape[1] // 2] == one[:, : one.shape[1] // 2]).all()


def test_bars_have_the_colours_of_their_severity() -> None:
    sick, healthy = (pixels(layers_png({"m": found(each)})) for each in (True, False))
    assert area(sick, RED) > 500
    assert area(healthy, RED) == 0
    for picture_ in (sick, healthy):
        assert area(picture_, BLUE) > 500
    assert area(pixels(aliasing_png({"m": found(True)})), BLUE) + area(pixels(aliasing_png({"m": found(True)})), ORANGE)


def test_spectra_have_a_row_per_model() -> None:
    one, two = (pixels(spectra_png(dict.fromkeys(names, found(True)))) for names in ("a", "ab"))
    assert two.shape[0] > 1.8 * one.shape[0]
    assert area(one, (0, 0, 0)) > 500


def test_what_is_not_there_is_not_drawn() -> None:
    empty = replace(found(True), first=None, strided=(), filters=(), activity=())
    for draw in (first_layer_png, spectra_png, aliasing_png, layers_png, comparison_png):
        assert draw({"m": empty}) is None
    assert layers_png({"m": found(True), "n": empty}) is not None
    assert aliasing_png({"m": empty, "n": found(True)}) is not None


def test_a_comparison_is_a_table_of_two() -> None:
    table = pixels(comparison_png({"a": found(False), "b": found(True)}))
    same = pixels(comparison_png({"a": found(True), "b": found(True)}))
    red = (np.abs(table.astype(int) - RED) < 25).all(-1).sum()
    assert red > (np.abs(same.astype(int) - RED) < 25).all(-1).sum()
