"""Similar units against numpy.corrcoef, alone and all at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from convscope.atlas.peaks import Peaks
from convscope.web.atlas.likeness import BLOCK, LEAST, MOST, Alike, all_most_alike, by_chance, most_alike, standardised


def peaks_of(values: NDArray[np.float64]) -> Peaks:
    return Peaks(np.arange(values.shape[1], dtype=np.int32), values.astype(np.float32))


def some_peaks(units: int, images: int, seed: int) -> Peaks:
    """Rectified mixtures of a few causes on very different scales; some units dead, some constant."""
    draw = np.random.default_rng(seed)
    values = (draw.normal(size=(units, 5)) @ draw.normal(size=(5, images)) + draw.normal(size=(units, images))).clip(0)
    values *= 10.0 ** draw.integers(-6, 6, (units, 1))
    values[draw.random(units) < 0.1] = 0
    values[draw.random(units) < 0.1] = 0.1
    return peaks_of(values)


def directly(peaks: Peaks, unit: int) -> dict[int, float]:
    """Every positive correlation of a unit, pair by pair in float64."""
    wide = peaks.values.astype(np.float64)
    lively = [other for other in range(len(wide)) if len(set(wide[other])) > 1 and max(wide[other]) > 0]
    if unit not in lively:
        return {}
    return {other: float(np.corrcoef(wide[unit], wide[other])[0, 1]) for other in lively if other != unit}


@settings(max_examples=12, deadline=None)
@given(units=st.integers(1, 2 * BLOCK + 5), images=st.integers(LEAST, 150), seed=st.integers(0, 99))
def test_the_most_correlated_units_against_numpy(units: int, images: int, seed: int) -> None:
    peaks = some_peaks(units, images, seed)
    layer, least = standardised(peaks), by_chance(units, images)
    for unit in range(0, units, 7):
        found, expected = most_alike(layer, unit), directly(peaks, unit)
        for alike in found:
            assert alike.correlation == pytest.approx(expected[alike.unit], abs=1e-4)
            assert alike.correlation > least
        ranked = sorted((value for value in expected.values() if value > least + 1e-4), reverse=True)[:MOST]
        assert [alike.correlation for alike in found][: len(ranked)] == pytest.approx(ranked, abs=1e-4)
        assert len(found) <= MOST


@pytest.mark.parametrize("units", [1, BLOCK - 1, BLOCK, 3 * BLOCK + 1])
def test_alone_and_all_at_once_are_the_same_to_the_bit(units: int) -> None:
    layer = standardised(some_peaks(units, 97, 3))
    assert all_most_alike(layer) == tuple(most_alike(layer, unit) for unit in range(units))


def test_equal_correlations_are_in_the_order_of_channels() -> None:
    row = np.random.default_rng(0).random(40)
    found = most_alike(standardised(peaks_of(np.stack([row * (2 + unit) for unit in range(10)]))), 4)
    assert found == tuple(Alike(unit, 1.0) for unit in (0, 1, 2, 3, 5, 6))


def test_what_is_constant_or_dead_or_falls_when_the_other_rises_is_not_alike() -> None:
    row = np.random.default_rng(0).random(40)
    layer = standardised(peaks_of(np.stack([row, 1 - row, np.full(40, 0.1), np.zeros(40), row - 2])))
    assert all_most_alike(layer) == ((), (), (), (), ())


def test_a_few_images_tell_nothing() -> None:
    row = np.random.default_rng(0).random(LEAST)
    assert most_alike(standardised(peaks_of(np.stack([row, row])[:, 1:])), 0) == ()
    assert most_alike(standardised(peaks_of(np.stack([row, row]))), 0) == (Alike(1, 1.0),)


@pytest.mark.parametrize(("units", "images"), [(64, 100), (512, 1000)])
def test_unrelated_units_stay_near_what_chance_gives(units: int, images: int) -> None:
    draw = np.random.default_rng(1)
    rows = draw.normal(size=(units, images))
    rows -= rows.mean(1, keepdims=True)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    strongest = (rows @ rows.T - 2 * np.eye(units)).max(1)
    assert strongest.mean() < by_chance(units, images) < 1.3 * strongest.mean()
