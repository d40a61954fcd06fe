"""Places of the occluder, and pixels they cover."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from convscope.errors import SettingError
from convscope.probes.occlusion.grid import default_patch, make_grid


@pytest.mark.parametrize(
    ("length", "patch", "stride", "places"),
    [
        (224, 16, 8, tuple(range(0, 209, 8))),
        (10, 4, 4, (0, 4, 6)),
        (10, 4, 3, (0, 3, 6)),
        (10, 10, 1, (0,)),
        (10, 3, 20, (0, 7)),
    ],
)
def test_places_and_one_flush_with_the_border(length: int, patch: int, stride: int, places: tuple[int, ...]) -> None:
    grid = make_grid((length, 12), (patch, 12), stride)
    assert grid.rows == places
    assert grid.columns == (0,)


def test_every_pixel_is_covered_when_the_stride_is_no_larger_than_the_patch() -> None:
    for size in range(5, 30):
        for patch in range(1, 6):
            for stride in range(1, patch + 1):
                grid = make_grid((size, size), patch, stride)
                assert not np.isnan(grid.spread(np.zeros(grid.shape))).any()


def test_defaults_are_a_fourteenth_and_half_of_it() -> None:
    assert [default_patch((side, 500)) for side in (224, 299, 32, 5)] == [16, 22, 2, 1]
    assert make_grid((224, 224)).rows[:3] == (0, 8, 16)
    assert make_grid((5, 5)).shape == (5, 5)
    assert make_grid((30, 40), (6, 10)).columns[1] == 5
    assert make_grid((30, 40), 6, (4, 5)).columns[1] == 5


def test_spread_is_the_mean_over_the_places_that_cover_a_pixel() -> None:
    mask = np.array([[True, False, True], [True, True, False]])
    grid = make_grid((7, 9), mask, 2)
    values = np.random.default_rng(0).normal(size=grid.shape)
    found = grid.spread(values)
    for y in range(7):
        for x in range(9):
            covering = [
                values[r, c]
                for r, top in enumerate(grid.rows)
                for c, left in enumerate(grid.columns)
                if 0 <= y - top < 2 and 0 <= x - left < 3 and mask[y - top, x - left]
            ]
            assert np.isnan(found[y, x]) if not covering else found[y, x] == pytest.approx(np.mean(covering))


@pytest.mark.parametrize(
    ("patch", "stride", "message"),
    [
        (25, 1, "25x25 pixels does not fit into the 24x24"),
        ((3, 25), 1, "3x25"),
        (4, 0, "stride is 0 x 0"),
        (4, -2, "at least 1 pixel"),
        (4, (1, 0), "stride is 1 x 0"),
        (0, 1, "patch is 0"),
        ((2, -1), 1, "at least 1 pixel"),
        (np.zeros((3, 3), np.bool_), 1, "0 pixels set"),
        (np.ones((3, 3)), 1, "mask is float64"),
        (np.ones(3, np.bool_), 1, "expected bool"),
    ],
)
def test_what_cannot_be_is_refused(patch: Any, stride: Any, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        make_grid((24, 24), patch, stride)
