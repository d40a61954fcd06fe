"""What is in the images: unreadable ones are replaced and listed, the same ones on both sides refused."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from convscope.errors import ImageSetError
from convscope.images.entry import Content
from convscope.probes.transfer.contents import Contents, check_no_leak, readable_folds, same_images
from convscope.probes.transfer.draws import Fold, draw, used
from convscope.probes.transfer.labelled import Labelled
from convscope.probes.transfer.protocol import Protocol
from tests.images.make import encoded
from tests.probes.transfer.make import CLASSES, FEEDING, of_pictures, picture

PLACES = [0] * 8 + [1] * 8 + [2] * 8
PROTOCOL = Protocol("p", test=4, folds=3)


def drawn() -> list[Content]:
    return [picture(place, number) for number, place in enumerate(PLACES)]


def folds_of(labelled: Labelled, per_class: int = 2) -> tuple[tuple[Fold, ...], Contents]:
    def make(known: Contents) -> tuple[Fold, ...]:
        return draw(labelled, PROTOCOL, (per_class,), 0, known.skipped)

    return readable_folds(labelled, make, FEEDING, 2, lambda _done, _total: None)


@pytest.mark.parametrize("bad", [{3}, {0, 5, 9, 10, 20}])
def test_unreadable_images_are_replaced_by_others(bad: set[int]) -> None:
    pictures = [b"no picture" if number in bad else each for number, each in enumerate(drawn())]
    labelled = of_pictures(pictures, PLACES)
    folds, contents = folds_of(labelled)
    assert {*contents.skipped} == bad
    assert all(reason.startswith("not an image") for reason in contents.skipped.values())
    for fold in folds:
        assert len(fold.training) == 6
        assert not bad & {*fold.training.tolist(), *fold.test.tolist()}
    assert {*used(folds).tolist()} <= {*contents.digests}
    for index, digest in contents.digests.items():
        assert digest == labelled.images.pixel_digest(index)


def test_too_many_unreadable_images() -> None:
    pictures = [b"no picture" if number < 6 else each for number, each in enumerate(drawn())]
    with pytest.raises(
        ImageSetError, match=r"1 of 3 classes have fewer that can be read: blue \(2\)\. At most 1 are possible"
    ):
        folds_of(of_pictures(pictures, PLACES))


def test_progress_counts_what_is_read() -> None:
    reported: list[tuple[int, int]] = []
    labelled = of_pictures(drawn(), PLACES)
    folds, _ = readable_folds(
        labelled,
        lambda known: draw(labelled, PROTOCOL, (2,), 0, known.skipped),
        FEEDING,
        2,
        lambda *each: reported.append(each),
    )
    count = len(used(folds))
    assert reported == [(done, count) for done in range(1, count + 1)]


def in_both(same: NDArray[np.uint8] | bytes) -> Labelled:
    """An image of the class blue that is also, under another name, of the class red."""
    pictures = drawn()
    pictures[0] = pictures[17] = same
    return of_pictures(pictures, PLACES)


def test_the_same_pixels_on_both_sides_are_refused() -> None:
    """Whatever the file: here one is a PNG file, the other the array."""
    pixels = picture(0, 99)
    labelled = in_both(pixels)
    assert labelled.images.pixel_digest(0) == of_pictures([encoded(pixels)], [0]).images.pixel_digest(0)
    fold = Fold(0, 2, np.array([0, 1, 9, 10, 18, 19]), np.array([2, 11, 17]))
    contents = Contents({index: labelled.images.pixel_digest(index) for index in range(24)})
    assert same_images([fold, fold], contents) == ((0, 17),)
    with pytest.raises(ImageSetError) as caught:
        check_no_leak(labelled, [fold], contents)
    assert "1 image to be judged is also trained on, under another name: blue/000 and red/017." in str(caught.value)


def test_the_same_pixels_on_one_side_are_no_leak() -> None:
    labelled = in_both(picture(0, 99))
    contents = Contents({index: labelled.images.pixel_digest(index) for index in range(24)})
    for training, test in (([0, 17, 9], [1, 10, 18]), ([1, 10, 18], [0, 17, 9])):
        check_no_leak(labelled, [Fold(0, 1, np.array(training), np.array(test))], contents)
    # In one fold they are trained on, in the other they are judged.
    check_no_leak(
        labelled,
        [Fold(0, 1, np.array([0, 9]), np.array([1, 10])), Fold(1, 1, np.array([1, 10]), np.array([9, 17]))],
        contents,
    )


def test_no_more_than_three_pairs_are_shown() -> None:
    labelled = of_pictures([picture(0, 1)] * 24, PLACES)
    contents = Contents({index: labelled.images.pixel_digest(index) for index in range(24)})
    with pytest.raises(ImageSetError) as caught:
        check_no_leak(labelled, [Fold(0, 1, np.array([0, 8, 16]), np.arange(1, 7))], contents)
    assert str(caught.value).startswith("6 images to be judged")
    assert str(caught.value).count(" and blue/") == 3
    assert len(CLASSES) == 3
