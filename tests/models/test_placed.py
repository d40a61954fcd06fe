"""Boxes land where their pixels do: painted into a picture, and looked for in its view."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convscope.models import Preprocessing
from convscope.models.preprocessing import Box
from tests.models.test_preprocessing import PRESETS

SIZES = [(200, 300), (300, 200), (120, 120), (97, 411)]


def painted(preset: Preprocessing, box: tuple[int, int, int, int], height: int, width: int) -> Box | None:
    """The smallest box around the pixels of the view that are mostly of the box; None if there are none."""
    left, top, right, bottom = box
    picture = np.zeros((height, width, 3), np.uint8)
    picture[top:bottom, left:right] = 255
    rows, columns = np.nonzero(preset.view(picture)[..., 0] > 127)
    return (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) if len(rows) else None


@pytest.mark.parametrize("preset", PRESETS, ids=str)
@pytest.mark.parametrize("size", SIZES)
def test_a_painted_box_is_seen_where_it_is_placed(preset: Preprocessing, size: tuple[int, int]) -> None:
    height, width = size
    rng = np.random.default_rng(height * width)
    for _ in range(5):
        left, top = int(rng.integers(width * 3 // 4)), int(rng.integers(height * 3 // 4))
        box = (left, top, left + int(rng.integers(12, width // 4)), top + int(rng.integers(12, height // 4)))
        placed = np.clip(preset.placed(box, height, width), 0, (preset.width, preset.height) * 2)
        seen = painted(preset, box, height, width)
        if seen is None:  # cut away, or the last pixel that is left of it is the darker part of two
            assert min(placed[2] - placed[0], placed[3] - placed[1]) <= 1
        else:
            np.testing.assert_allclose(seen, placed, atol=0.75)


def test_by_hand() -> None:
    preset = replace(PRESETS[0], height=100, width=100, resize=120)
    # 240 x 480 becomes 120 x 240, of which columns 70 to 170 and rows 10 to 110 are seen.
    assert preset.placed((0, 0, 480, 240), 240, 480) == (-70, -10, 170, 110)
    assert preset.placed((240, 120, 260, 160), 240, 480) == (50, 50, 60, 70)


@given(
    resize=st.sampled_from((None, 50, 67, (50, 80), (61, 50))),
    height=st.integers(1, 500),
    width=st.integers(1, 500),
    box=st.tuples(*[st.floats(-100, 600)] * 4),
)
def test_what_is_found_is_placed_there_again(
    resize: int | tuple[int, int] | None, height: int, width: int, box: Box
) -> None:
    preset = replace(PRESETS[0], height=40, width=50, resize=resize)
    np.testing.assert_allclose(
        preset.placed(preset.found(box, height, width), height, width), box, rtol=1e-9, atol=1e-6
    )
    np.testing.assert_allclose(
        preset.found(preset.placed(box, height, width), height, width), box, rtol=1e-9, atol=1e-6
    )
    left, top, right, bottom = preset.found((0, 0, 50, 40), height, width)
    assert left >= -1e-9
    assert top >= -1e-9
    assert right <= width + 1e-9
    assert bottom <= height + 1e-9
