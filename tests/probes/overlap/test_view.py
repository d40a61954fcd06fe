"""The small grey square: against means of pixels, for any number of channels."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.probes.overlap.view import FLAT, SIDE, grey_view, is_flat
from tests.images.make import noise


def test_a_view_of_twice_its_size_is_a_weighted_mean_of_luma() -> None:
    pixels = noise(2 * SIDE, 2 * SIDE, 3)
    luma = np.rint(pixels.astype(np.float64) @ (0.299, 0.587, 0.114))
    weights = np.array([1, 3, 3, 1]) / 8  # a triangle two samples wide, sampled at pixels
    inside = [
        [
            np.outer(weights, weights).ravel() @ luma[2 * y - 1 : 2 * y + 3, 2 * x - 1 : 2 * x + 3].ravel()
            for x in range(1, SIDE - 1)
        ]
        for y in range(1, SIDE - 1)
    ]
    np.testing.assert_allclose(grey_view(pixels)[1:-1, 1:-1], inside, atol=1.5)


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_channels_that_are_alike_give_one_view(channels: int) -> None:
    grey = noise(20, 50, 1)
    assert (abs(grey_view(grey.repeat(channels, -1)).astype(int) - grey_view(grey)) <= 1).all()


def test_one_pixel_is_a_view_and_flat() -> None:
    views = np.stack([grey_view(noise(1, 1, 3)), grey_view(noise(40, 40, 3))])
    assert views.shape == (2, SIDE, SIDE)
    assert is_flat(views).tolist() == [True, False]
    assert is_flat(np.full((1, SIDE, SIDE), 7, np.uint8))[0]
    assert FLAT < 3
