"""What the model saw, encoded."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from convscope.pipeline.pictures import encode_picture
from tests.images.make import noise


@pytest.mark.parametrize("channels", [1, 3])
def test_small_views_are_kept_without_loss(channels: int) -> None:
    view = noise(64, 33, channels)
    row = encode_picture(7, view)
    assert (row.image, row.width, row.height, row.format) == (7, 33, 64, "png")
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(row.encoded))).reshape(view.shape), view)


def test_large_views_are_nearly_kept() -> None:
    view = np.linspace(0, 255, 70 * 80 * 3).reshape(70, 80, 3).astype(np.uint8)
    row = encode_picture(0, view)
    assert (row.width, row.height, row.format) == (80, 70, "jpeg")
    difference = np.asarray(Image.open(io.BytesIO(row.encoded))).astype(int) - view
    assert np.abs(difference).mean() < 3


@pytest.mark.parametrize("channels", [2, 4])
def test_other_channels_are_shown_by_their_mean(channels: int) -> None:
    view = noise(8, 9, channels)
    picture = np.asarray(Image.open(io.BytesIO(encode_picture(0, view).encoded)))
    np.testing.assert_array_equal(picture, np.rint(view.astype(float).mean(-1)))
