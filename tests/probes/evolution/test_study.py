"""What is drawn by lot, and images that are decoded once or every time."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from convscope.images import ImageSet
from convscope.models import Preprocessing
from convscope.probes.evolution import study as studying
from convscope.probes.evolution.evolve import evolve
from convscope.probes.evolution.record import NONE
from tests.engine.make import DEAD, Data, image_set, pictures
from tests.images.make import noise
from tests.probes.evolution.make import exact_run
from tests.probes.evolution.test_journal import same


class Counted(Data):
    """A data set that counts how often each item is fetched."""

    def __init__(self, count: int) -> None:
        super().__init__(pictures(count))
        self.fetched: Counter[int] = Counter()

    def __getitem__(self, row: int) -> Any:
        self.fetched[row] += 1
        return super().__getitem__(row)


def test_images_are_decoded_once_or_for_each_checkpoint_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    once, often = Counted(9), Counted(9)
    images = ImageSet.open(once)
    once.fetched.clear()
    held = evolve(exact_run(), images, units=2)
    assert set(once.fetched.values()) == {1}
    monkeypatch.setattr(studying, "HELD_BYTES", 9 * 32 * 32 * 3 - 1)
    again = ImageSet.open(often)
    often.fetched.clear()
    fresh = evolve(exact_run(), again, units=2)
    assert min(often.fetched.values()) >= 3
    same(held, fresh)


def test_a_held_view_is_the_view_after_resizing_and_cropping() -> None:
    fed = Preprocessing(8, 6, 11, "bilinear", (0.0,) * 3, (1.0,) * 3, True)
    images = image_set([noise(20, 30, 3), noise(40, 17, 3)])
    held = studying._held(images, fed)
    for index in range(2):
        expected = fed.view(images.read(index))
        np.testing.assert_array_equal(replace(fed, resize=None).view(held.read(index)), expected)


def test_units_are_drawn_among_those_that_are_active_in_the_end() -> None:
    images = image_set(pictures(9))
    found = evolve(exact_run(), images, units=99)
    for layer in found.layers:
        assert layer.shown == tuple(np.flatnonzero(layer.image[-1] != NONE).tolist())
        assert DEAD not in layer.shown
    draws = {evolve(exact_run(2), images, ["4"], units=3, seed=seed).layers[0].shown for seed in range(4)}
    assert len(draws) > 1
    assert all(len(shown) == 3 and list(shown) == sorted(shown) for shown in draws)
