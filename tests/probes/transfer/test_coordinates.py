"""Few coordinates instead of many features: the same inner products, and the same classifiers."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from convscope.probes.transfer.coordinates import standardised
from convscope.probes.transfer.stored import Stored

MEGABYTE = 1 << 20
TRAINING, TEST = np.array([5, 0, 3, 8, 9, 11, 2, 7]), np.array([1, 4, 6, 10])


def features(columns: int, rows: int = 12, seed: int = 0) -> NDArray[np.float32]:
    """Of very different sizes, some of them constant, one of them over the training images only, one nearly."""
    rng = np.random.default_rng(seed)
    made = rng.normal(size=(rows, columns)) * rng.lognormal(0, 2, columns) + rng.normal(size=columns) * 5
    made[:, 1] = 0.1
    made[TRAINING, 2] = 3.3
    made[TRAINING, 3] = 1.0 + 1e-5 * np.arange(len(TRAINING))
    return made.astype(np.float32)


def stored(folder: Path, values: NDArray[np.float32]) -> Stored:
    path = folder / "values.f32"
    values.astype("<f4").tofile(path)
    return Stored(path, *values.shape)


def directly(values: NDArray[np.float32], training: NDArray[np.int64] = TRAINING) -> NDArray[np.float64]:
    """Every row standardised, by the words of the docstring, in float64."""
    known = values[training].astype(np.float64)
    mean, variance = known.mean(0), known.var(0)
    varied = [column for column in range(values.shape[1]) if np.ptp(values[training, column]) > 0]
    columns = [(values[:, column].astype(np.float64) - mean[column]) / np.sqrt(variance[column]) for column in varied]
    result: NDArray[np.float64] = np.stack(columns, axis=1) / np.sqrt(values.shape[1])
    return result


@pytest.mark.parametrize("columns", [5, 8, 9, 300])
def test_inner_products_are_those_of_standardised_features(tmp_path: Path, columns: int) -> None:
    values = features(columns)
    split = standardised(stored(tmp_path, values), TRAINING, TEST, MEGABYTE)
    expected = directly(values)
    own, others = expected[TRAINING], expected[TEST]
    np.testing.assert_allclose(split.training @ split.training.T, own @ own.T, atol=1e-8)
    np.testing.assert_allclose(split.test @ split.training.T, others @ own.T, atol=1e-8)
    assert split.training.shape[1] <= max(columns, len(TRAINING))
    assert np.trace(own @ own.T) / len(TRAINING) <= 1 + 1e-9


@pytest.mark.parametrize("columns", [7, 400])
def test_a_classifier_is_the_same_one(tmp_path: Path, columns: int) -> None:
    rng = np.random.default_rng(1)
    values = features(columns, rows=60)
    training, test = np.arange(40), np.arange(40, 60)
    labels = rng.integers(0, 3, 60)
    values[labels == 1, 0] += np.float32(values[:, 0].std() * 2)
    raw = directly(values, training)
    split = standardised(stored(tmp_path, values), training, test, MEGABYTE)
    makers: list[Callable[[], Any]] = [
        lambda: LogisticRegression(C=10.0, tol=1e-10, max_iter=20_000),
        # The intercept's own penalty is the same on both sides, as coordinates leave it alone.
        lambda: LinearSVC(C=10.0, dual=True, tol=1e-9, max_iter=200_000, random_state=0),
    ]
    for make in makers:
        wide = make().fit(raw[training], labels[training])
        narrow = make().fit(split.training, labels[training])
        np.testing.assert_allclose(narrow.decision_function(split.test), wide.decision_function(raw[test]), atol=2e-4)
        np.testing.assert_array_equal(narrow.predict(split.test), wide.predict(raw[test]))


@pytest.mark.parametrize("columns", [6, 200])
def test_the_limit_on_memory_changes_nothing(tmp_path: Path, columns: int) -> None:
    file = stored(tmp_path, features(columns))
    splits = [standardised(file, TRAINING, TEST, memory) for memory in (1, 700, 5000, MEGABYTE)]
    for split in splits[:-1]:
        np.testing.assert_allclose(split.training, splits[-1].training, atol=1e-8)
        np.testing.assert_allclose(split.test, splits[-1].test, atol=1e-7)


def test_the_limit_on_memory_is_kept(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(40, 60_000)).astype(np.float32)
    file = stored(tmp_path, values)  # 9.6 MB
    del values
    tracemalloc.start()
    standardised(file, np.arange(30), np.arange(30, 40), 2 * MEGABYTE)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2.3 * MEGABYTE


@pytest.mark.parametrize("columns", [6, 200])
def test_test_images_never_change_what_is_learned_from(tmp_path: Path, columns: int) -> None:
    values = features(columns)
    clean = standardised(stored(tmp_path, values), TRAINING, TEST, MEGABYTE)
    values[TEST] = np.random.default_rng(9).normal(size=(len(TEST), columns)) * 1e9
    garbage = standardised(stored(tmp_path, values), TRAINING, TEST, MEGABYTE)
    np.testing.assert_array_equal(clean.training, garbage.training)
    assert not np.allclose(clean.test, garbage.test)


@pytest.mark.parametrize("columns", [3, 50])
def test_features_that_never_vary_say_nothing(tmp_path: Path, columns: int) -> None:
    values = np.full((12, columns), 0.1, np.float32)
    values[TEST] = 5.0
    split = standardised(stored(tmp_path, values), TRAINING, TEST, MEGABYTE)
    np.testing.assert_allclose(split.training, 0, atol=1e-6)
    assert np.isfinite(split.training).all()
    np.testing.assert_allclose(split.test, 0, atol=1e-6)


def test_a_single_training_image(tmp_path: Path) -> None:
    split = standardised(stored(tmp_path, features(20)), TRAINING[:1], TEST, MEGABYTE)
    assert split.training.shape == (1, 1)
    np.testing.assert_allclose(split.test, 0, atol=1e-6)
