"""``convscope compare`` as a shell sees it: pages, tables, going on, mistakes."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import typer

from convscope.cli.compare import pairs_of
from tests.atlas.make import make_atlas
from tests.cli.process import Run, check_mistake, finished, shell

FILES = {"index.html", "index.json", "matches.csv", "matches.parquet", "comparison.json", "convscope-site.txt"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    for seed, name in enumerate(("early", "late")):
        make_atlas(folder / name, (("conv1", 4), ("conv2", 5)), images=30, seed=9 * seed)
    make_atlas(folder / "old", (("conv1", 4), ("conv2", 5)), images=30, peaks=False)
    return folder


@pytest.fixture
def run(run: Run) -> Run:
    return partial(run, "compare")


def facts(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / "comparison.json").read_text())
    return read


def test_as_a_process_it_writes_pages_and_tables(place: Path) -> None:
    said = finished(shell(place, "compare", "early", "late", "-o", "made", "--one-to-one"))
    assert (said.code, said.err) == (0, "")
    assert said.out.rstrip().endswith("made/index.html")
    assert "conv2" in said.out
    assert {path.name for path in (place / "made").iterdir()} > FILES
    rows = pq.read_table(place / "made" / "matches.parquet").to_pylist()
    assert [(row["layer"], row["unit"]) for row in rows] == [("conv1", u) for u in range(4)] + [
        ("conv2", u) for u in range(5)
    ]
    assert sum(row["partner"] is not None for row in rows) == 3 + 4


def test_a_finished_comparison_is_kept_and_another_one_refused(place: Path, run: Run) -> None:
    assert run("early", "late", "-o", "kept").code == 0
    before = (place / "kept" / "index.html").stat()
    assert run("early", "late", "-o", "kept", "--overwrite").code == 0
    assert (place / "kept" / "index.html").stat() == before
    said = run("early", "late", "-o", "kept", "--seed", "1")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("SettingError: ")
    assert "another comparison" in said.err
    assert run("early", "late", "-o", "kept", "--seed", "1", "--overwrite").code == 0
    assert facts(place / "kept")["asked"]["seed"] == 1


def test_pages_of_something_else_are_not_replaced_unasked(place: Path, run: Run) -> None:
    (place / "other").mkdir()
    (place / "other" / "convscope-site.txt").write_text("")
    assert "holds pages of something else" in run("early", "late", "-o", "other").err
    (place / "mine").mkdir()
    (place / "mine" / "notes.txt").write_text("mine")
    assert "is not an earlier export" in run("early", "late", "-o", "mine", "--overwrite").err
    assert [path.name for path in (place / "mine").iterdir()] == ["notes.txt"]
    assert "overlaps the atlas" in run("early", "late", "-o", "late/pictures/pages").err


def test_the_summary_for_machines(place: Path, run: Run) -> None:
    said = run("early", "late", "-o", "told", "--layers", "conv1=conv2, conv2", "--permutations", "3", "--json")
    assert (said.code, said.err) == (0, "")
    told = json.loads(said.out)
    assert Path(told["index"]).is_file()
    assert [(pair["first"], pair["second"]) for pair in told["pairs"]] == [("conv1", "conv2"), ("conv2", "conv2")]
    assert (told["images"], told["sampled"]) == (29, 29)
    assert facts(place / "told")["asked"]["permutations"] == 3


def test_without_peaks_it_says_so(run: Run) -> None:
    said = run("early", "old", "-o", "shared")
    assert said.code == 0
    assert "note: old: no peaks" in said.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nowhere", "late"), "AtlasError: there is no atlas in nowhere"),
        (("early", "late", "--layers", "conv1=conv9"), "AddressError: this atlas has no layer 'conv9'"),
        (("early", "late", "--diagnosis-a", "early", "--diagnosis-b", "late"), "AtlasError: early holds no finished"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(place: Path, run: Run, words: tuple[str, ...], message: str) -> None:
    check_mistake(run(*words, "-o", "unmade"), message, place / "unmade")


def test_one_diagnosis_alone_is_no_comparison(place: Path, run: Run) -> None:
    said = run("early", "late", "-o", "unmade", "--diagnosis-a", "early")
    assert said.code == 2
    assert "give both --diagnosis-a and --diagnosis-b" in " ".join(said.err.split())


def test_pairs_of_layers() -> None:
    assert pairs_of(None) is None
    assert pairs_of("a=b, c ,d = e#2") == (("a", "b"), ("c", "c"), ("d", "e#2"))
    for wrong in ("", ",", "=b", "a=", "a=b=c"):
        with pytest.raises(typer.BadParameter, match="A=B"):
            pairs_of(wrong)
