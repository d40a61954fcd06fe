"""Precision and recall: against counting, and on a small labelled set from end to end."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.images import ImageSet
from convscope.probes.overlap.labelled import CHANGES, make_labelled
from convscope.probes.overlap.quality import Quality, check, quality_of
from convscope.probes.overlap.reading import read_set
from tests.probes.overlap.make import scene

DRAW = np.random.default_rng(0)
TRUE = DRAW.random(60) < 0.7
KIND = np.where(TRUE, DRAW.integers(0, 2, 60), -1)
EDGES = np.round(DRAW.uniform(0.6, 1, 60) ** np.where(TRUE, 0.3, 1), 2).astype(np.float32)
FOUND = Quality(EDGES, EDGES, TRUE, KIND, ("a", "b"), (30, 40), 10, 60)


@pytest.mark.parametrize("threshold", [0.6, 0.85, 0.9, 0.97])
def test_precision_and_recall_are_counts(threshold: float) -> None:
    chosen = [bool(true) for true, edges in zip(TRUE, EDGES, strict=True) if edges >= threshold]
    assert FOUND.precision(threshold) == pytest.approx(sum(chosen) / len(chosen))
    assert FOUND.recall(threshold) == pytest.approx(sum(chosen) / 70)
    of_b = sum(1 for kind, edges in zip(KIND, EDGES, strict=True) if kind == 1 and edges >= threshold)
    assert FOUND.recall(threshold, 1) == pytest.approx(of_b / 40)


@pytest.mark.parametrize("wanted", [0.75, 0.9, 0.97])
def test_the_lowest_threshold_is_the_lowest_that_is_good_enough(wanted: float) -> None:
    good = [each for each in EDGES if (FOUND.precision(float(each)) or 0) >= wanted]
    assert FOUND.lowest(wanted) == pytest.approx(min(good))


def test_nothing_found_has_no_precision() -> None:
    none = np.zeros(0)
    empty = Quality(none.astype("f4"), none.astype("f4"), none.astype(bool), none.astype(np.int64), ("a",), (3,), 1, 1)
    assert (empty.precision(0.5), empty.lowest(), empty.recall(0.5)) == (None, None, 0)
    assert Quality(EDGES, EDGES, TRUE & False, KIND, ("a",), (3,), 1, 1).lowest() is None


def test_changed_copies_of_scenes_are_found_and_nothing_else() -> None:
    found = quality_of(make_labelled([scene(seed, 150, 200) for seed in range(8)]))
    assert found.kinds == tuple(CHANGES)
    assert sum(found.made) == 6 * len(CHANGES)
    assert found.precision(0.9) == 1
    assert found.recall(0.9) >= 0.95


def test_a_set_is_checked_among_itself_and_what_repeats_counts_as_wrong() -> None:
    pictures = [scene(seed, 75, 100) for seed in range(12)]
    images = ImageSet.open([*pictures, pictures[0]])
    found = check(images, read_set(images).views, 13)
    assert found is not None
    assert (found.photographs, found.among) == (13, 13)
    assert found.recall(0.9) > 0.9
    assert found.precision(0.9) == pytest.approx(13 / 15, abs=0.02)  # copies of two of 13 find two images


def test_a_set_that_cannot_be_read_has_no_quality() -> None:
    class Bad:
        def __len__(self) -> int:
            return 2

        def __getitem__(self, row: int) -> object:
            raise OSError("gone")

    images = ImageSet.open(Bad())
    assert check(images, read_set(images).views, 2) is None
