"""Progress is told on standard error only: bars in a terminal, lines elsewhere, and nothing where it is not wanted."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

import pytest
from rich.console import Console

from convscope.cli import progress as told


@dataclass
class Clock:
    """Seconds that pass only when a test says so."""

    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told, "err", Console(stderr=True, force_terminal=True, width=100, highlight=False))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(told, "time", made)
    return made


def draw(**how: bool) -> None:
    with told.progress(how.pop("as_json", False), **how) as report:
        for done in range(0, 11, 5):
            report("scan", done, 10)
        report("project", 3, 3)


def lines_of(clock: Clock, steps: Iterable[tuple[float, str, int, int]], *, as_json: bool = False) -> None:
    """Report each (seconds since the step before, stage, done, total)."""
    with told.progress(as_json) as report:
        for seconds, stage, done, total in steps:
            clock.now += seconds
            report(stage, done, total)


@pytest.mark.usefixtures("terminal")
def test_a_bar_for_each_stage_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    draw()
    said = capsys.readouterr()
    assert said.out == ""
    assert "scanning" in said.err
    assert "10/10" in said.err
    assert "projecting" in said.err


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("as_json", [False, True])
def test_nothing_where_it_is_not_wanted(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    draw(as_json=as_json, quiet=True)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("as_json", [False, True])
def test_of_a_job_that_is_done_soon_a_log_says_nothing(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    draw(as_json=as_json)
    assert capsys.readouterr() == ("", "")


def test_a_log_has_a_line_when_the_last_is_old_and_at_the_end_of_a_stage_that_had_one(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = [
        (0, "scan", 0, 50_000),
        (20, "scan", 2_000, 50_000),
        (20, "scan", 4_000, 50_000),
        (20, "scan", 6_000, 50_000),
        (440, "scan", 50_000, 50_000),
        (0, "scan", 50_000, 50_000),
        (1, "pages", 1, 1),
        (1, "project", 3, 9),
        (100, "project", 4, 9),
    ]
    lines_of(clock, steps)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "scanning: 4,000 of 50,000 images, 100.0 images/s, 0:07:40 left",
        "scanning: 50,000 of 50,000 images, 100.0 images/s",
        "projecting: 4 of 9 units, 0.01 units/s, 0:08:20 left",
    ]


def test_a_stage_that_goes_on_is_as_fast_as_what_was_done_now(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    lines_of(clock, [(0, "scan", 900, 1000), (60, "scan", 900, 1000), (40, "scan", 950, 1000)])
    assert capsys.readouterr().err.splitlines() == [
        "scanning: 900 of 1,000 images",
        "scanning: 950 of 1,000 images, 0.5 images/s, 0:01:40 left",
    ]


def test_bytes_are_said_in_words(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    lines_of(clock, [(0, "files", 0, 3_000_000_000), (30, "files", 1_500_000_000, 3_000_000_000)])
    assert capsys.readouterr().err == "reading: 1.5 GB of 3 GB, 50 MB/s, 0:00:30 left\n"


@pytest.mark.usefixtures("terminal")
def test_for_a_program_a_line_is_an_object(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    lines_of(clock, [(0, "scan", 0, 100), (30, "scan", 30, 100)], as_json=True)
    said = capsys.readouterr()
    assert said.out == ""
    assert json.loads(said.err)["progress"] == {
        "stage": "scan",
        "unit": "images",
        "done": 30,
        "total": 100,
        "per_second": 1.0,
        "seconds_left": 70.0,
    }
