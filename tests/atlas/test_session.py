from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from convscope.atlas.digests import DIGESTS
from convscope.atlas.manifest import JOURNAL, MANIFEST, Provenance
from convscope.atlas.reader import Atlas
from convscope.atlas.session import locked, open_for_writing, stored_provenance
from convscope.atlas.writer import write_table
from convscope.errors import AtlasError, AtlasFormatError, AtlasMismatchError
from convscope.lock import LOCK
from tests.atlas.make import make_atlas, make_manifest
from tests.atlas.test_writer import environment

HERE = make_manifest().provenance
OTHER = replace(HERE, weights="other", settings=replace(HERE.settings, top=4))


def contents(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {LOCK}


def test_new_folder_gets_a_journal(tmp_path: Path) -> None:
    with open_for_writing(tmp_path / "deep" / "atlas", HERE) as folder:
        assert contents(folder) == {JOURNAL, DIGESTS}
    assert stored_provenance(folder) == HERE


def test_same_run_goes_on(tmp_path: Path) -> None:
    with open_for_writing(tmp_path, HERE):
        write_table(tmp_path, "images", [])
    with open_for_writing(tmp_path, HERE):
        assert contents(tmp_path) == {JOURNAL, DIGESTS, "images.parquet"}


@pytest.mark.parametrize("finished", [True, False])
def test_other_run_is_refused_and_nothing_changes(tmp_path: Path, finished: bool) -> None:
    make_atlas(tmp_path)
    (tmp_path / (JOURNAL if finished else MANIFEST)).unlink()
    before = {path: (tmp_path / path).read_bytes() for path in contents(tmp_path)}
    refused = pytest.raises(
        AtlasMismatchError, match=r"weights, settings\.top \(4, there 9\) differ.*-o DIR.*--overwrite"
    )
    with refused, open_for_writing(tmp_path, OTHER):
        pass
    assert before == {path: (tmp_path / path).read_bytes() for path in contents(tmp_path)}


def test_overwrite_empties_the_atlas_and_keeps_other_files(tmp_path: Path) -> None:
    make_atlas(tmp_path)
    (tmp_path / "my notes.txt").write_text("mine")
    with open_for_writing(tmp_path, OTHER, overwrite=True):
        assert contents(tmp_path) == {JOURNAL, DIGESTS, "my notes.txt"}
    assert stored_provenance(tmp_path) == OTHER


def test_damaged_atlas_can_be_overwritten_but_not_continued(tmp_path: Path) -> None:
    make_atlas(tmp_path)
    (tmp_path / MANIFEST).write_text("{")
    with pytest.raises(AtlasFormatError), open_for_writing(tmp_path, HERE):
        pass
    with open_for_writing(tmp_path, HERE, overwrite=True):
        assert contents(tmp_path) == {JOURNAL, DIGESTS}


def test_tables_of_an_interrupted_overwrite_belong_to_no_run(tmp_path: Path) -> None:
    make_atlas(tmp_path)
    (tmp_path / MANIFEST).unlink()
    (tmp_path / JOURNAL).unlink()
    with open_for_writing(tmp_path, OTHER):
        assert contents(tmp_path) == {JOURNAL, DIGESTS}


def test_foreign_folder_and_file_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"x")
    for overwrite in (False, True):
        refused = pytest.raises(AtlasError, match="not empty and is not an atlas")
        with refused, open_for_writing(tmp_path, HERE, overwrite=overwrite):
            pass
    with pytest.raises(AtlasError, match="is a file"), open_for_writing(tmp_path / "photo.jpg", HERE):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


def test_a_folder_whose_name_is_not_utf8_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    for refused in (lambda: open_for_writing(folder, HERE).__enter__(), lambda: Atlas.open(folder)):
        with pytest.raises(AtlasError, match=r"caf\\udce9' holds bytes that are not UTF-8"):
            refused()
    assert not folder.exists()


def test_leftovers_of_a_killed_writer_are_removed(tmp_path: Path) -> None:
    make_atlas(tmp_path)
    before = contents(tmp_path)
    for name in (".top.parquet.abc.tmp", "projections/.0.parquet.x.tmp", "pictures/.0.parquet.y.tmp"):
        (tmp_path / name).write_bytes(b"half")
    with open_for_writing(tmp_path, HERE):
        assert contents(tmp_path) == before


HOLD = """
import sys, time
from pathlib import Path
from convscope.atlas.session import locked
with locked(Path(sys.argv[1])):
    print("ready", flush=True)
    time.sleep(60)
"""


def test_second_writer_is_told_and_a_dead_one_does_not_block(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment()) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"ready\n"
        told = pytest.raises(AtlasError, match=f"written by another process .process {holder.pid}.")
        with told, open_for_writing(tmp_path, HERE):
            pass
        holder.send_signal(signal.SIGKILL)
    with open_for_writing(tmp_path, HERE):
        pass


def test_lock_holds_within_a_process_too(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(AtlasError, match="another process"), locked(tmp_path):
        pass


def test_unfinished_atlas_is_not_read(tmp_path: Path) -> None:
    make_atlas(tmp_path)
    (tmp_path / MANIFEST).unlink()
    with pytest.raises(AtlasFormatError, match=r"unfinished.*same `convscope atlas` command again"):
        Atlas.open(tmp_path)


def test_provenance_covers_the_format_version() -> None:
    assert Provenance("w", "d", HERE.settings, "1", 2).key != Provenance("w", "d", HERE.settings, "1", 1).key


def test_nothing_is_changed_through_a_link(tmp_path: Path) -> None:
    """An atlas may come from somebody who would like a file of mine to be removed or emptied."""
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "numbers.parquet").write_text("dear")
    folder = make_atlas(tmp_path / "atlas")
    shutil.rmtree(folder / "projections")
    (folder / "projections").symlink_to(mine)
    for overwrite in (False, True):
        refused = pytest.raises(AtlasError, match="projections is a link to another folder")
        with refused, open_for_writing(folder, HERE, overwrite=overwrite):
            pass
    (folder / "projections").unlink()
    (folder / LOCK).unlink()
    (folder / LOCK).symlink_to(mine / "numbers.parquet")
    with pytest.raises(AtlasError, match="is a link, expected the file that is locked"), locked(folder):
        pass
    assert (mine / "numbers.parquet").read_text() == "dear"


def test_a_lock_that_was_removed_locks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an export removes its folder at the end, while the next one has opened the lock already."""

    def removed(lock: object, how: int) -> None:
        (tmp_path / LOCK).unlink()

    monkeypatch.setattr("convscope.lock.fcntl.flock", removed)
    with pytest.raises(AtlasError, match="until now, and removed it"), locked(tmp_path):
        pass
