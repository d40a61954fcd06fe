"""What a command says that it will take, and what it refuses before it begins."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.process import Run, Said, finished
from tests.cli.test_commands import MODEL, place
from tests.structure.source import SOURCE

__all__ = ["place"]
PROJECT = ("project", MODEL, "images/a/0.png", "1:2", "-o", "made.png")
ATLAS = ("atlas", MODEL, "images", "-o", "planned", "--units", "2", "--no-pages", "--no-trust")


def plan_of(said: Said) -> dict[str, Any]:
    found = json.loads(said.plan)["plan"]
    assert isinstance(found, dict)
    return found


def test_a_plan_in_words_and_as_json(run: Run, place: Path) -> None:
    said = run(*ATLAS)
    assert said.code == 0, said
    assert said.plan.startswith("plan: 7 images, 20 units, 36 projections; up to ")
    assert said.plan.endswith("(from one pass of the network and one image, timed here)")
    plan = plan_of(run(*ATLAS, "--overwrite", "--json"))
    assert (plan["job"], plan["images"], plan["units"], plan["projections"]) == ("atlas", 7, 20, 36)
    used = sum(file.stat().st_size for file in (place / "planned").rglob("*") if file.is_file())
    assert used <= plan["disk"]
    low, high = plan["seconds"]
    assert 0 < low < high


@pytest.mark.parametrize("size", ["2", "2 apples", "-1G"])
def test_what_is_no_size_is_refused(run: Run, size: str) -> None:
    message = f"SettingError: {size!r} is no size: write a number and a unit, such as 500M, 2G or 2GiB\n"
    assert run(*PROJECT, f"--max-memory={size}") == Said(2, "", message)


def test_too_little_memory_is_refused_with_numbers(run: Run, place: Path) -> None:
    said = run(*PROJECT, "--max-memory", "10M")
    assert (said.code, said.plan) == (2, "")
    assert said.err.startswith("MemoryLimitError: this job needs about ")
    assert "more than the 10 MB of --max-memory. Give it at least " in said.err
    assert not (place / "made.png").exists()


SMALL = 'mount -t tmpfs -o size=200k tmpfs "$1" && exec "$2" -m convscope atlas "$3" images -o "$1/atlas" --units 2'


def test_a_disk_that_is_too_small_is_refused_before_anything_is_written(place: Path, tmp_path: Path) -> None:
    alone = ["unshare", "--map-root-user", "--mount"]
    try:
        subprocess.run([*alone, "mount", "-t", "tmpfs", "tmpfs", str(tmp_path)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"NOT TESTED: a disk that is too small, as no file system may be mounted here: {error}")
    command = [*alone, "sh", "-c", SMALL, "sh", str(tmp_path), sys.executable, MODEL]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(SOURCE), str(SOURCE.parent), str(place)))}
    said = finished(subprocess.Popen(command, cwd=place, env=environment, text=True, stdout=-1, stderr=-1))
    assert (said.code, said.out) == (2, "")
    assert "DiskFullError: " in said.err
    assert "its disk has 205 kB free. Nothing was written." in said.err
    assert said.err.rstrip().endswith("or choose another place with -o, or take less with --units, --top")
