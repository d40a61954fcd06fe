"""The folder of a result: its own is recognised, another command's refused, and what is replaced goes."""

from __future__ import annotations

import io
import json
import os
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from convscope.atlas.schema import column
from convscope.errors import SettingError
from convscope.pipeline.results import ResultFolder

FILES = ("a.csv", "b.png")


@dataclass(frozen=True)
class Row:
    unit: int = column("a number", "int32")


def made(path: Path, facts: str = "one.json", **asked: int) -> ResultFolder:
    folder = ResultFolder(path, facts, asked, FILES)
    folder.begin()
    folder.finish({"found": 1}, {"all": 0.1234})
    return folder


def test_the_same_question_is_recognised_and_another_refused_unless_it_may_replace(tmp_path: Path) -> None:
    folder = made(tmp_path, seed=1)
    assert folder.is_finished(overwrite=False)
    assert folder.is_finished(overwrite=True)
    other = ResultFolder(tmp_path, "one.json", {"seed": 2}, FILES)
    with pytest.raises(SettingError, match=r"holds a result \(one.json\) of another .* give --overwrite"):
        other.is_finished(overwrite=False)
    assert not other.is_finished(overwrite=True)
    assert json.loads((tmp_path / "one.json").read_text())["seconds"] == {"all": 0.123}


def test_of_a_result_that_is_replaced_no_file_stays(tmp_path: Path) -> None:
    made(tmp_path, seed=1)
    for name in (*FILES, "a person's own.txt"):
        (tmp_path / name).write_text("old")
    again = ResultFolder(tmp_path, "one.json", {"seed": 2}, FILES)
    again.begin()
    assert [path.name for path in tmp_path.iterdir()] == ["a person's own.txt"]
    again.write("b.png", b"new")
    again.finish({}, {})
    assert {path.name for path in tmp_path.iterdir()} == {"a person's own.txt", "b.png", "one.json"}


def test_tables_go_into_a_folder_whose_name_is_not_utf8(tmp_path: Path) -> None:
    folder = made(tmp_path / os.fsdecode(b"caf\xe9"))
    for name in ("rows.parquet", "rows.csv"):
        folder.write_rows(name, Row, [Row(3), Row(5)])
    assert pq.read_table(io.BytesIO((folder.path / "rows.parquet").read_bytes())).to_pylist() == [
        {"unit": 3},
        {"unit": 5},
    ]
    assert (folder.path / "rows.csv").read_text().split() == ['"unit"', "3", "5"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_result_of_another_command_is_never_mixed_with(tmp_path: Path, overwrite: bool) -> None:
    made(tmp_path, "other.json")
    with pytest.raises(SettingError, match=r"holds the result of another command \(other.json\).* another folder"):
        ResultFolder(tmp_path, "one.json", {}).is_finished(overwrite=overwrite)


@pytest.mark.parametrize("content", [b"", b"\xff", b"[" * 5000, b"[1]", b'{"key": 1}'])
def test_other_files_are_no_results(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "notes.json").write_bytes(content)
    (tmp_path / "folder.json").mkdir()
    assert not ResultFolder(tmp_path, "one.json", {}).is_finished(overwrite=False)


def test_a_file_is_no_place_for_a_result(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("something")
    for place in (tmp_path / "file", tmp_path / "file/below/it"):
        with pytest.raises(SettingError, match="file is a file, and a result is a folder; choose another place"):
            ResultFolder(place, "one.json", {}).is_finished(overwrite=True)
    assert not ResultFolder(tmp_path / "not/there", "one.json", {}).is_finished(overwrite=False)
