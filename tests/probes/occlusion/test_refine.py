"""Approximate maps: exact where they say so, interpolated by the formula elsewhere, the check recomputed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convscope.errors import SettingError
from convscope.probes.occlusion.experiment import LABEL, LABEL_PROBABILITY, TARGET, Measured
from convscope.probes.occlusion.occlude import occlude
from convscope.probes.occlusion.refine import Approximate, Measure, refine
from tests.probes.make import model, picture

SHAPE = (13, 18)


def field(kind: str) -> NDArray[np.float64]:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    kinds: dict[str, NDArray[np.float64]] = {
        "plane": 2 * y - 3 * x + 1,
        "hill": np.exp(-((y - 6) ** 2 + (x - 11) ** 2) / 8),
        "noise": np.random.default_rng(0).normal(size=SHAPE),
        "flat": np.ones(SHAPE),
    }
    return kinds[kind]


def measuring(values: NDArray[np.float64]) -> tuple[Measure, list[int]]:
    """Answers from known grids, and the list of places that were asked for."""
    asked: list[int] = []

    def measure(places: Sequence[int]) -> Measured:
        asked.extend(places)
        flat = values.ravel()[list(places)]
        return {TARGET: flat.astype(np.float32), LABEL: np.array(places), LABEL_PROBABILITY: flat, "sums 0": 2 * flat}

    return measure, asked


@pytest.mark.parametrize("kind", ["plane", "hill", "noise", "flat"])
@pytest.mark.parametrize("settings", [Approximate(0.1, None), Approximate(None, 0.5), Approximate(0.0, 0.4, seed=3)])
def test_exact_places_are_exact_and_are_those_computed_once(kind: str, settings: Approximate) -> None:
    values = field(kind)
    measure, asked = measuring(values)
    found = refine(measure, SHAPE, settings)
    assert len(asked) == len(set(asked)) == found.exact.sum()
    assert set(asked) == set(np.flatnonzero(found.exact).tolist())
    np.testing.assert_array_equal(found.grids[TARGET][found.exact], values[found.exact].astype(np.float32))
    np.testing.assert_array_equal(found.grids["sums 0"][found.exact], 2 * values[found.exact])
    if settings.budget is not None:
        assert len(asked) <= round(settings.budget * values.size)


def test_a_plane_is_interpolated_without_error() -> None:
    measure, asked = measuring(field("plane"))
    found = refine(measure, SHAPE, Approximate(1000))
    np.testing.assert_allclose(found.grids[TARGET], field("plane"), rtol=1e-5)
    assert len(asked) == 4 * 6 + 16
    assert found.error.sampled == 16
    assert found.error.interpolated == 13 * 18 - 24
    assert found.error.largest < 1e-5


def test_between_lattice_points_values_are_bilinear_and_labels_the_nearest() -> None:
    values = field("noise")
    measure, _ = measuring(values)
    found = refine(measure, SHAPE, Approximate(1000))
    rows, columns = [0, 4, 8, 12], [0, 4, 8, 12, 16, 17]
    for y, x in np.argwhere(~found.exact).tolist():
        top, bottom = next((a, b) for a, b in pairwise(rows) if a <= y <= b)
        left, right = next((a, b) for a, b in pairwise(columns) if a <= x <= b)
        weights = {
            (r, c): (1 - abs(y - r) / (bottom - top)) * (1 - abs(x - c) / (right - left))
            for r in (top, bottom)
            for c in (left, right)
        }
        expected = sum(weight * values[corner] for corner, weight in weights.items())
        assert found.grids[TARGET][y, x] == pytest.approx(expected, abs=1e-5)
        near = divmod(int(found.grids[LABEL][y, x]), SHAPE[1])
        assert weights[near] == pytest.approx(max(weights.values()))
        assert found.grids[LABEL_PROBABILITY][y, x] == values[near]


def test_uneven_parts_are_refined_to_single_steps() -> None:
    values = field("flat")
    values[8, 8] = 5
    measure, _ = measuring(values)
    found = refine(measure, SHAPE, Approximate(0.1, None))
    assert found.exact[5:12, 5:12].mean() > 0.5
    assert found.exact[7:10, 7:10].all()
    np.testing.assert_allclose(found.grids[TARGET][~found.exact], 1)


def test_the_error_is_that_of_the_places_that_were_checked() -> None:
    values = field("hill")
    measure, asked = measuring(values)
    error = refine(measure, SHAPE, Approximate(0.3, None, seed=0)).error
    sample = asked[-error.sampled :]
    # Another seed differs in nothing but the places that are checked, so the others still hold what was interpolated.
    others = [refine(measuring(values)[0], SHAPE, Approximate(0.3, None, seed)) for seed in range(1, 5)]
    off = []
    for place in sample:
        guess = next(other.grids[TARGET].flat[place] for other in others if not other.exact.flat[place])
        off.append(abs(guess - values.flat[place]))
    assert error.mean == pytest.approx(np.mean(off), abs=1e-6)
    assert error.quantile95 == pytest.approx(np.quantile(off, 0.95), abs=1e-6)
    assert error.largest == pytest.approx(max(off), abs=1e-6)
    assert max(off) > 0.01


def test_the_seed_decides_what_is_checked() -> None:
    values = field("hill")
    assert refined_places(values, Approximate(seed=5)) == refined_places(values, Approximate(seed=5))
    assert refined_places(values, Approximate(seed=5)) != refined_places(values, Approximate(seed=6))


def refined_places(values: NDArray[np.float64], settings: Approximate) -> list[int]:
    measure, asked = measuring(values)
    refine(measure, SHAPE, settings)
    return asked


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (2, 2), (5, 1), (4, 4)])
def test_small_grids(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(1).normal(size=shape)
    measure, asked = measuring(values)
    found = refine(measure, shape, Approximate(0.0, None))
    assert found.grids[TARGET].shape == shape
    assert len(asked) == found.exact.sum()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tolerance": -1}, "tolerance is -1"),
        ({"tolerance": float("nan")}, "tolerance is nan"),
        ({"budget": 0}, "budget is 0"),
        ({"budget": 1.5}, "at most 1"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Approximate(**settings)


def test_a_budget_below_the_first_lattice_says_how_much_is_needed() -> None:
    measure, _ = measuring(field("flat"))
    with pytest.raises(SettingError, match=r"0\.17 of all places"):
        refine(measure, SHAPE, Approximate(budget=0.1))


def test_an_approximate_map_is_labelled_and_agrees_where_it_is_exact() -> None:
    network, image = model(), picture()
    whole = occlude(network, image, 4, 1)
    told: list[int] = []
    found = occlude(
        network, image, 4, 1, approximate=Approximate(None, 0.3), report=lambda done, total: told.append(done)
    )
    assert found.error is not None
    assert 0.1 < found.exact.mean() <= 0.3
    assert any(note.startswith("approximate") for note in found.notes)
    np.testing.assert_allclose(found.target_grid[found.exact], whole.target_grid[found.exact], atol=1e-6)
    np.testing.assert_allclose(found.layers[0].sums[found.exact], whole.layers[0].sums[found.exact], rtol=1e-4)
    off = np.abs(found.target_grid - whole.target_grid)[~found.exact]
    assert off.mean() < 5 * found.error.mean
    assert told == sorted(told)
