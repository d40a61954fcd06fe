"""The pictures of a transfer: looked at as pixels, by the colours that only they can have."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from convscope.display import Picture
from convscope.figures.transfer import curve_png, layers_png
from convscope.figures.transfer_classes import NAMED, WRITTEN, confused_png, confusion_png
from convscope.probes.transfer.confused import Pair, most_confused
from convscope.probes.transfer.draws import Fold
from convscope.probes.transfer.protocol import Protocol, Published
from convscope.probes.transfer.result import SCRATCH, Cell, Transfer

BLUE, ORANGE, PURPLE, GREY = (59, 111, 182), (225, 129, 44), (130, 90, 160), (170, 170, 170)
COUNTS = (2, 8, 32)


def cell(layer: str, classifier: str, fold: int, count: int, value: float, classes: int, each: int) -> Cell:
    """With ``value`` of the test images right, the others taken for the next class."""
    truth = np.repeat(np.arange(classes), each)
    right = np.arange(len(truth)) % each < round(value * each)
    return Cell(
        layer=layer,
        columns=100,
        classifier=classifier,
        fold=fold,
        per_class=count,
        value=value,
        strength=1.0,
        validated=True,
        by_class=np.full(classes, value),
        predicted=np.where(right, truth, (truth + 1) % classes).astype(np.int16),
        margin=np.linspace(0, 1, len(truth), dtype=np.float32),
    )


def result(
    layers: dict[str, float],
    counts: tuple[int, ...] = COUNTS,
    folds: int = 3,
    classes: int = 4,
    published: tuple[Published, ...] = (),
) -> Transfer:
    """Values rise with the number of images; folds differ by two points."""
    each = 10
    training, test = np.arange(classes), np.arange(classes, classes * (each + 1))
    cells = [
        cell(layer, name, fold, count, value * (0.5 + 0.5 * (n + 1) / len(counts)) + 0.02 * fold - 0.02, classes, each)
        for layer, value in layers.items()
        for name in (("softmax", "svm") if layer != SCRATCH else ("recipe",))
        for n, count in enumerate(counts)
        for fold in range(folds)
    ]
    return Transfer(
        model="m",
        data="some $data_set",
        protocol=Protocol("p", published=published),
        form="flat",
        classes=tuple(f"class ${number}^" for number in range(classes)),
        names=tuple(map(str, range(classes * (each + 1)))),
        marks=np.eye(classes, dtype=np.int8)[[*range(classes), *np.repeat(np.arange(classes), each)]],
        folds=tuple(Fold(fold, count, training, test) for fold in range(folds) for count in counts),
        cells=tuple(cells),
        skipped=(),
    )


FOUND = result({"input": 0.3, "2": 0.5, "4": 0.8, "7": 0.6, SCRATCH: 0.2})


def pixels(png: bytes | None) -> NDArray[np.uint8]:
    assert png is not None
    with Image.open(io.BytesIO(png)) as opened:
        return np.asarray(opened.convert("RGB"))


def about(figure: NDArray[np.uint8], colour: tuple[int, int, int]) -> int:
    return int((np.abs(figure.astype(int) - colour) <= 16).all(-1).sum())


def rows_of(figure: NDArray[np.uint8], colour: tuple[int, int, int]) -> float:
    """The mean height of what has this colour, in pixels from the top."""
    return float(np.nonzero((np.abs(figure.astype(int) - colour) <= 16).all(-1))[0].mean())


def test_the_best_layer_lies_above_a_network_from_scratch() -> None:
    figure = pixels(curve_png(FOUND))
    assert about(figure, BLUE) > 500
    assert about(figure, ORANGE) > 500
    assert rows_of(figure, BLUE) < rows_of(figure, ORANGE)
    without = pixels(curve_png(replace(FOUND, cells=tuple(c for c in FOUND.cells if c.layer != SCRATCH))))
    assert about(without, ORANGE) == 0


def test_a_single_number_of_images_is_no_curve() -> None:
    assert curve_png(result({"2": 0.5}, counts=(5,))) is None
    assert curve_png(result({"2": 0.5}, counts=(0,))) is None
    assert curve_png(result({"2": 0.5}, counts=(1, 2), folds=1)) is not None


def test_numbers_of_others_are_shown_where_they_were_measured() -> None:
    others = (
        Published("Some $\\frac$ body", 90.0, per_class=8),
        Published("Some $\\frac$ body", 95.0, per_class=32),
        Published("_hidden", 85.0, per_class=8),
    )
    plain = pixels(curve_png(FOUND))
    marked = pixels(curve_png(replace(FOUND, protocol=Protocol("p", published=others))))
    assert about(marked, (0, 0, 0)) > about(plain, (0, 0, 0))
    # Neither layers of others nor other numbers of images are on this axis.
    elsewhere = (Published("a", 50.0, per_class=9), Published("a", 50.0, per_class=8, layer=3))
    np.testing.assert_array_equal(pixels(curve_png(replace(FOUND, protocol=Protocol("p", published=elsewhere)))), plain)


def test_layers_have_a_row_each_in_the_order_of_the_network() -> None:
    few, many = (pixels(layers_png(result(dict.fromkeys(map(str, range(count)), 0.5)))) for count in (3, 12))
    assert many.shape[0] > few.shape[0] + 300
    figure = pixels(layers_png(FOUND))
    for colour in (BLUE, ORANGE):
        assert about(figure, colour) > 200
    single = pixels(layers_png(replace(FOUND, cells=tuple(c for c in FOUND.cells if c.classifier == "softmax"))))
    assert about(single, BLUE) > 200
    assert about(single, ORANGE) == 0


@pytest.mark.parametrize("counts", [(0,), (7,)])
def test_layers_of_a_single_number_and_fold(counts: tuple[int, ...]) -> None:
    assert pixels(layers_png(result({"input": 0.2, "2": 0.6}, counts=counts, folds=1))).std() > 5


def test_confusion_is_brightest_on_its_diagonal() -> None:
    figure = pixels(confusion_png(result({"2": 1.0}, folds=1)))
    brightest = about(figure, (253, 231, 37))
    assert brightest > 1000
    mistaken = pixels(confusion_png(result({"2": 0.2}, folds=1)))
    assert about(mistaken, (253, 231, 37)) < brightest


@pytest.mark.parametrize("classes", [2, WRITTEN + 1, NAMED + 1])
def test_confusion_of_few_and_of_many_classes(classes: int) -> None:
    assert pixels(confusion_png(result({"2": 0.7}, folds=1, classes=classes))).std() > 5


RED: Picture = np.full((20, 30, 3), (250, 10, 10), np.uint8)
GREEN: Picture = np.full((20, 30, 3), (10, 250, 10), np.uint8)


def test_mistaken_images_stand_left_of_those_of_the_other_class() -> None:
    pairs = (Pair("cat $", "dog^{", 5, 20, (0, 1, 2), (3, 4)), Pair("owl", "dog", 1, 20, (1,), ()))
    pictures = {index: RED if index < 3 else GREEN for index in range(5)}
    figure = pixels(confused_png(pairs, pictures))
    red, green = ((figure == colour).all(-1) for colour in ((250, 10, 10), (10, 250, 10)))
    assert red.any()
    assert green.any()
    assert np.nonzero(red)[1].max() < np.nonzero(green)[1].min()
    upper, lower = np.array_split(red, 2)
    assert upper.sum() > 2 * lower.sum() > 0
    assert confused_png((), {}) is None


def test_pictures_of_what_is_confused_most() -> None:
    pairs = most_confused(FOUND)
    assert len(pairs) == 4
    shown = {index for pair in pairs for index in (*pair.mistaken, *pair.other)}
    assert pixels(confused_png(pairs, dict.fromkeys(shown, GREEN))).shape[0] > 300
