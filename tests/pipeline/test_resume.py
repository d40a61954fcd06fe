"""Killed again and again, a run goes on where it stopped and ends with the same files."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from convscope.atlas.digests import read_digests
from convscope.engine import scan as scanning
from convscope.images import ImageSet
from convscope.models import load_model
from convscope.pipeline import winners as choosing
from convscope.pipeline.build import Ask, build_atlas
from tests.engine.make import pictures
from tests.images.make import encoded
from tests.pipeline.test_build import contents
from tests.structure.source import SOURCE

IMAGES = 256
BAD = 100
PART, PART_BYTES = 16, 6_000
FACTORY = f"""
import torch
from torch import nn
from convscope.engine import scan
from convscope.models import Preprocessing
from convscope.pipeline import winners
scan._PART_AT_LEAST, scan._PARTS_AT_MOST = {PART}, 1000  # small parts, so that there are many to stop between
winners.PART_BYTES = {PART_BYTES}

def net():
    made = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 12, 3), nn.ReLU()
    )
    made.preprocessing = Preprocessing(32, 32, None, "bilinear", (110.0,) * 3, (60.0,) * 3, True)
    return made
"""
STOPS: list[tuple[str, int, int]] = [
    ("work/*/scan-*.npz", 3, signal.SIGKILL),
    ("work/*/scan-*.npz", 11, signal.SIGTERM),
    ("projections/*.parquet", 3, signal.SIGKILL),
]
"""(files, how many of them there must be, the signal that is then sent)"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a network and labelled images, one of them damaged."""
    (tmp_path / "small_net_to_resume.py").write_text(FACTORY)
    for number, picture in enumerate(pictures(IMAGES, levels=256)):
        path = tmp_path / "images" / "abc"[number % 3] / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(picture) if number != BAD else b"damaged")
    return tmp_path


def start(place: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "convscope", "atlas", "python:small_net_to_resume:net", "images", "-o", "atlas"]
    options = ["--per-class", "2", "--batch-size", "5", "--no-pages"]
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    return subprocess.Popen(
        [*command, *options], cwd=place, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    limit = time.monotonic() + 120
    while not ready():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit, "nothing happens"
        time.sleep(0.01)


def finished(folder: Path, pattern: str) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.glob(pattern)}


def test_a_run_that_is_killed_again_and_again_ends_like_an_unbroken_one(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    atlas = place / "atlas"
    kept: dict[Path, int] = {}
    for pattern, enough, number in STOPS:
        process = start(place)
        wait_until(lambda pattern=pattern, enough=enough: len(finished(atlas, pattern)) >= enough, process)  # type: ignore[misc]
        time.sleep(random.random() / 50)  # anywhere in what comes next
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        assert process.returncode == (143 if number == signal.SIGTERM else -signal.SIGKILL)
        said = "".join(line for line in said.splitlines(keepends=True) if not line.startswith("plan: "))
        assert said == ("stopped; the same command goes on from here\n" if number == signal.SIGTERM else "")
        for path, moment in kept.items():
            assert not path.exists() or path.stat().st_mtime_ns == moment, f"{path} was made again"
        assert all(path.exists() for path in kept if "work" not in path.parts)
        kept = {
            path: at
            for kind in ("work/*/scan-*.npz", "pictures/*.parquet")
            for path, at in finished(atlas, kind).items()
            if path.suffix == ".npz" or path.relative_to(atlas).as_posix() in read_digests(atlas).files
        }
        assert not (atlas / "manifest.json").exists()
    victim = sorted(atlas.glob("work/*/scan-*.npz"))[7]
    victim.write_bytes(victim.read_bytes()[:1000])
    process = start(place)
    output, said = process.communicate(timeout=120)
    assert process.returncode == 0
    assert [line.partition(":")[0] for line in said.splitlines()] == ["plan"]
    assert f"over {IMAGES - 1} images (1 skipped)" in output
    assert all(path.stat().st_mtime_ns == moment for path, moment in kept.items() if path.suffix == ".parquet")
    assert not (atlas / "work").exists()
    assert not list(atlas.rglob("*.tmp"))

    monkeypatch.chdir(place)
    for module, name in ((scanning, "_PART_AT_LEAST"), (scanning, "_PARTS_AT_MOST"), (choosing, "PART_BYTES")):
        monkeypatch.setattr(module, name, getattr(module, name))  # the factory changes them; put them back
    unbroken = place / "unbroken"
    build_atlas(
        load_model("python:small_net_to_resume:net"), ImageSet.open("images"), unbroken, Ask(per_class=2), batch_size=5
    )
    ours, theirs = contents(atlas), contents(unbroken)
    assert ours.keys() == theirs.keys()
    assert len([name for name in ours if name.startswith("projections")]) > STOPS[-1][1]
    for name in ours:
        assert ours[name] == theirs[name], name
