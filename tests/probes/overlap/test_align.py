"""Correlation by explicit loops, and boxes that were cut on purpose and must be found again."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convscope.images.pixels import Pixels
from convscope.probes.overlap.align import PLAIN, Floats, _moved, align, boxed, correlation, detail, edge_correlation
from convscope.probes.overlap.candidates import Candidates
from convscope.probes.overlap.sampling import SHORTEST, STEPS, sampler
from tests.probes.overlap.make import cropped, scene, views_of

STACK = np.random.default_rng(0).uniform(0, 255, (2, 3, 16, 16)).astype(np.float32)


def test_correlation_is_the_textbooks() -> None:
    for one, other, found in zip(*STACK, correlation(*STACK), strict=True):
        a, b = one.astype(np.float64).ravel(), other.astype(np.float64).ravel()
        mean_a, mean_b = sum(a) / 256, sum(b) / 256
        above = sum((x - mean_a) * (y - mean_b) for x, y in zip(a, b, strict=True))
        below = math.sqrt(sum((x - mean_a) ** 2 for x in a) * sum((y - mean_b) ** 2 for y in b))
        assert found == pytest.approx(above / below, abs=1e-5)


def test_edges_are_differences_of_neighbours() -> None:
    for one, other, found in zip(*STACK.astype(np.float64), edge_correlation(*STACK), strict=True):
        above = below_one = below_other = 0.0
        for y in range(15):
            for x in range(15):
                for v, w in ((y + 1, x), (y, x + 1)):
                    a, b = one[v, w] - one[y, x], other[v, w] - other[y, x]
                    above, below_one, below_other = above + a * b, below_one + a * a, below_other + b * b
        assert found == pytest.approx(above / math.sqrt(below_one * below_other), abs=1e-5)


def test_detail_counts_the_differences_that_matter() -> None:
    bars = np.zeros((2, 16, 16), np.float32)
    bars[0, :, 8:] = 50  # 15 differences of one size across
    bars[1, 4:, 3:] = 50
    np.testing.assert_allclose(detail(bars), (15, 12 + 11), rtol=1e-5)
    squares = [float((found - other) ** 2) for found, other in _neighbours(STACK[0, 0])]
    expected = sum(squares) ** 2 / sum(value**2 for value in squares)
    assert detail(STACK[0])[0] == pytest.approx(expected, rel=1e-4)
    assert detail(np.full((1, 16, 16), 7, np.float32))[0] < PLAIN


def _neighbours(values: Floats) -> list[tuple[float, float]]:
    places = [(y, x) for y in range(15) for x in range(15)]
    return [(values[v, w], values[y, x]) for y, x in places for v, w in ((y + 1, x), (y, x + 1))]


def test_plain_pairs_must_be_nearer() -> None:
    def horizon(seed: int) -> Pixels:
        noise = np.random.default_rng(seed).normal(0, 2, (64, 64, 1))
        return np.clip(np.where(np.mgrid[:64, :64][0] < 30, 90, 180)[..., None] + noise, 0, 255).astype(np.uint8)

    views = views_of([horizon(1), horizon(2)])
    one = np.zeros(1, np.int64)
    found = Candidates(one, one, one, np.array([False]), np.ones(1, np.float32))
    aligned = align(views[:1], views[1:], found, workers=1, report=lambda _done, _total: None)
    goal = boxed(views[1:].astype(np.float32), np.array([(0, STEPS, 0, STEPS)]))
    raw = edge_correlation(boxed(views[:1].astype(np.float32), aligned.boxes), goal)
    np.testing.assert_allclose(aligned.edges, 2 * raw - 1, atol=1e-5)


def test_what_is_flat_correlates_with_nothing() -> None:
    flat = np.full((3, 16, 16), 9, np.float32)
    assert not correlation(flat, STACK[0]).any()
    assert not edge_correlation(flat, STACK[0]).any()


def test_a_box_is_two_matrices() -> None:
    views = STACK[0].repeat(2, 1).repeat(2, 2)
    boxes = np.array([(0, 64, 0, 64), (5, 40, 20, 44), (32, 32, 0, 50)])
    for view, (top, height, left, width), found in zip(views, boxes, boxed(views, boxes), strict=True):
        expected = sampler(top, height, 16).astype(np.float64) @ view @ sampler(left, width, 16).T
        np.testing.assert_allclose(found, expected, rtol=1e-4)


@given(st.integers(SHORTEST, STEPS), st.integers(0, STEPS), st.sampled_from([1, 2, 4]))
def test_moved_boxes_stay_inside(length: int, start: int, step: int) -> None:
    start = min(start, STEPS - length)
    for moved in _moved(np.array([(start, length, 0, STEPS)]), step):
        top, height, left, width = moved[0].tolist()
        assert min(height, width) >= SHORTEST
        assert min(top, left) >= 0
        assert max(top + height, left + width) <= STEPS


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("part", [(0.1, 0.05, 0.95, 0.9), (0.0, 0.2, 0.8, 1.0), (0.05, 0.0, 1.0, 0.97)])
def test_a_crop_is_found_where_it_was_cut(part: tuple[float, float, float, float], mirrored: bool) -> None:
    whole = scene(3, 120, 160)
    cut = cropped(whole, *part)
    views = views_of([whole, cut[:, ::-1] if mirrored else cut])
    one = np.zeros(1, np.int64)
    found = Candidates(one, one, one, np.array([mirrored]), np.ones(1, np.float32))
    aligned = align(views[:1], views[1:], found, workers=1, report=lambda _done, _total: None)
    top, height, left, width = (aligned.boxes[0] / STEPS).tolist()
    np.testing.assert_allclose((top, left, top + height, left + width), part, atol=2.5 / STEPS)
    assert aligned.correlation[0] > 0.98
    assert aligned.edges[0] > 0.93


def test_what_does_not_fit_is_given_up() -> None:
    views = views_of([scene(1), scene(2)])
    one = np.zeros(1, np.int64)
    found = Candidates(one, one, one, np.array([False]), np.ones(1, np.float32))
    assert len(align(views[:1], views[1:], found, workers=1, report=lambda _done, _total: None).pairs) == 0
