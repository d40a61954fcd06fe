"""Which units and places are projected, and how they are cut into parts."""

from __future__ import annotations

import pytest
import torch

from convscope.engine.layers import Layer
from convscope.engine.scan import Scan
from convscope.engine.tally import Statistics, Tally
from convscope.engine.topk import NOWHERE, TopK
from convscope.pipeline import winners as choosing
from convscope.pipeline.winners import Winner, choose_units, in_parts, winners_of
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
    tally = Tally(TopK(torch.zeros(4, k), place), Statistics.empty(4, 0), {})
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


@pytest.mark.parametrize("limit", [1, 400, 1000, 10**9])
def test_parts_hold_every_winner_once_within_the_limit(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(choosing, "PART_BYTES", limit)
    winners = winners_of(scan_of([[45, 3, 66], [1, 2], [], [59]]), dict.fromkeys(("first", "second"), range(4)))
    parts = list(in_parts(winners, SIZE, 6))
    assert [winner for part in parts for winner in part] == winners
    assert parts == list(in_parts(winners, SIZE, 6))
    for part in parts:
        held = [(b - t) * (r - left) * 6 for t, left, b, r in (winner.box(SIZE) for winner in part)]
        assert sum(held[:-1]) < limit
    assert list(in_parts([], SIZE, 6)) == []
