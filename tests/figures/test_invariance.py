"""Figure 5 and the picture of all layers: looked at as pixels, by the colours that only they can have."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from convscope.figures.invariance import Examples, figure_png
from convscope.figures.invariance_layers import layers_png
from convscope.probes.invariance.invariance import invariance
from convscope.probes.invariance.result import Invariance
from tests.probes.invariance.make import classifier, model, smooth

FIRST, SECOND = (59, 111, 182), (225, 129, 44)
BAND = (228, 228, 228)
DARKEST = (68, 1, 84)
PICTURES = [smooth(seed) for seed in range(7)]


@pytest.fixture(scope="module")
def found() -> Invariance:
    return invariance(model(), PICTURES, "rotate")


def examples(found: Invariance, count: int = 5, channels: int = 3) -> Examples:
    values = tuple(found.values[:: len(found.values) // 4].tolist())[:5]
    pictures = tuple(np.full((len(values), 24, 24, channels), 30 * number, np.uint8) for number in range(count))
    return Examples(values, tuple(range(count)), pictures)


def pixels(png: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(png)) as opened:
        return np.asarray(opened.convert("RGB"))


def area(figure: NDArray[np.uint8], colour: tuple[int, int, int]) -> int:
    return int((figure == np.array(colour, np.uint8)).all(-1).sum())


def about(figure: NDArray[np.uint8], colour: tuple[int, int, int]) -> int:
    """Pixels of nearly this colour: thin lines have hardly one of exactly theirs."""
    return int((np.abs(figure.astype(int) - colour) <= 12).all(-1).sum())


def panels(figure: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """The figure's four columns, without the heading."""
    return np.array_split(figure[100:], 4, axis=1)


def test_four_panels_each_with_what_belongs_there(found: Invariance) -> None:
    figure = pixels(figure_png({"rotate": {"a model": found}}, [examples(found)]))
    pictures, first, last, probability = panels(figure)
    assert [area(pictures, (30 * number,) * 3) > 1000 for number in range(1, 5)] == [True] * 4
    for panel in (pictures, first, last):
        assert about(panel, FIRST) > 20  # a frame, and the line of that image
        assert about(panel, SECOND) > 20
    for panel in (first, last, probability):
        assert area(panel, (0, 0, 0)) > 100  # the mean
        assert area(panel, BAND) > 1000 or panel is probability
    assert (figure[:20] == 255).all()


def test_few_images_have_no_band(found: Invariance) -> None:
    few = invariance(model(), PICTURES[:2], "rotate")
    assert area(pixels(figure_png({"rotate": {"m": few}}, [examples(few, 2)])), BAND) < 500  # the rims of letters


def test_every_transform_has_its_row(found: Invariance) -> None:
    shifted = invariance(model(), PICTURES, "translate-y")
    one = pixels(figure_png({"rotate": {"m": found}}, [examples(found)]))
    both = {"rotate": {"m": found}, "translate-y": {"m": shifted}}
    two = pixels(figure_png(both, [examples(found), examples(shifted)]))
    assert two.shape[0] > 1.6 * one.shape[0]
    assert two.shape[1] == one.shape[1]


def test_several_models_are_compared_by_their_means(found: Invariance) -> None:
    other = invariance(model(classifier(1)), PICTURES, "rotate")
    figure = pixels(figure_png({"rotate": {"one": found, "another": other}}, [examples(found)]))
    _, first, last, probability = panels(figure)
    for panel in (first, last, probability):
        assert area(panel, FIRST) > 50
        assert area(panel, SECOND) > 50
        assert area(panel, BAND) < 200


def test_what_is_missing_leaves_room(found: Invariance) -> None:
    bare = replace(found, answer=None)
    figure = pixels(figure_png({"rotate": {"m": bare}}, [examples(found)]))
    assert area(panels(figure)[3][:, 100:], (0, 0, 0)) == 0
    single = invariance(model(), PICTURES[:1], "scale", [1.5])
    assert pixels(figure_png({"scale": {"m": single}}, [examples_of_one(single)])).std() > 5
    grey = examples(found, 2, channels=4)
    assert pixels(figure_png({"rotate": {"m": found}}, [grey])).std() > 5


def examples_of_one(found: Invariance) -> Examples:
    return Examples((1.5,), (0,), (np.zeros((1, 24, 24, 1), np.uint8),))


@pytest.mark.parametrize("name", ["$x^$", "犬", "a" * 300, "\\frac"])
def test_any_name_can_be_drawn(found: Invariance, name: str) -> None:
    assert found.answer is not None
    layers = tuple(replace(layer, address=name) for layer in found.layers)
    named = replace(found, layers=layers, answer=replace(found.answer, watched=name))
    assert pixels(figure_png({"rotate": {name: named, "b": named}}, [examples(named)])).std() > 5
    assert pixels(layers_png({"rotate": {name: named}})).std() > 5


def test_all_layers_with_scores_and_units(found: Invariance) -> None:
    figure = pixels(layers_png({"rotate": {"m": found}}))
    assert area(figure, DARKEST) > 100  # the identity
    assert area(figure, FIRST) > 40  # scores
    assert area(figure, SECOND) > 10  # maps moved along
    two = pixels(layers_png({"rotate": {"m": found, "n": found}, "again": {"m": found, "n": found}}))
    assert two.shape[0] > 1.5 * figure.shape[0]
    assert two.shape[1] > 1.5 * figure.shape[1]


def test_many_layers_and_a_single_image_can_be_drawn(found: Invariance) -> None:
    times = 40
    many = replace(
        found,
        layers=found.layers * times,
        units=found.units * times,
        distance=np.tile(found.distance, (1, times, 1)),
        normalised=np.tile(found.normalised, (1, times, 1)),
        unrelated=None,
    )
    assert pixels(layers_png({"rotate": {"m": many}})).shape[0] > 3000
    alone = invariance(model(), PICTURES[:1], "scale", [1.0])
    assert pixels(layers_png({"scale": {"m": alone}})).std() > 5
