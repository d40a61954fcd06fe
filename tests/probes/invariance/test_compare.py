"""Distances against the formula, written out in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from convscope.probes.invariance import compare as module
from convscope.probes.invariance.compare import as_rows, compare, compare_moved, normalise
from convscope.probes.invariance.follow import sources_of
from convscope.probes.invariance.transform import TRANSFORMS
from convscope.probes.invariance.watched import Places


def maps(shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 6), st.integers(1, 5), st.booleans())
def test_distances_are_the_formulas(count: int, units: int, height: int, width: int, last: bool) -> None:
    values = maps((1 + count, units, height, width))
    stored = values.contiguous(memory_format=torch.channels_last) if last else values
    rows = as_rows(stored)
    apart = compare(rows[1:], rows[0])
    wide = values.double().numpy()
    for number in range(count):
        one, other = wide[1 + number], wide[0]
        difference = np.linalg.norm(one - other)
        both = math.hypot(float(np.linalg.norm(one)), float(np.linalg.norm(other)))
        assert apart.distance()[number] == pytest.approx(difference, rel=1e-5)
        assert apart.normalised()[number] == pytest.approx(difference / both, rel=1e-5)
        for unit in range(units):
            mine = np.linalg.norm(one[unit] - other[unit])
            size = math.hypot(float(np.linalg.norm(one[unit])), float(np.linalg.norm(other[unit])))
            assert apart.normalised_units()[number, unit] == pytest.approx(mine / size, rel=1e-5)


def test_large_maps_are_handled_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = as_rows(maps((9, 4, 5, 6)))
    whole = compare(rows[1:], rows[0])
    for size in (1, 37, 250):
        monkeypatch.setattr(module, "_AT_ONCE", size)
        parts = compare(rows[1:], rows[0])
        for name in ("difference", "one", "other"):
            np.testing.assert_allclose(getattr(whole, name), getattr(parts, name), rtol=1e-5)


def test_what_the_normalised_distance_says() -> None:
    reference = torch.tensor([[[3.0, 4.0]]])
    rows = torch.tensor([[[3.0, 4.0]], [[-4.0, 3.0]], [[-3.0, -4.0]], [[0.0, 0.0]], [[6.0, 8.0]]])
    same, right_angle, opposite, nothing, double = compare(rows, reference[0]).normalised()
    assert same == 0
    assert right_angle == pytest.approx(1)
    assert opposite == pytest.approx(math.sqrt(2))
    assert nothing == pytest.approx(1)
    assert double == pytest.approx(1 / math.sqrt(5))


def test_two_zero_vectors_are_the_same_and_a_silent_unit_says_nothing() -> None:
    apart = compare(torch.zeros(2, 3, 4), torch.zeros(3, 4))
    np.testing.assert_array_equal(apart.normalised(), [0, 0])
    assert np.isnan(apart.normalised_units()).all()
    assert np.isnan(normalise(np.zeros(1), np.zeros(1))).all()


def test_small_differences_of_large_vectors_are_not_lost() -> None:
    reference = maps((1, 2000, 3)) * 1000
    nudged = reference.clone()
    nudged[0, 7, 1] += 0.25
    expected = float(nudged[0, 7, 1] - reference[0, 7, 1])
    assert compare(nudged, reference[0]).distance()[0] == pytest.approx(expected, rel=1e-6)


def test_moved_maps_are_compared_where_they_have_a_source() -> None:
    places = Places((6, 5), (0.5, 0.5), (1.0, 1.0))
    sources = [sources_of(places, TRANSFORMS["translate-y"].inverse(value), (6, 5)) for value in (2, 6)]
    assert sources[1] is None
    reference = maps((3, 6, 5))
    shifted = torch.roll(reference, 2, 1) + 0.5
    rows = as_rows(torch.stack([reference, shifted, shifted]))
    apart = compare_moved([rows[1], rows[2]], rows[0], sources)
    area = 4 * 5
    np.testing.assert_allclose(apart.difference[0], [area * 0.25] * 3, rtol=1e-5)
    np.testing.assert_allclose(apart.one[0], shifted[:, 2:].square().sum((1, 2)).numpy(), rtol=1e-5)
    np.testing.assert_allclose(apart.other[0], reference[:, :4].square().sum((1, 2)).numpy(), rtol=1e-5)
    assert np.isnan(apart.normalised_units()[1]).all()


def test_vectors_are_maps_of_one_position() -> None:
    values = maps((3, 4))
    assert as_rows(values).shape == (3, 1, 4)
    np.testing.assert_array_equal(as_rows(values)[:, 0], values)
