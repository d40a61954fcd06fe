"""The drawn faces are what they are said to be: repeatable, with parts inside their boxes, and learnable."""

from __future__ import annotations

import numpy as np
import pytest

from tests.faces import CLASSES, HALF, PARTS, SIZE, accuracy, faces, random_net, trained_net


def test_a_seed_gives_the_same_faces_and_another_one_others() -> None:
    first, again, other = faces(8, 3), faces(8, 3), faces(8, 4)
    assert (first.pictures == again.pictures).all()
    assert (first.boxes == again.boxes).all()
    assert (first.pictures != other.pictures).mean() > 0.5
    assert first.labels.tolist() == [0, 1, 2, 3] * 2
    assert set(faces(3, classes=[2]).labels.tolist()) == {2}


def test_boxes_are_squares_inside_the_picture_and_in_order() -> None:
    drawn = faces(200)
    assert drawn.boxes.shape == (200, len(PARTS), 4)
    left, top, right, bottom = np.moveaxis(drawn.boxes, 2, 0)
    np.testing.assert_allclose(right - left, bottom - top)
    assert (drawn.boxes > 0).all()
    assert (drawn.boxes < SIZE).all()
    middles = (left + right) / 2
    assert (middles[:, 0] < middles[:, 2]).all()
    assert (middles[:, 2] < middles[:, 1]).all()
    assert (top[:, 2] > top[:, 0]).all()
    assert (right - left).min() >= 2 * HALF * 0.24 * SIZE


def test_the_owls_pupils_are_dark_at_the_middle_of_their_boxes() -> None:
    drawn = faces(50, classes=[CLASSES.index("owl")])
    for picture, boxes in zip(drawn.pictures, drawn.boxes, strict=True):
        for left, top, right, bottom in boxes[:2]:
            pupil = picture[int((top + bottom) / 2), int((left + right) / 2)]
            assert pupil.mean() < 80
            assert picture[int(top) + 1 : int(bottom), int(left) + 1 : int(right)].max() > 180


def test_a_network_learns_to_name_them() -> None:
    assert accuracy(trained_net()) > 0.9
    assert accuracy(random_net()) < 0.5
    assert trained_net() is trained_net()


def test_other_sizes() -> None:
    large = faces(4, 3, size=2 * SIZE)
    assert large.pictures.shape == (4, 2 * SIZE, 2 * SIZE, 3)
    # The random numbers are drawn in the same order up to the noise of the first picture.
    assert large.boxes[0] == pytest.approx(2 * faces(4, 3).boxes[0])
