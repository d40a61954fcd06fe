"""Transforms: signs, centres and values, told apart by hand-made points."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convscope.errors import SettingError
from convscope.probes.invariance.transform import PAPER, TRANSFORMS, find_transform, find_values

CENTRE = (10.0, 20.0)


def source(name: str, value: float, row: float, column: float) -> tuple[float, float]:
    moved = TRANSFORMS[name].inverse(value).source(np.array([row, column]), CENTRE)
    return float(moved[0]), float(moved[1])


def test_what_is_seen_after_a_shift_comes_from_where_it_was() -> None:
    assert source("translate-y", 3, 10, 20) == (7, 20)  # down by 3
    assert source("translate-x", 3, 10, 20) == (10, 17)  # to the right by 3


def test_magnifying_looks_nearer_to_the_centre() -> None:
    assert source("scale", 2, 14, 20) == (12, 20)
    assert source("scale", 0.5, 10, 21) == (10, 22)


def test_a_quarter_turn_counter_clockwise_brings_the_right_to_the_top() -> None:
    assert source("rotate", 90, 9, 20) == (10, 21)  # what is above the centre was to the right of it
    assert source("rotate", 180, 9, 22) == (11, 18)


@given(
    st.sampled_from(sorted(TRANSFORMS)),
    st.floats(0.3, 3),
    st.tuples(st.floats(-50, 50), st.floats(-50, 50)),
)
def test_the_transform_and_its_opposite_cancel(name: str, value: float, point: tuple[float, float]) -> None:
    opposite = 1 / value if name == "scale" else -value
    back = TRANSFORMS[name].inverse(opposite).source(np.array(source(name, value, *point)), CENTRE)
    np.testing.assert_allclose(back, point, atol=1e-9)


@given(st.floats(-360, 360), st.floats(0.1, 40))
def test_turning_keeps_distances_and_turns_by_the_angle(degrees: float, length: float) -> None:
    row, column = source("rotate", degrees, CENTRE[0], CENTRE[1] + length)
    down, across = row - CENTRE[0], column - CENTRE[1]
    assert math.hypot(down, across) == pytest.approx(length)
    # Rows point down: the source of a point turned counter-clockwise lies clockwise of it.
    assert math.cos(math.radians(degrees)) * length == pytest.approx(across, abs=1e-9)
    assert math.sin(math.radians(degrees)) * length == pytest.approx(down, abs=1e-9)


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
def test_the_identity_is_one(name: str) -> None:
    point = np.array([3.25, 7.5])
    inverse = TRANSFORMS[name].inverse(TRANSFORMS[name].identity)
    np.testing.assert_array_equal(inverse.source(point, CENTRE), point)
    assert not inverse.turns


@pytest.mark.parametrize(("degrees", "turns"), [(0, False), (360, False), (90, True), (180, True), (1, True)])
def test_only_a_turn_turns(degrees: float, turns: bool) -> None:
    assert TRANSFORMS["rotate"].inverse(degrees).turns is turns


def test_the_papers_values() -> None:
    size = (224, 224)
    shifts, scales, angles = (find_values(TRANSFORMS[name], None, size) for name in PAPER)
    np.testing.assert_array_equal(shifts, np.arange(-60, 61, 5))
    np.testing.assert_allclose(scales, 1 + 0.05 * np.arange(17))
    np.testing.assert_array_equal(angles, np.arange(0, 360, 10))


def test_shifts_are_in_proportion_to_the_image_and_whole() -> None:
    x, y = (find_values(TRANSFORMS[name], None, (24, 448)) for name in ("translate-x", "translate-y"))
    np.testing.assert_array_equal(x, np.arange(-120, 121, 10))
    np.testing.assert_array_equal(y, np.arange(-6, 7))


def test_values_are_put_in_order() -> None:
    np.testing.assert_array_equal(find_values(TRANSFORMS["rotate"], [30, -10, 0], (9, 9)), [-10, 0, 30])


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("scale", [], "0 values"),
        ("scale", [1, math.nan], "NaN"),
        ("scale", [1, math.inf], "NaN or infinite"),
        ("scale", [0], r"outside 0\.1 to 10"),
        ("scale", [-1], r"outside 0\.1"),
        ("rotate", [361], "outside -360 to 360"),
        ("translate-x", [31], "outside -30 to 30"),
        ("translate-y", [-21], "outside -20 to 20"),
        ("rotate", [5, 5.0], "a value twice"),
        ("rotate", range(1001), "1001 values"),
    ],
)
def test_bad_values_are_refused(name: str, values: list[float], message: str) -> None:
    with pytest.raises(SettingError, match=f"the values of {name} hold .*{message}"):
        find_values(TRANSFORMS[name], values, (20, 30))


def test_an_unknown_transform_is_refused() -> None:
    with pytest.raises(SettingError, match="'shear' is unknown; choose one of translate-x"):
        find_transform("shear")
