"""Descriptors: against sums of cosines, and what mirroring and boxes do to them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from convscope.probes.overlap.descriptor import BOXES, LENGTH, MIRROR, describe
from convscope.probes.overlap.sampling import SHORTEST, STEPS, Box, sampler
from tests.probes.overlap.make import scene, views_of

VIEWS = views_of([scene(seed) for seed in range(3)])


def test_a_descriptor_is_weighted_cosines_of_the_box() -> None:
    box = BOXES[5]
    samples = sampler(box[0], box[1], 16).astype(np.float64) @ VIEWS[1] @ sampler(box[2], box[3], 16).T
    values = []
    for down in range(8):
        for across in range(8):
            total = 0.0
            for y in range(16):
                for x in range(16):
                    wave = math.cos(math.pi * (y + 0.5) * down / 16) * math.cos(math.pi * (x + 0.5) * across / 16)
                    total += samples[y, x] * wave
            for frequency in (down, across):
                total *= math.sqrt((1 if frequency == 0 else 2) / 16)
            values.append(total * math.hypot(down, across) ** 0.5)
    expected = np.array(values[1:]) / np.linalg.norm(values[1:])
    found = describe(VIEWS, box)[1]
    np.testing.assert_allclose(found[:-1], expected, atol=1e-5)
    assert (len(found), found[-1]) == (LENGTH, 0)


@pytest.mark.parametrize("box", BOXES[::4])
def test_the_mirror_is_a_change_of_signs(box: Box) -> None:
    top, height, left, width = box
    there = (top, height, STEPS - left - width, width)
    np.testing.assert_allclose(describe(VIEWS[:, :, ::-1], there), describe(VIEWS, box) * MIRROR, atol=1e-5)


def test_brightness_and_contrast_do_not_count_and_flat_views_have_none() -> None:
    views = np.stack([VIEWS[0], VIEWS[0] // 2 + 40, np.full_like(VIEWS[0], 90)])
    found = describe(views)
    assert found[0] @ found[1] > 0.999
    assert not found[2].any()
    np.testing.assert_allclose(np.linalg.norm(found[:2], axis=1), 1, rtol=1e-5)


def test_boxes_lie_inside_and_are_different() -> None:
    assert len(set(BOXES)) == len(BOXES)
    for top, height, left, width in BOXES:
        assert min(height, width) >= SHORTEST
        assert min(top, left) >= 0
        assert max(top + height, left + width) <= STEPS
