"""Mean per-class accuracy and average precision, against scikit-learn and torchmetrics."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, balanced_accuracy_score
from torchmetrics.functional.classification import binary_average_precision

from convscope.errors import ImageSetError
from convscope.probes.transfer.metrics import METRICS, TITLES, accuracy, average_precision

SEEDS = st.integers(0, 10_000)


def one_hot(labels: NDArray[np.int64], classes: int) -> NDArray[np.int8]:
    return np.eye(classes, dtype=np.int8)[labels]


@given(SEEDS, st.integers(2, 6))
def test_accuracy_is_the_balanced_accuracy_of_scikit_learn(seed: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), rng.integers(0, classes, 30)])
    scores = rng.normal(size=(len(labels), classes)) + 1.5 * one_hot(labels, classes)
    found = accuracy(one_hot(labels, classes), scores)
    assert found.mean == pytest.approx(balanced_accuracy_score(labels, scores.argmax(1)))
    for place, value in enumerate(found.by_class):
        assert value == pytest.approx(np.mean(scores[labels == place].argmax(1) == place))


def test_every_class_counts_the_same() -> None:
    labels = np.array([0] * 9 + [1])
    always_first = np.tile([1.0, 0.0], (10, 1))
    assert accuracy(one_hot(labels, 2), always_first).mean == 0.5


def test_a_class_without_images_does_not_count() -> None:
    labels = np.array([0, 0, 2])
    scores = one_hot(np.array([0, 1, 2]), 3).astype(float)
    found = accuracy(one_hot(labels, 3), scores)
    np.testing.assert_array_equal(found.by_class, [0.5, np.nan, 1.0])
    assert found.mean == 0.75
    precision = average_precision(one_hot(labels, 3), scores)
    assert np.isnan(precision.by_class[1])
    assert precision.mean == np.mean(precision.by_class[[0, 2]])


def test_nothing_to_judge_by_is_an_error() -> None:
    with pytest.raises(ImageSetError, match="none of 2 classes has an image to judge by"):
        _ = average_precision(np.zeros((3, 2), np.int8), np.zeros((3, 2))).mean


@given(SEEDS, st.booleans())
def test_average_precision_is_that_of_scikit_learn_and_torchmetrics(seed: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    marks = rng.integers(0, 2, (25, 3)).astype(np.int8)
    marks[0] = 1
    scores = rng.normal(size=(25, 3))
    if ties:
        scores = np.round(scores)
    found = average_precision(marks, scores)
    for place in range(3):
        own, values = marks[:, place], scores[:, place]
        assert found.by_class[place] == pytest.approx(average_precision_score(own, values))
        # torchmetrics takes what lies outside 0 to 1 for logits: it is given what keeps the order.
        other = binary_average_precision(torch.from_numpy(values / 20 + 0.5), torch.from_numpy(own).long())
        assert found.by_class[place] == pytest.approx(float(other), rel=1e-5)
    assert found.mean == pytest.approx(average_precision_score(marks, scores, average="macro"))


@given(SEEDS)
def test_undecided_images_count_neither_way(seed: int) -> None:
    rng = np.random.default_rng(seed)
    marks = rng.integers(-1, 2, (30, 2)).astype(np.int8)
    marks[0] = 1
    scores = np.round(rng.normal(size=(30, 2)), 1)
    found = average_precision(marks, scores)
    for place in range(2):
        kept = marks[:, place] >= 0
        assert found.by_class[place] == pytest.approx(average_precision_score(marks[kept, place], scores[kept, place]))


def test_equal_scores_do_not_depend_on_the_order_of_images() -> None:
    marks = np.array([[1], [0], [0], [1]], np.int8)
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 2, 0, 3]):
        assert average_precision(marks[order], np.zeros((4, 1))).mean == 0.5


def test_infinite_scores_are_scores() -> None:
    """Of a class that nothing was learned about."""
    marks = np.array([[1], [0], [0], [1]], np.int8)
    assert average_precision(marks, np.full((4, 1), -np.inf)).mean == 0.5


def test_every_metric_has_a_title() -> None:
    assert {*METRICS} == {*TITLES}
