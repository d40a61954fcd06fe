"""Linear classifiers: as by scikit-learn alone, with several classes on an image, and C by training images only."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.svm import LinearSVC

from convscope.errors import SettingError
from convscope.probes.transfer.classifiers import CLASSIFIERS, FIXED, STRENGTHS, Choice, check_classifiers, choose, fit
from convscope.probes.transfer.metrics import Marks, accuracy, average_precision

Features = NDArray[np.float64]


def sample(classes: int, each: int = 12, seed: int = 0) -> tuple[Features, NDArray[np.int64]]:
    """Points around one place for each class, in random order."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(classes), each))
    return rng.normal(size=(len(labels), 7)) + 1.3 * np.eye(classes, 7)[labels], labels


def marked(labels: NDArray[np.int64], classes: int) -> Marks:
    return np.eye(classes, dtype=np.int8)[labels]


def plain(name: str, strength: float) -> LogisticRegression | LinearSVC:
    if name == "softmax":
        return LogisticRegression(C=strength, max_iter=10_000)
    return LinearSVC(C=strength, dual="auto", max_iter=10_000, random_state=0)


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("classes", [2, 4])
def test_one_class_an_image(name: str, classes: int) -> None:
    points, labels = sample(classes)
    seen, truth = sample(classes, seed=1)
    scores = fit(name, points, marked(labels, classes), 1.0, seen)
    known = plain(name, 1.0).fit(points, labels)
    expected = known.decision_function(seen)
    assert scores.shape == (len(seen), classes)
    np.testing.assert_allclose(scores if classes > 2 else scores[:, 1] - scores[:, 0], expected * (1 + (classes == 2)))
    np.testing.assert_array_equal(scores.argmax(1), known.predict(seen))
    assert accuracy(marked(truth, classes), scores).mean == pytest.approx(
        balanced_accuracy_score(truth, known.predict(seen))
    )


def several(seed: int = 0) -> tuple[Features, Marks]:
    """Images with up to three classes each, some undecided."""
    rng = np.random.default_rng(seed)
    marks = (rng.random((40, 3)) < 0.4).astype(np.int8)
    marks[marks.sum(1) == 0, 0] = 1
    marks[:6, 2] = -1
    marks[1, 1] = 1
    return rng.normal(size=(40, 5)) + np.eye(3, 5)[0] * marks[:, :1] + 2 * np.eye(3, 5)[1] * marks[:, 1:2], marks


def test_a_support_vector_machine_for_each_class_without_its_undecided_images() -> None:
    points, marks = several()
    seen, _ = several(1)
    scores = fit("svm", points, marks, 0.5, seen)
    for place in range(3):
        kept = marks[:, place] != -1
        alone = plain("svm", 0.5).fit(points[kept], marks[kept, place])
        np.testing.assert_allclose(scores[:, place], alone.decision_function(seen))


def test_a_softmax_sees_an_image_once_for_each_of_its_classes() -> None:
    points, marks = several()
    seen, _ = several(1)
    repeated, labels = [], []
    for point, own in zip(points, marks, strict=True):
        for place in range(3):
            if own[place] == 1:
                repeated.append(point)
                labels.append(place)
    alone = plain("softmax", 0.5).fit(np.array(repeated), labels)
    # The same images in another order: equal up to where the solver stops.
    np.testing.assert_allclose(fit("softmax", points, marks, 0.5, seen), alone.decision_function(seen), atol=1e-3)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_what_was_never_trained_on_is_never_predicted(name: str) -> None:
    """A small copy of PASCAL VOC can lack a class among its training images, or have it on all of them."""
    points, marks = several()
    for value in (0, 1):
        marks[:, 2] = value
        scores = fit(name, points, marks, 1.0, points)
        assert np.isfinite(scores[:, :2]).all()
        assert not np.isnan(scores).any()
        if value == 0:
            assert (scores.argmax(1) != 2).all()
    alone = np.zeros((5, 3), np.int8)
    alone[:, 1] = 1
    assert (fit(name, points[:5], alone, 1.0, points).argmax(1) == 1).all()


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_c_is_the_best_of_its_range_inside_the_training_images(name: str) -> None:
    points, labels = sample(3, each=8)
    marks = marked(labels, 3)
    choice = choose(name, points, marks, "accuracy", seed=3)
    assert choice.validated
    values = [inner_accuracy(name, points, labels, strength, seed=3) for strength in STRENGTHS]
    # Of equals the strongest penalty, which is the first.
    assert choice.strength == STRENGTHS[values.index(max(values))]
    beside = {0: values[1], len(values) - 1: values[-2]}.get(values.index(max(values)))
    assert choice.at_end == (beside is not None and max(values) > beside)


def inner_accuracy(name: str, points: Features, labels: NDArray[np.int64], strength: float, seed: int) -> float:
    from sklearn.model_selection import StratifiedKFold, cross_val_score

    folds = StratifiedKFold(3, shuffle=True, random_state=seed)
    return float(
        cross_val_score(plain(name, strength), points, labels, cv=folds, scoring="balanced_accuracy").mean().round(12)
    )


def test_c_is_fixed_with_a_single_image_of_a_class() -> None:
    points, labels = sample(3, each=1)
    assert choose("svm", points, marked(labels, 3), "accuracy", 0) == Choice(FIXED, validated=False)


def test_of_equals_the_strongest_penalty() -> None:
    labels = np.repeat([0, 1], 6)
    points = np.where(labels, 5.0, -5.0)[:, None] + np.linspace(0, 0.1, 12)[:, None]
    assert choose("softmax", points, marked(labels, 2), "accuracy", 0) == Choice(STRENGTHS[0], validated=True)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_c_for_several_classes_an_image(name: str) -> None:
    points, marks = several()
    choice = choose(name, points, marks, "average-precision", 0)
    assert choice.validated
    assert choice.strength in STRENGTHS
    # Class 2 is always beside class 0, of which fewer images show it alone: no part may lack what is learned.
    rare = np.zeros((9, 3), np.int8)
    rare[:, 0] = [1, 1, 1, 0, 0, 0, 0, 0, 0]
    rare[:, 1] = 1 - rare[:, 0]
    rare[:2, 2] = 1
    for seed in range(6):
        assert choose(name, points[:9], rare, "average-precision", seed).strength in (*STRENGTHS, FIXED)


def test_images_that_show_nothing_that_counts() -> None:
    """Where all that they show is difficult: for a support vector machine they are undecided, a softmax has no use."""
    points, marks = several()
    marks[:5] = [0, 0, -1]
    for name in CLASSIFIERS:
        scores = fit(name, points, marks, 1.0, points)
        assert average_precision(marks, scores).mean > 0.5
        assert choose(name, points, marks, "average-precision", 0).strength in STRENGTHS


def test_names() -> None:
    check_classifiers(("svm",))
    with pytest.raises(SettingError, match="classifiers are softmax, svm, not forest, tree"):
        check_classifiers(("tree", "svm", "forest"))
    with pytest.raises(SettingError, match="not none"):
        check_classifiers(())
    with pytest.raises(SettingError, match="classifier svm is named twice"):
        check_classifiers(("svm", "softmax", "svm"))
