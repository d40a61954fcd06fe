"""Pictures of any number of channels are shown with three."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.display import to_rgb


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
def test_three_channels_as_they_are_and_other_counts_by_their_mean(channels: int) -> None:
    picture = np.random.default_rng(channels).integers(0, 256, (5, 4, channels), np.uint8)
    shown = to_rgb(picture)
    assert shown.shape == (5, 4, 3)
    assert shown.dtype == np.uint8
    expected = picture if channels == 3 else np.rint(picture.astype(float).mean(2, keepdims=True)).repeat(3, axis=2)
    np.testing.assert_array_equal(shown, expected)
