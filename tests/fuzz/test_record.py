"""Minutes of several sittings add up, interrupted ones too, and nothing temporary is left."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzz.record import Sitting, add_to_record, read_record, what_is_left
from tests.structure.source import ROOT

READER = "address of a unit"


def sitting(reader: str, minutes: float, seed: int) -> Sitting:
    return Sitting(reader, minutes, 3, 1, 2, 0, "2024-01-01T00:00:00+00:00", seed)


def test_the_rest_is_what_no_line_of_this_reader_says(tmp_path: Path) -> None:
    path = tmp_path / "record"
    assert what_is_left(read_record(path), "a", 10) == (10, 0)
    for each in (sitting("a", 4, 0), sitting("b", 7, 5), sitting("a", 0.5, 1)):
        add_to_record(path, each)
    assert what_is_left(read_record(path), "a", 10) == (5.5, 2)
    assert what_is_left(read_record(path), "a", 4.505) == (0, 2)
    assert what_is_left(read_record(path), "b", 3) == (0, 6)


@pytest.mark.parametrize("line", ["{", "3", "[]", '{"reader": "a"}', '{"strange": 1}'])
def test_a_line_that_is_no_sitting_is_named(line: str, tmp_path: Path) -> None:
    path = tmp_path / "record"
    add_to_record(path, sitting("a", 4, 0))
    with path.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(ValueError, match=r"record, line 2 is no sitting"):
        read_record(path)


def start(folder: Path, minutes: float) -> subprocess.Popen[str]:
    command = [sys.executable, "scripts/fuzz.py", READER, f"--minutes={minutes}", f"--folder={folder}"]
    command += [f"--record={folder / 'new' / 'record'}"]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, start_new_session=True)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def wait(until: Callable[[], bool]) -> None:
    limit = time.monotonic() + 120
    while not until():
        assert time.monotonic() < limit
        time.sleep(0.05)


def feeding(folder: Path, process: subprocess.Popen[str]) -> bool:
    """Whether a process is at it: it has said once after its start how far it is."""
    said = folder / f"scratch-{process.pid}" / "fed.json"
    return said.exists() and json.loads(said.read_text())["minutes"] > 0.01


def test_minutes_add_up_and_nothing_is_left_whatever_ends_a_run(tmp_path: Path) -> None:
    killed = start(tmp_path, 60)
    wait(lambda: feeding(tmp_path, killed))
    killed.kill()
    killed.communicate(timeout=120)  # the process that reads ends as well, or its output would stay open
    assert left(tmp_path) == ["new", f"scratch-{killed.pid}"]

    stopped = start(tmp_path, 60)
    wait(lambda: feeding(tmp_path, stopped))
    stopped.send_signal(signal.SIGTERM)
    stopped.communicate(timeout=120)
    assert stopped.returncode == 128 + signal.SIGTERM
    assert left(tmp_path) == ["new"]
    (first,) = read_record(tmp_path / "new" / "record")
    assert first.files == first.read + first.refused + first.failed > 0
    assert 0.01 < first.minutes < 5

    rest = start(tmp_path, first.minutes + 0.03)
    rest.communicate(timeout=120)
    assert rest.returncode == 0
    _, second = read_record(tmp_path / "new" / "record")
    assert second.seed != first.seed
    assert 0.03 <= second.minutes < first.minutes + 0.03
    assert left(tmp_path) == ["new"]
