"""``convscope correspond`` as a shell sees it: files, table 1, resuming, mistakes."""

from __future__ import annotations

import csv
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from PIL import Image

from convscope.web.results.experiment import experiment_page
from convscope.web.results.values import Estimate
from tests.cli.process import Run, check_mistake, finished, shell
from tests.faces import PARTS, faces
from tests.images.make import encoded

FACTORY = """
from tests.faces import FEEDING, random_net

def net():
    made = random_net(3)
    made.preprocessing = FEEDING
    return made
"""
MODEL = "python:small_random_net:net"
FILES = {"figure.png", "table.png", "table.csv", "pairs.parquet", "random.parquet", "correspondence.json"}
QUICK = ["--random", "3"]
DRAWN = faces(5)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    (folder / "small_random_net.py").write_text(FACTORY)
    (folder / "faces").mkdir()
    rows = ["image,part,left,top,right,bottom"]
    for number, (picture, boxes) in enumerate(zip(DRAWN.pictures, DRAWN.boxes, strict=True)):
        (folder / "faces" / f"it is {number}.png").write_bytes(encoded(picture))
        rows += [f"it is {number}.png,{p},{','.join(map(str, b))}" for p, b in zip(PARTS, boxes, strict=True)]
    (folder / "faces" / "bad.png").write_bytes(b"no picture")
    (folder / "parts.csv").write_text("\n".join(rows))
    (folder / "with_bad.csv").write_text("\n".join([*rows, "bad.png,nose,0,0,9,9"]))
    (folder / "other.csv").write_text("\n".join([*rows, "nobody.png,nose,0,0,9,9"]))
    (folder / "alone.csv").write_text("\n".join([*rows, "it is 1.png,tail,0,0,9,9"]))
    (folder / "outside.csv").write_text("\n".join([*rows, "it is 1.png,tail,0,0,9,99"]))
    (folder / "points.json").write_text(json.dumps(coco()))
    return folder


def coco() -> dict[str, Any]:
    middles = (DRAWN.boxes[:, 2, :2] + DRAWN.boxes[:, 2, 2:]) / 2
    return {
        "images": [{"id": n, "file_name": f"it is {n}.png"} for n in range(5)],
        "categories": [{"id": 1, "name": "animal", "keypoints": ["nose"]}],
        "annotations": [{"image_id": n, "category_id": 1, "keypoints": [*map(float, middles[n]), 2]} for n in range(5)],
    }


@pytest.fixture
def run(run: Run) -> Run:
    return partial(run, "correspond", MODEL, "faces")


def facts(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / "correspondence.json").read_text())
    return read


def test_as_a_process_it_writes_figure_8_and_prints_table_1(place: Path) -> None:
    said = finished(shell(place, "correspond", MODEL, "faces", "--parts", "with_bad.csv", "-o", "made", *QUICK))
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0].split() == ["layer", "part", "images", "Δ", "random", "difference,", "95%", "p"]
    assert [line.split()[0] for line in lines[1:7]] == ["10"] * 3 + ["13"] * 3
    assert "left out all of bad.png: not an image that can be read" in said.out
    assert lines[-1] == "made/figure.png, made/table.png"
    folder = place / "made"
    assert {path.name for path in folder.iterdir()} == FILES

    read = facts(folder)
    table = pyarrow.csv.read_csv(folder / "table.csv").to_pylist()
    assert [(row["layer"], row["part"], row["images"]) for row in table] == [
        (layer, part, 5) for layer in (10, 13) for part in PARTS
    ]
    assert [row["delta"] for row in read["table"]] == pytest.approx([row["delta"] for row in table])
    pairs = pq.read_table(folder / "pairs.parquet").to_pylist()
    draws = pq.read_table(folder / "random.parquet").to_pylist()
    assert (len(pairs), len(draws)) == (2 * 3 * 10, 2 * 3 * 3)
    for row in read["table"]:
        mine = [pair for pair in pairs if (pair["layer"], pair["part"]) == (row["layer"], row["part"])]
        assert row["delta"] == pytest.approx(np.mean([pair["distance"] for pair in mine]))
        assert all(pair["image_a"] < pair["image_b"] for pair in mine)
        deltas = [d["delta"] for d in draws if (d["layer"], d["part"]) == (row["layer"], row["part"])]
        assert row["random_delta"] == pytest.approx(np.mean(deltas))
    assert read["settings"]["zero"] == "own"
    assert len(read["parts"]) == 16
    for name in ("figure.png", "table.png"):
        with Image.open(folder / name) as opened:
            assert np.asarray(opened).std() > 5
    check_page(folder)


def check_page(folder: Path) -> None:
    """Its tables hold what table.csv holds."""
    tables = experiment_page(folder).findings.tables
    with (folder / "table.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    shown = [(table, row) for table in tables for row in table.rows]
    assert len(tables) == 2
    for (table, row), line in zip(shown, written, strict=True):
        assert table.title == f"Table 1 at {line['layer']}"
        assert row[:2] == (line["part"], int(line["images"]))
        delta, difference = row[2], row[4]
        assert isinstance(delta, Estimate)
        assert isinstance(difference, Estimate)
        found = (delta.value, delta.low, delta.high, row[3], difference.value, row[5], row[6])
        names = ("delta", "low", "high", "random_delta", "difference", "p")
        expected = [float(line[name]) for name in names] + [100 * float(line["changed"])]
        assert found == pytest.approx(expected, rel=1e-6)


def test_a_finished_result_is_kept_and_another_one_refused(run: Run, place: Path) -> None:
    words = ["--parts", "parts.csv", "-o", "kept", *QUICK]
    code, out, err = run(*words, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["folder"] == "kept"
    assert len(json.loads(out)["table"]) == 6
    before = {path: path.stat().st_mtime_ns for path in (place / "kept").iterdir()}
    assert run(*words)[0] == 0
    assert {path: path.stat().st_mtime_ns for path in (place / "kept").iterdir()} == before
    code, _, err = run(*words, "--zero", "skip")
    assert code == 2
    assert err.startswith("SettingError: kept holds a result (correspondence.json) of another")
    assert run(*words, "--zero", "skip", "--overwrite")[0] == 0
    assert facts(place / "kept")["settings"]["zero"] == "skip"
    (place / "kept" / "correspondence.json").write_text("{")
    assert run(*words)[0] == 0
    assert facts(place / "kept")["settings"]["zero"] == "own"


def test_options_reach_the_experiment(run: Run, place: Path) -> None:
    words = [
        "--parts",
        "parts.csv",
        "-o",
        "options",
        "--part",
        "nose",
        "--part",
        "left eye",
        "--layers",
        "1,classifier",
    ]
    words += ["--where", "swapped", "--spread", "images", "--fill", "mean", "--seed", "4", *QUICK]
    words[words.index("1,classifier")] = "1,14"
    assert run(*words)[::2] == (0, "")
    read = facts(place / "options")
    settings = read["settings"]
    assert [settings[name] for name in ("where", "spread", "fill", "seed", "draws")] == [
        "swapped",
        "images",
        "mean",
        4,
        3,
    ]
    assert {row["part"] for row in read["table"]} == {"nose", "left eye"}
    assert [layer["layer"] for layer in read["layers"]] == ["1", "14"]


def test_keypoints_of_a_coco_file(run: Run, place: Path) -> None:
    assert run("--parts", "points.json", "--box", "10", "-o", "points", *QUICK)[::2] == (0, "")
    assert {row["part"] for row in facts(place / "points")["table"]} == {"nose"}
    code, _, err = run("--parts", "points.json", "-o", "x", *QUICK)
    assert code == 2
    assert err.startswith("PartsError: annotation 0 of points.json has keypoints")


WRONG: list[tuple[list[str], str]] = [
    (["--parts", "nowhere.csv"], "PartsError: nowhere.csv cannot be read: no such file"),
    (["--parts", "other.csv"], "PartsError: line 17 of other.csv: image 'nobody.png' is not among the 6 images"),
    (["--parts", "alone.csv"], "PartsError: 1 image(s) show the part 'tail'"),
    (
        ["--parts", "outside.csv"],
        "PartsError: the 'tail' of 'it is 1.png' is marked at 0, 0 to 9, 99, which is outside",
    ),
    (["--parts", "parts.csv", "--layers", "99"], "AddressError: no layer '99'"),
    (["--parts", "parts.csv", "--zero", "x"], "SettingError: zero is 'x'"),
    (["--parts", "parts.csv", "--random", "0"], "SettingError: draws is 0"),
    (["--parts", "parts.csv", "--fill", "red"], "SettingError: fill 'red'"),
    (["--parts", "parts.csv", "--part", "nos"], "PartsError: no part 'nos' is marked. Close to it: nose"),
    (["--parts", "small_random_net.py"], "PartsError: small_random_net.py begins with"),
]


@pytest.mark.parametrize(("words", "message"), WRONG)
def test_a_mistake_is_one_line(run: Run, place: Path, words: list[str], message: str) -> None:
    check_mistake(run(*words, "-o", "x"), message, place / "x")
