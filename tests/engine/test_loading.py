"""Batches: in order, each image once, decoded a bounded way ahead."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convscope.engine.loading import batches, read_view
from convscope.images import ImageSet
from tests.engine.make import Data, feeding, image_set, pictures
from tests.images.make import write_png


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("size", [1, 3, 7, 32])
def test_every_image_once_and_in_order(size: int, workers: int) -> None:
    made = pictures(7)
    found = list(batches(image_set(made), range(2, 7), feeding(), size, workers))
    assert [len(batch.index) for batch in found] == [len(range(2, 7)[i : i + size]) for i in range(0, 5, size)]
    assert np.concatenate([batch.index for batch in found]).tolist() == [2, 3, 4, 5, 6]
    np.testing.assert_array_equal(np.concatenate([batch.views for batch in found]), np.stack(made[2:]))
    outcomes = [outcome for batch in found for outcome in batch.outcomes]
    assert [(o.image, o.width, o.height, o.skipped) for o in outcomes] == [(i, 32, 32, None) for i in range(2, 7)]


def test_no_images_no_batches() -> None:
    assert list(batches(image_set(pictures(3)), range(0), feeding(), 4, 2)) == []


def test_what_cannot_be_read_is_an_outcome_without_a_view(tmp_path: Path) -> None:
    for number in range(4):
        write_png(tmp_path / f"{number}.png", seed=number)
    (tmp_path / "1.png").write_bytes(b"")
    (tmp_path / "2.png").write_text("no picture")
    (batch,) = batches(ImageSet.open(tmp_path), range(4), feeding(), 8, 2)
    assert batch.index.tolist() == [0, 3]
    assert [bool(outcome.skipped) for outcome in batch.outcomes] == [False, True, True, False]
    assert batch.outcomes[1].skipped == "the file is empty"
    assert (batch.outcomes[0].width, batch.outcomes[0].height) == (4, 3)
    (none,) = batches(ImageSet.open(tmp_path), range(1, 3), feeding(), 8, 2)
    assert none.views.shape == (0, 32, 32, 3)
    assert len(none.index) == 0


def test_channels_that_the_model_does_not_take_are_a_reason() -> None:
    outcome, view = read_view(image_set(pictures(1, channels=4)), 0, feeding(3))
    assert view is None
    assert "4 channels and the model takes 3" in str(outcome.skipped)


class Counted(Data):
    """Remembers which rows were fetched."""

    def __init__(self, images: list[NDArray[np.uint8]]) -> None:
        super().__init__(images)
        self.fetched: set[int] = set()
        self.lock = threading.Lock()

    def __getitem__(self, row: int) -> Any:
        with self.lock:
            self.fetched.add(row)
        return super().__getitem__(row)


def test_reading_ahead_is_bounded() -> None:
    data = Counted(pictures(20))
    source = ImageSet.open(data)
    data.fetched.clear()  # opening may look at items for their labels
    reading = batches(source, range(20), feeding(), 2, 4)
    next(reading)
    del reading  # waits for what is under way
    assert {0, 1} <= data.fetched <= set(range(6))
