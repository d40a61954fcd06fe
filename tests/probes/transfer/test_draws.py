"""Which images are trained on and which are judged: sizes, disjointness, nesting and seeds."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convscope.errors import ImageSetError, SettingError
from convscope.probes.transfer.draws import Fold, draw, large_enough, per_class_of, sizes, used
from convscope.probes.transfer.protocol import Protocol
from tests.probes.transfer.make import labelled

PROTOCOL = Protocol("p", test=3, folds=4)
SIZES = st.lists(st.integers(6, 14), min_size=2, max_size=5)


def by_class(fold: Fold, of: list[int]) -> tuple[list[int], list[int]]:
    """Images of each class in the training part, and in the test part."""
    edges = np.concatenate([[0], np.cumsum(of)])
    training, test = (np.histogram(part, edges)[0].tolist() for part in (fold.training, fold.test))
    return training, test


@given(SIZES, st.sets(st.integers(1, 5), min_size=1, max_size=3), st.integers(0, 9), st.integers(1, 9))
def test_sizes_disjointness_nesting_and_shared_test_images(
    of: list[int], counts: set[int], seed: int, judged: int
) -> None:
    per_class = tuple(sorted(counts))
    folds = draw(labelled(of), replace(PROTOCOL, test=judged), per_class, seed)
    assert [(fold.number, fold.per_class) for fold in folds] == [(n, count) for n in range(4) for count in per_class]
    for fold in folds:
        training, test = by_class(fold, of)
        assert training == [fold.per_class] * len(of)
        assert test == [min(judged, size - per_class[-1]) for size in of]
        assert not {*fold.training.tolist()} & {*fold.test.tolist()}
        for part in (fold.training, fold.test):
            assert part.dtype == np.int64
            assert (np.diff(part) > 0).all()
    for one, other in itertools.pairwise(folds):
        if one.number == other.number:
            assert {*one.training.tolist()} <= {*other.training.tolist()}
            np.testing.assert_array_equal(one.test, other.test)
    every = {int(i) for fold in folds for part in (fold.training, fold.test) for i in part}
    assert used(folds).tolist() == sorted(every)


@given(SIZES, st.integers(0, 100))
def test_the_seed_decides(of: list[int], seed: int) -> None:
    def images(seed: int) -> list[list[int]]:
        return [[*fold.training.tolist(), -1, *fold.test.tolist()] for fold in draw(labelled(of), PROTOCOL, (3,), seed)]

    assert images(seed) == images(seed)
    assert images(seed) != images(seed + 1)
    assert len({str(each) for each in images(seed)}) > 1, "all folds are the same draw"


@given(SIZES, st.data())
def test_barred_images_are_never_used(of: list[int], data: st.DataObject) -> None:
    edges = np.concatenate([[0], np.cumsum(of)])
    barred = {
        int(first + data.draw(st.integers(0, size - 1)))
        for first, size in zip(edges, of, strict=False)
        for _ in range(data.draw(st.integers(0, 3)))
    }
    for fold in draw(labelled(of), PROTOCOL, (1, 2), 0, barred):
        assert not barred & {*fold.training.tolist(), *fold.test.tolist()}
        assert by_class(fold, of)[0] == [fold.per_class] * len(of)


def test_every_image_has_its_turn() -> None:
    """Draws are uniform: no image is always, or never, among the training images."""
    folds = draw(labelled([8, 8]), replace(PROTOCOL, folds=400), (2,), 0)
    counts = np.bincount(np.concatenate([fold.training for fold in folds]), minlength=16)
    # Binomial: 400 draws with probability 1/4, mean 100, deviation 8.7.
    assert counts.min() > 60
    assert counts.max() < 140


def test_a_class_with_too_few_images_is_named() -> None:
    with pytest.raises(ImageSetError) as caught:
        draw(labelled([9, 4, 3]), PROTOCOL, (2, 4), 0)
    assert str(caught.value) == (
        "4 training images per class and at least one to judge by were asked for, and 2 of 3 classes have fewer that "
        "can be read: class 2 (3), class 1 (4). At most 2 are possible; ask for that with --per-class, or leave those "
        "classes out with --skip-small, which counts all files: take away those that cannot be read"
    )
    with pytest.raises(ImageSetError, match=r"class 1 \(1\)\. No number is possible; leave those classes out with"):
        draw(labelled([9, 4]), PROTOCOL, (2,), 0, barred={9, 10, 11})


def test_how_many_images_per_class() -> None:
    images = labelled([40, 22])
    assert sizes(images) == {"class 0": 40, "class 1": 22}
    assert per_class_of(images, PROTOCOL) == (1, 2, 5, 10, 15)
    assert per_class_of(labelled([2, 9]), PROTOCOL) == (1,)
    assert per_class_of(images, replace(PROTOCOL, per_class=(15, 5))) == (5, 15)
    assert per_class_of(images, replace(PROTOCOL, per_class=(15, 5)), (7, 7, 3)) == (3, 7)
    with pytest.raises(SettingError, match="at least 1 training image per class is needed, not 0"):
        per_class_of(images, PROTOCOL, (3, 0))
    with pytest.raises(
        ImageSetError,
        match=r"made: class 1, class 2 have a single image, which .*; leave such classes out with --skip-small",
    ):
        per_class_of(labelled([9, 1, 1]), PROTOCOL)


def test_classes_that_are_too_small_are_left_out() -> None:
    images = labelled([5, 2, 4, 3])
    chosen, small = large_enough(images, 4)
    assert small == {"class 1": 2, "class 3": 3}
    assert chosen.classes == ("class 0", "class 2")
    assert chosen.images.names == tuple(name for name in images.images.names if name[:7] in chosen.classes)
    assert [chosen.classes[place] for place in chosen.marks.argmax(1)] == [*chosen.images.labels]
    assert large_enough(images, 2) == (images, {})
    with pytest.raises(ImageSetError, match="made has 1 classes with at least 5 images; two are needed"):
        large_enough(images, 5)


def test_a_data_set_with_parts_of_its_own_is_split_as_it_says() -> None:
    images = replace(labelled([3, 3]), parts=("train", "val", "train", "val", "train", "val"))
    (fold,) = draw(images, PROTOCOL, (0,), 5, barred={3})
    assert (fold.number, fold.per_class) == (0, 0)
    assert (fold.training.tolist(), fold.test.tolist()) == ([0, 2, 4], [1, 5])
    assert per_class_of(images, PROTOCOL) == (0,)
    with pytest.raises(SettingError, match="has parts of its own for training; leave --per-class out"):
        per_class_of(images, PROTOCOL, (3,))
    with pytest.raises(ImageSetError, match="has 3 images to train on and 0 to judge by"):
        draw(images, PROTOCOL, (0,), 5, barred={1, 3, 5})
