"""The pairs that are confused most: counted directly from predictions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from convscope.probes.transfer.confused import Pair, most_confused
from convscope.probes.transfer.draws import Fold
from convscope.probes.transfer.protocol import Protocol
from convscope.probes.transfer.result import SCRATCH, Cell, Transfer

NAMES = tuple(f"{label}{number}" for label in "abc" for number in range(4))


def cell(layer: str, fold: int, predicted: list[int], margin: list[float], value: float = 0.5) -> Cell:
    return Cell(
        layer=layer,
        columns=5,
        classifier="svm",
        fold=fold,
        per_class=1,
        value=value,
        strength=1.0,
        validated=True,
        by_class=np.array([value, value, np.nan]),
        predicted=np.array(predicted, np.int16),
        margin=np.array(margin, np.float32),
    )


FOLDS = (
    Fold(0, 1, np.array([0, 4, 8]), np.array([1, 2, 5, 6, 9])),
    Fold(1, 1, np.array([1, 5, 9]), np.array([2, 3, 6, 7, 10])),
)
FOUND = Transfer(
    model="m",
    data="d",
    protocol=Protocol("p", folds=2),
    form="flat",
    classes=("a", "b", "c"),
    names=NAMES,
    marks=np.repeat(np.eye(3, dtype=np.int8), 4, axis=0),
    folds=FOLDS,
    cells=(
        cell("good", 0, [1, 1, 1, 0, 2], [0.1, 0.4, 0.7, 0.2, 0.9], 0.6),
        cell("good", 1, [1, 0, 1, 1, 0], [0.8, 0.3, 0.5, 0.6, 0.1], 0.7),
        cell("bad", 0, [2] * 5, [0.0] * 5, 0.1),
        cell("bad", 1, [2] * 5, [0.0] * 5, 0.2),
        cell(SCRATCH, 0, [0] * 5, [0.0] * 5, 0.9),
    ),
    skipped=(),
)


def test_the_result_in_numbers() -> None:
    assert FOUND.layers == ("good", "bad", SCRATCH)
    assert FOUND.best == ("good", "svm"), "a whole network is no layer"
    assert FOUND.measured == (("good", "svm", 1), ("bad", "svm", 1), (SCRATCH, "svm", 1))
    row = FOUND.summary("good", "svm", 1)
    assert row is not None
    assert row.interval.mean == pytest.approx(0.65)
    assert row.interval.count == 2
    assert row.deviation == pytest.approx(0.1 / np.sqrt(2))
    assert FOUND.summary("good", "softmax", 1) is None
    alone = FOUND.summary(SCRATCH, None, 1)
    assert alone is not None
    assert alone.deviation is None
    np.testing.assert_allclose(FOUND.by_class("good", "svm", 1), [0.65, 0.65, np.nan])


def test_confusion_is_counted_over_all_folds() -> None:
    table = np.zeros((3, 3), int)
    for each in FOUND.cells[:2]:
        for index, taken in zip(FOUND.fold(each).test, each.predicted, strict=True):
            table["abc".index(NAMES[index][0]), taken] += 1
    np.testing.assert_array_equal(FOUND.confusion("good", "svm", 1), table)


def test_the_largest_share_first_and_the_surest_images_first() -> None:
    first, second, third = most_confused(FOUND)
    # Image 2 of class a was taken for b in both folds: it is listed once, by its surer mistake.
    assert first == Pair("a", "b", 3, 4, (2, 1), (5, 7, 6))
    assert (second.first, second.second, second.count, second.of) == ("c", "a", 1, 2)
    assert (second.mistaken, second.other) == ((10,), (3,))
    assert (third.first, third.second, third.share) == ("b", "a", 0.25)
    assert most_confused(FOUND, most=1) == (first,)
    assert most_confused(FOUND, images=1)[0].mistaken == (2,)


def test_without_mistakes_there_is_nothing_to_show() -> None:
    right = [replace(each, predicted=FOUND.marks[FOUND.fold(each).test].argmax(1)) for each in FOUND.cells[:2]]
    assert most_confused(replace(FOUND, cells=tuple(right))) == ()
