"""Files are there whole or not at all, also on a disk that fills up."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from convscope.atomic import FULL, free_bytes, replacing
from convscope.errors import DiskFullError


def failing(number: int) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def write(path: Path, text: str = "new") -> None:
    with replacing(path) as temporary:
        temporary.write_text(text)


@pytest.mark.parametrize("number", FULL)
@pytest.mark.parametrize("step", ["tempfile.mkstemp", "pathlib.Path.write_text", "os.fsync", "pathlib.Path.replace"])
def test_a_full_disk_at_any_step_leaves_what_was_there(
    step: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    monkeypatch.setattr(step, failing(number))
    with pytest.raises(DiskFullError, match=rf"no room is left on the disk of {tmp_path} .* free\) to write file\."):
        write(path)
    monkeypatch.undo()
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("file", "old")]


def test_other_failures_are_not_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", failing(errno.EIO))
    with pytest.raises(OSError, match="Input/output error") as caught:
        write(tmp_path / "file")
    assert caught.value.errno == errno.EIO
    assert list(tmp_path.iterdir()) == []


def test_room_is_that_of_the_disk_of_the_nearest_folder(tmp_path: Path) -> None:
    status = os.statvfs(tmp_path)
    assert free_bytes(tmp_path / "not" / "yet") == pytest.approx(status.f_bavail * status.f_frsize, rel=0.05)


def test_a_file_system_that_does_not_count_refuses_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nothing = type(shutil.disk_usage("/"))(0, 0, 0)
    monkeypatch.setattr("shutil.disk_usage", lambda _: nothing)
    assert free_bytes(tmp_path) > 10**18


FILL = """
import sys
from pathlib import Path
import numpy
from convscope.atlas.schema import PictureRow
from convscope.atlas.writer import write_table
from convscope.atomic import free_bytes, replacing
from convscope.engine.journal import write_arrays
from convscope.errors import DiskFullError

folder = Path(sys.argv[1])
noise = numpy.random.default_rng(0).bytes(3_000_000)
assert free_bytes(folder) <= 4 << 20
with replacing(folder / "first") as temporary:
    temporary.write_bytes(noise)
for attempt in (
    lambda: write_table(folder, "pictures", [PictureRow(0, 1, 1, "png", noise)], part="0"),
    lambda: write_arrays(folder / "scan.npz", {"a": numpy.frombuffer(noise, numpy.uint8)}),
):
    try:
        attempt()
    except DiskFullError as error:
        print(error)
assert (folder / "first").read_bytes() == noise
print(*sorted(path.name for path in folder.rglob("*") if path.is_file()))
(folder / "first").unlink()
attempt()
print(*sorted(path.name for path in folder.rglob("*") if path.is_file()))
"""
MOUNT = 'mount -t tmpfs -o size=4m tmpfs "$1" && exec "$2" -c "$3" "$1"'


def test_a_disk_that_fills_up_says_so_and_work_goes_on_once_there_is_room(tmp_path: Path) -> None:
    """On a real file system of 4 MB, which a process of its own mounts where nobody else sees it."""
    alone = ["unshare", "--map-root-user", "--mount"]
    try:
        subprocess.run([*alone, "mount", "-t", "tmpfs", "tmpfs", str(tmp_path)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"NOT TESTED: a real full disk, as no small file system may be mounted here: {error}")
    command = [*alone, "sh", "-c", MOUNT, "sh", str(tmp_path), sys.executable, FILL]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": ":".join(sys.path)}
    )
    assert done.returncode == 0, done.stderr
    table, arrays, files, later = done.stdout.splitlines()
    assert f"no room is left on the disk of {tmp_path}/pictures" in table
    assert "to write 0.parquet" in table
    assert "to write scan.npz" in arrays
    assert (files, later) == ("first", "scan.npz")
    assert list(tmp_path.iterdir()) == []
