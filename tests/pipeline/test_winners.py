"""Which units and places are projected, and how they are cut into parts."""

from __future__ import annotations

import pytest
import torch

from convscope.engine.layers import Layer
from convscope.engine.sampled import SampledPeaks
from convscope.engine.scan import Scan
from convscope.engine.tally import Statistics, Tally
from convscope.engine.topk import NOWHERE, TopK
from convscope.pipeline import winners as choosing
from convscope.pipeline.winners import Winner, choose_units, in_parts, tasks_of, winners_of
from convscope.window import Field

FIRST = Layer("first", "a", "relu", 4, 4, 5, Field(3, 2, -1), Field(5, 2, -2), gated=False)
GATED = Layer("second", "b", "mul", 4, 4, 5, Field(3, 2, -1), Field(5, 2, -2), gated=True)
SIZE = (8, 10)


def tally_of(peaks: torch.Tensor, k: int = 2, *, many: bool = False) -> Tally:
    maps = peaks[:, :, None, None].expand(-1, -1, 1, 1).contiguous()
    none = torch.full((len(peaks),), -1)
    return Tally.empty(peaks.shape[1], k, many=many).after(maps, torch.arange(len(peaks)), none)


def test_units_that_stand_out_are_chosen_and_listed_by_number() -> None:
    peaks = torch.ones(20, 4)
    peaks[0] = torch.tensor([1.0, 30.0, 9.0, 100.0])
    peaks[:, 2] += torch.arange(20) % 2 * 5
    mean, std = peaks.mean(0), peaks.std(0, correction=0)
    score = ((peaks.sort(0, descending=True)[0][:2].mean(0) - mean) / std).tolist()
    assert score[2] < min(score[1], score[3])
    assert choose_units(tally_of(peaks), 2) == [1, 3]
    assert choose_units(tally_of(peaks), 0) == []
    for all_of_them in (None, 4, 99):
        assert choose_units(tally_of(peaks), all_of_them) == [0, 1, 2, 3]


def test_of_equals_the_first_and_the_dead_last() -> None:
    peaks = torch.ones(6, 4)
    peaks[:, 0] = -2
    assert choose_units(tally_of(peaks), 2) == [1, 2]
    assert choose_units(tally_of(peaks), 3) == [1, 2, 3]


def test_dead_units_come_last_even_behind_units_whose_top_is_below_their_mean_peak() -> None:
    maps = torch.tensor([[[[-1.0, -1.0]], [[4.0, 0.0]]]])
    tally = Tally.empty(2, 2, many=True).after(maps, torch.arange(1), torch.tensor([-1]))
    assert choose_units(tally, 1) == [1]


def scan_of(places: list[list[int]]) -> Scan:
    """Two layers of 4 units with the same places, image * 20 + position."""
    k = max(map(len, places))
    place = torch.tensor([row + [NOWHERE] * (k - len(row)) for row in places])
    tally = Tally(TopK(torch.ones(4, k), place), Statistics.empty(4, 0), {}, SampledPeaks(4))
    return Scan((FIRST, GATED), {"first": tally, "second": tally}, (), ())


def test_winners_go_image_by_image_and_from_input_to_output() -> None:
    scan = scan_of([[45, 3], [1], [], [59]])
    found = winners_of(scan, {"first": [0, 2, 3], "second": [1]})
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
    scan = scan_of([[45, 3, 66], [1, 2], [], [59]])
    winners = winners_of(scan, dict.fromkeys(("first", "second"), range(4)))
    tasks = tasks_of(scan, winners)
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
    scan = scan_of([[45, 3], [1], [], [59]])
    tasks = tasks_of(scan, winners_of(scan, {"first": [1], "second": []}))
    assert [(task.image, len(task.winners), task.picture) for task in tasks] == [
        (0, 1, True),
        (2, 0, True),
    ]


def test_what_is_not_above_zero_is_no_winner() -> None:
    scan = scan_of([[45, 3], [1], [], [59]])
    top = scan.tallies["first"].top
    silent = TopK(torch.zeros_like(top.value), top.place)
    tally = Tally(silent, Statistics.empty(4, 0), {}, SampledPeaks(4))
    quiet = Scan(scan.layers, {"first": tally, "second": tally}, (), ())
    assert winners_of(quiet, {"first": range(4), "second": range(4)}) == []
    assert tasks_of(quiet, []) == []
