"""Which units and places are projected, and how they are cut into parts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from convscope.atlas.schema import UnitRow
from convscope.atlas.tops import Tops
from convscope.engine.layers import Layer
from convscope.pipeline import winners as choosing
from convscope.pipeline.winners import Task, Winner, choose_units, in_parts, tasks_of, winners_of
from convscope.window import Field

FIRST = Layer("first", "a", "relu", 4, 4, 5, Field(3, 2, -1), Field(5, 2, -2), gated=False)
GATED = Layer("second", "b", "mul", 4, 4, 5, Field(3, 2, -1), Field(5, 2, -2), gated=True)
SIZE = (8, 10)


def tops_of(found: list[tuple[int, int, int, float]]) -> Tops:
    """Of (unit, rank, image * 20 + position, value); maps have 5 columns."""
    unit, rank, place, value = (np.array([each[i] for each in found]) for i in range(4))
    image, y, x = place // 20, place % 20 // 5, place % 5
    unit, rank, image, y, x = (np.asarray(each, np.int32) for each in (unit, rank, image, y, x))
    return Tops(unit, rank, image, value.astype(np.float32), y, x)


def table_of(peaks: NDArray[np.float64], k: int = 2) -> tuple[list[UnitRow], Tops]:
    """What the tables keep of peaks (images, units)."""
    rows, found = [], []
    for unit, column in enumerate(peaks.T):
        most, mean, spread, active = (
            float(v) for v in (column.max(), column.mean(), column.std(), (column > 0).mean())
        )
        rows.append(UnitRow("first", unit, len(column), most, mean, spread, active, active == 0, None, None))
        strongest = sorted(column, reverse=True)[:k]
        found += [(unit, rank, 0, value) for rank, value in enumerate(strongest) if value > 0]
    return rows, tops_of(found)


def test_units_that_stand_out_are_chosen_and_listed_by_number() -> None:
    peaks = np.ones((20, 4))
    peaks[0] = [1.0, 30.0, 9.0, 100.0]
    peaks[:, 2] += np.arange(20) % 2 * 5
    score = (np.sort(peaks, 0)[-2:].mean(0) - peaks.mean(0)) / np.maximum(peaks.std(0), 1e-12)
    assert score[2] < min(score[1], score[3])
    assert choose_units(*table_of(peaks), 2) == [1, 3]
    assert choose_units(*table_of(peaks), 0) == []
    for all_of_them in (None, 4, 99):
        assert choose_units(*table_of(peaks), all_of_them) == [0, 1, 2, 3]


def test_of_equals_the_first_and_the_dead_last() -> None:
    peaks = np.ones((6, 4))
    peaks[:, 0] = -2
    assert choose_units(*table_of(peaks), 2) == [1, 2]
    assert choose_units(*table_of(peaks), 3) == [1, 2, 3]


def test_dead_units_come_last_even_behind_units_whose_top_is_below_their_mean_peak() -> None:
    rows = [
        UnitRow("first", unit, 1, peak, peak, 0.0, float(peak > 0), peak <= 0, None, None)
        for unit, peak in ((0, -1.0), (1, 4.0))
    ]
    assert choose_units(rows, tops_of([(1, 0, 0, 4.0), (1, 1, 1, 2.0)]), 1) == [1]


def winners_in(places: list[list[int]], *units: Sequence[int]) -> list[Winner]:
    """Of two layers of 4 units with the same places, image * 20 + position."""
    tops = tops_of([(unit, rank, place, 1.0) for unit, row in enumerate(places) for rank, place in enumerate(row)])
    return winners_of((FIRST, GATED), (tops, tops), units)


def images_in(places: list[list[int]]) -> list[int]:
    return sorted({place // 20 for row in places for place in row})


def test_winners_go_image_by_image_and_from_input_to_output() -> None:
    found = winners_in([[45, 3], [1], [], [59]], [0, 2, 3], [1])
    assert [(w.image, w.layer.address, w.unit, w.rank, w.y, w.x) for w in found] == [
        (0, "first", 0, 1, 0, 3),
        (0, "second", 1, 0, 0, 1),
        (2, "first", 0, 0, 1, 0),
        (2, "first", 3, 0, 3, 4),
    ]


def test_a_box_is_the_clipped_window_or_all_of_the_image_behind_a_gate() -> None:
    for y in range(4):
        for x in range(5):
            rows, columns = FIRST.rows.window(y).clip(8), FIRST.columns.window(x).clip(10)
            assert Winner(0, FIRST, 0, 0, y, x).box(SIZE) == (rows.start, columns.start, rows.stop, columns.stop)
            assert Winner(0, GATED, 0, 0, y, x).box(SIZE) == (0, 0, 8, 10)


@pytest.mark.parametrize(("limit", "winners_of_a_task"), [(1, 1), (400, 2), (1000, 3), (10**9, 256)])
def test_parts_hold_every_winner_and_every_picture_once_within_the_limit(
    monkeypatch: pytest.MonkeyPatch, limit: int, winners_of_a_task: int
) -> None:
    monkeypatch.setattr(choosing, "PART_BYTES", limit)
    monkeypatch.setattr(choosing, "_TASK_WINNERS", winners_of_a_task)
    places = [[45, 3, 66], [1, 2], [], [59]]
    winners = winners_in(places, range(4), range(4))
    tasks = tasks_of(images_in(places), winners)
    parts = list(in_parts(tasks, SIZE, 6))
    flat = [task for part in parts for task in part]
    assert flat == tasks
    assert [winner for task in flat for winner in task.winners] == winners
    assert [task.image for task in flat if task.picture] == [0, 2, 3]
    assert parts == list(in_parts(tasks, SIZE, 6))
    for part in parts:
        boxes = [[winner.box(SIZE) for winner in task.winners] for task in part]
        held = [sum((b - t) * (r - left) * 6 for t, left, b, r in some) for some in boxes]
        assert sum(held[:-1]) < limit
    assert list(in_parts([], SIZE, 6)) == []


def test_an_image_that_is_on_top_of_an_unprojected_unit_still_keeps_its_picture() -> None:
    places = [[45, 3], [1], [], [59]]
    tasks = tasks_of(images_in(places), winners_in(places, [1], []))
    assert [(task.image, len(task.winners), task.picture) for task in tasks] == [
        (0, 1, True),
        (2, 0, True),
    ]


def test_layers_without_activations_have_no_winners() -> None:
    assert winners_in([[], [], [], []], range(4), range(4)) == []
    assert tasks_of([], []) == list[Task]()
