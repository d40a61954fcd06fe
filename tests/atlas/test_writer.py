from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from convscope.atlas.schema import ImageRow
from convscope.atlas.writer import table_path, write_manifest, write_table, write_text
from convscope.errors import AtlasError
from tests.atlas.make import make_manifest


def image(index: int) -> ImageRow:
    return ImageRow(index, f"{index}.jpg", None, 8, 8, None)


@pytest.mark.parametrize("part", ["0", "layer3.1.relu-07", "_", "A" * 200])
def test_part_names(part: str) -> None:
    assert table_path(Path("a"), "projections", part) == Path("a") / "projections" / f"{part}.parquet"


@pytest.mark.parametrize("part", [None, "", ".", "..", ".x", "a/b", "..\\x", "a b", "a\n", "ä", "A" * 201])
def test_unsafe_part_names_are_refused(part: str | None) -> None:
    with pytest.raises(AtlasError, match="cannot name one"):
        table_path(Path("a"), "pictures", part)


def test_single_file_has_no_parts() -> None:
    with pytest.raises(AtlasError, match="single file"):
        table_path(Path("a"), "top", "0")


def test_table_without_rows_has_its_columns(tmp_path: Path) -> None:
    found = pq.read_table(write_table(tmp_path, "images", []))
    assert (found.num_rows, found.num_columns) == (0, 6)


def test_failure_leaves_what_was_there(tmp_path: Path) -> None:
    path = write_table(tmp_path, "images", [image(0)])
    before = path.read_bytes()

    def rows() -> Iterator[ImageRow]:
        yield image(0)
        raise RuntimeError("the disk of the images went away")

    with pytest.raises(RuntimeError, match="went away"):
        write_table(tmp_path, "images", rows())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_files_are_readable_by_others(tmp_path: Path) -> None:
    path = write_text(tmp_path / "x.json", "{}\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


WRITE_FOR_EVER = """
import os, sys, pandas  # pyarrow imports pandas at its first array: once here, not in every writer
from itertools import count
from pathlib import Path
from convscope.atlas.schema import ImageRow
from convscope.atlas.writer import write_manifest, write_table
from tests.atlas.make import make_manifest
for line in sys.stdin:
    writer = os.fork()
    while writer == 0:
        for rows in count(2000):
            images = (ImageRow(i, f"{rows}", None, 8, 8, None) for i in range(rows))
            write_table(Path(line.strip()), "images", images)
            write_manifest(Path(line.strip()), make_manifest())
    print(writer, flush=True)
    os.waitpid(writer, 0)
    print("dead", flush=True)
"""


def test_killed_writer_leaves_whole_files_or_none(tmp_path: Path) -> None:
    chance = random.Random(7)
    manifest = write_manifest(tmp_path, make_manifest()).read_text("utf-8")
    # A process that starts writers by forking: each is a real process, without the second that imports take.
    command = [sys.executable, "-c", WRITE_FOR_EVER]
    with subprocess.Popen(
        command, text=True, bufsize=1, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()
    ) as starter:
        assert starter.stdin is not None
        assert starter.stdout is not None
        for attempt in range(15):
            folder = tmp_path / f"{attempt}"
            folder.mkdir()
            starter.stdin.write(f"{folder}\n")
            writer = int(starter.stdout.readline())
            path = folder / "images.parquet"
            while attempt % 3 and not path.exists():  # a third is killed at the first files, the others later
                time.sleep(0.001)
            time.sleep(chance.uniform(0, 0.05))
            os.kill(writer, signal.SIGKILL)
            assert starter.stdout.readline() == "dead\n"
            if path.exists():
                table = pq.read_table(path)
                assert table.column("name").unique().to_pylist() == [str(table.num_rows)]
            if (folder / "manifest.json").exists():
                assert (folder / "manifest.json").read_text("utf-8") == manifest
        starter.stdin.close()


def environment() -> dict[str, str]:
    return {"PYTHONPATH": ":".join(path for path in sys.path if path)}
