"""``convscope trust`` as a shell sees it: files, numbers, mistakes."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from convscope.images import ImageSet
from convscope.models import load_model
from convscope.pipeline.trust_rows import trust_rows
from convscope.probes.trust.measure import trust
from tests.cli.process import Run, check_mistake, finished, shell
from tests.images.make import encoded
from tests.probes.make import LAYER, picture

FACTORY = """
from tests.probes.make import FEEDING, classifier

def net(seed=0):
    made = classifier(seed)
    made.preprocessing = FEEDING
    return made

def other():
    return net(1)
"""
MODEL = "python:small_net_to_trust:net"
FILES = {"figure.png", "trust.parquet", "trust.csv", "cascade.parquet", "trust.json"}
QUICK = ("--images", "2", "--units", "2")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    (folder / "small_net_to_trust.py").write_text(FACTORY)
    for number in range(4):
        path = folder / "images" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(picture(number)))
    (folder / "images" / "a" / "2.png").write_bytes(b"no picture")
    return folder


@pytest.fixture
def run(run: Run) -> Run:
    return partial(run, "trust")


def facts(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / "trust.json").read_text())
    return read


def test_as_a_process_it_writes_tables_and_a_figure(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = finished(shell(place, "trust", MODEL, "images", "-o", "made", *QUICK, "--seed", "3"))
    assert (said.code, said.err) == (0, "")
    folder = place / "made"
    assert {path.name for path in folder.iterdir()} == FILES

    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(str(place))
    found = trust(load_model(MODEL), ImageSet.open("images"), count=2, units=2, seed=3)
    expected = [vars(row) for row in trust_rows(found)]
    rows = pq.read_table(folder / "trust.parquet").to_pylist()
    for row, told in zip(rows, expected, strict=True):
        for name in ("rank", "absolute", "ssim", "spread"):
            assert row[name] == (None if told[name] is None else pytest.approx(told[name], abs=1e-5))
    assert len(pd.read_csv(folder / "trust.csv")) == len(rows) == 3 * 2 * 4
    cascade = pq.read_table(folder / "cascade.parquet").to_pylist()
    assert [(row["layer"], row["reinitialised"], row["of"]) for row in cascade[:3]] == [
        *(("1", 1, 1), (LAYER, 1, 2), (LAYER, 2, 2)),
    ]
    with Image.open(folder / "figure.png") as figure:
        assert figure.width > 2000
    read = facts(folder)
    assert read["methods"] == {method: found.sentence(method) for method in found.methods}
    assert read["settings"] | {"seed": 3, "layers": ["1", LAYER]} == read["settings"]
    assert read["images"]["names"] == list(found.images)
    lines = said.out.splitlines()
    assert lines[-1] == "made/figure.png"
    assert all(any(line == sentence for line in lines) for sentence in read["methods"].values())
    assert sum(line.split()[:1] in ([LAYER], ["1"]) for line in lines) == 6


def test_a_finished_folder_is_kept_and_another_run_refused(run: Run, place: Path) -> None:
    words = [MODEL, "images", "-o", "kept", "--layers", LAYER, "--method", "gradient", *QUICK]
    code, out, err = run(*words, "--json")
    assert (code, err) == (0, "")
    said = json.loads(out)
    assert said["folder"] == "kept"
    assert [row["test"] for row in said["tests"]] == ["weight", "unit", "signal", "image"]
    assert list(said["methods"]) == ["gradient"]
    before = {path: path.stat().st_mtime_ns for path in (place / "kept").iterdir()}
    assert run(*words, "--json")[1] == out
    assert {path: path.stat().st_mtime_ns for path in (place / "kept").iterdir()} == before
    code, _, err = run(*words, "--seed", "1")
    assert code == 2
    assert err.startswith("SettingError: kept holds a result (trust.json) of another image")
    assert run(*words, "--seed", "1", "--overwrite")[0] == 0
    assert facts(place / "kept")["settings"]["seed"] == 1


def test_an_image_that_cannot_be_read_is_told(run: Run, place: Path) -> None:
    code, out, _ = run(MODEL, "images", "-o", "told", "--layers", LAYER, "--images", "4")
    assert code == 0
    assert "note: left out a/2.png: not an image" in out
    assert [skip["image"] for skip in facts(place / "told")["skipped"]] == ["a/2.png"]


WRONG: list[tuple[list[str], str]] = [
    (["images", "--layers", "99"], "AddressError: no layer '99'"),
    (["images", "--method", "magic"], "CoverageError: unknown method 'magic'"),
    (["images", "--unpool", "magic"], "CoverageError: unknown unpool 'magic'"),
    (["nowhere"], "ImageSetError"),
]


@pytest.mark.parametrize(("words", "message"), WRONG)
def test_a_mistake_is_one_line(run: Run, place: Path, words: list[str], message: str) -> None:
    check_mistake(run(MODEL, *words, "-o", "x"), message, place / "x")


def test_an_output_among_the_images_is_refused(run: Run) -> None:
    code, _, err = run(MODEL, "images", "-o", "images/made")
    assert code == 2
    assert err.startswith("AtlasError: images/made lies in the image folder")
