"""The folder of a transfer: its files and columns, that it is recognised, and that a stopped run goes on."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from convscope.errors import SettingError
from convscope.pipeline.transfer import CELLS, FACTS, FEATURES, FILES, Alternative, Place, from_scratch, transfer_to
from convscope.pipeline.transfer_cells import Cells
from convscope.pipeline.transfer_report import percent, report_of, table_of
from convscope.pipeline.transfer_rows import ClassRow, FoldRow, PredictionRow, ScoreRow, SummaryRow
from convscope.probes.transfer.draws import Fold
from convscope.probes.transfer.labelled import Labelled, open_labelled
from convscope.probes.transfer.protocol import Protocol, Published
from convscope.probes.transfer.result import SCRATCH, Cell, Transfer
from convscope.probes.transfer.transfer import Ask, Prepared, prepare
from tests.probes.transfer.make import FEEDING, LAYERS, model, write_folders, write_voc

PROTOCOL = Protocol(
    "small",
    per_class=(1, 3),
    test=4,
    folds=2,
    note="A <script>\nnote.",
    published=(Published("Some | body", 12.5, per_class=3, spread=0.5), Published("Layers", 1.0, layer=2)),
)
ASK = Ask(PROTOCOL)
TABLES = {"scores.csv", "summary.csv", "classes.csv", "predictions.parquet", "folds.parquet"}
PICTURES = {"layers.png", "curve.png", "confusion.png", "confused.png"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_folders(tmp_path_factory.mktemp("pictures") / "data", 9, strength=8)
    (folder / "green/04.png").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def labelled(data: Path) -> Labelled:
    return open_labelled(data, PROTOCOL)


def stand_in(prepared: Prepared, _output: Path, report: Any) -> list[Cell]:
    """In place of networks from scratch: the first class for every image."""
    report("from scratch", 1, 1)
    return [
        Cell(
            layer=SCRATCH,
            columns=1234,
            classifier="recipe",
            fold=fold.number,
            per_class=fold.per_class,
            value=1 / 3 + fold.number / 100,
            strength=None,
            validated=False,
            by_class=np.array([1.0, 0.0, 0.0]),
            predicted=np.zeros(len(fold.test), np.int16),
            margin=np.ones(len(fold.test), np.float32),
        )
        for fold in prepared.folds
    ]


ALTERNATIVE = Alternative("stand-in", lambda _: None, stand_in)


@pytest.fixture(scope="module")
def made(labelled: Labelled, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Transfer]:
    folder = tmp_path_factory.mktemp("made")
    found = transfer_to(model(), labelled, Place(folder), ASK, ALTERNATIVE)
    assert found is not None
    return folder, found


def table(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
        return rows
    with path.open(newline="") as file:
        return [*csv.DictReader(file)]


def test_all_files_are_there(made: tuple[Path, Transfer]) -> None:
    folder, _ = made
    names = {path.name for path in folder.iterdir()}
    assert names == TABLES | PICTURES | {FACTS, "report.md", CELLS, FEATURES}
    for name, kind in (
        ("scores.csv", ScoreRow),
        ("summary.csv", SummaryRow),
        ("classes.csv", ClassRow),
        ("predictions.parquet", PredictionRow),
        ("folds.parquet", FoldRow),
    ):
        rows = table(folder / name)
        assert rows
        assert [*rows[0]] == [field.name for field in fields(kind)]
    facts = json.loads((folder / FACTS).read_text())
    assert facts["skipped"][0]["image"] == "green/04.png"
    assert facts["images"]["count"] == 27
    assert facts["best"]["layer"] in LAYERS
    assert len(facts["table"]) == (4 * 2 + 1) * 2
    assert {"reading", "measuring", "all"} == {*facts["seconds"]}


def test_tables_hold_the_result(made: tuple[Path, Transfer]) -> None:
    folder, found = made
    scores = table(folder / "scores.csv")
    assert len(scores) == len(found.cells) == (4 * 2 + 1) * 2 * 2
    for row, cell in zip(scores, found.cells, strict=True):
        assert (row["layer"], row["classifier"], int(row["fold"])) == (cell.layer, cell.classifier, cell.fold)
        assert float(row["value"]) == pytest.approx(cell.value)
        assert (row["c"] == "") == (cell.layer == SCRATCH)
        assert int(row["training"]) == 3 * cell.per_class
    for row in table(folder / "summary.csv"):
        own = [
            float(each["value"])
            for each in scores
            if all(each[name] == row[name] for name in ("layer", "classifier", "per_class"))
        ]
        assert float(row["mean"]) == pytest.approx(np.mean(own))
        assert float(row["deviation"]) == pytest.approx(np.std(own, ddof=1))
        assert float(row["low"]) <= float(row["mean"]) <= float(row["high"])
    folds = table(folder / "folds.parquet")
    predictions = table(folder / "predictions.parquet")
    for cell in found.cells[::5]:
        judged = [row for row in predictions if all(row[n] == getattr(cell, n) for n in ("layer", "classifier"))]
        judged = [row for row in judged if (row["fold"], row["per_class"]) == (cell.fold, cell.per_class)]
        assert cell.value == pytest.approx(
            np.mean([np.mean([row["right"] for row in judged if row["image"].startswith(c)]) for c in found.classes])
            if cell.layer != SCRATCH
            else cell.value
        )
        assert all(row["right"] == row["image"].startswith(row["predicted"] + "/") for row in judged)
        listed = {
            part: {
                row["image"]
                for row in folds
                if (row["fold"], row["per_class"], row["part"]) == (cell.fold, cell.per_class, part)
            }
            for part in ("training", "test")
        }
        assert listed["test"] == {row["image"] for row in judged}
        assert not listed["training"] & listed["test"]
        assert len(listed["training"]) == 3 * cell.per_class
    assert "green/04.png" not in {row["image"] for row in folds}
    classes = table(folder / "classes.csv")
    assert len(classes) == len(table(folder / "summary.csv")) * 3


def test_the_report_says_what_was_found(made: tuple[Path, Transfer]) -> None:
    folder, found = made
    text = (folder / "report.md").read_text()
    best, classifier = found.best
    row = found.summary(best, classifier, 3)
    assert row is not None
    mean = np.mean([cell.value for cell in found.of(best, classifier, 3)])
    assert percent(row).startswith(f"{100 * mean:.2f} ± ")
    assert f"Best: **{best}** with {classifier}, {percent(row)}." in text
    assert "# Transfer: data\n" in text
    assert "A \\<script\\> note." in text
    assert "| Some \\| body | - | 3 | 12.5 ± 0.5 |" in text
    assert "| Layers | layer 2 | - | 1.0 |" in text
    assert "| from scratch (whole network) | 1,234 | 33.83 ± 0.71" in text
    assert "- green/04.png: not an image" in text
    assert "Networks from scratch follow one recipe" in text
    for name in PICTURES:
        assert f"]({name})" in text
    heads = table_of(found).heads
    assert heads == (
        "layer",
        "numbers",
        *(f"{name}, {count} per class" for name in ("softmax", "svm") for count in (1, 3)),
    )
    shorter = report_of(replace(found, skipped=(), notes=(), cells=found.cells[:8]), [])
    assert "Images left out" not in shorter
    assert "from scratch" not in shorter


def test_a_finished_folder_is_recognised_and_another_refused(made: tuple[Path, Transfer], labelled: Labelled) -> None:
    folder, _ = made
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    # A limit on memory is no part of the question.
    assert transfer_to(model(), labelled, Place(folder), replace(ASK, memory=5 << 20), ALTERNATIVE) is None
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    for other, alternative in (
        (replace(ASK, seed=1), ALTERNATIVE),
        (replace(ASK, layers=("input",)), ALTERNATIVE),
        (replace(ASK, form="pooled"), ALTERNATIVE),
        (replace(ASK, protocol=replace(PROTOCOL, folds=3)), ALTERNATIVE),
        (ASK, None),
    ):
        with pytest.raises(SettingError, match=r"holds a result \(transfer.json\) of another .* give --overwrite"):
            transfer_to(model(), labelled, Place(folder), other, alternative)
    with pytest.raises(SettingError, match="holds a result"):
        transfer_to(model(seed=1), labelled, Place(folder), ASK, ALTERNATIVE)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_another_result_in_its_place(labelled: Labelled, made: tuple[Path, Transfer], tmp_path: Path) -> None:
    shared = made[0] / FEATURES
    kept = {path: path.stat().st_mtime_ns for path in shared.iterdir()}
    place, ask = Place(tmp_path / "out", shared), replace(ASK, classifiers=("svm",), layers=("7", "input"))
    assert transfer_to(model(), labelled, place, ask) is not None
    # Features are shared: nothing new was written beside them.
    assert {path: path.stat().st_mtime_ns for path in shared.iterdir()} == kept
    assert not (tmp_path / "out" / FEATURES).exists()
    assert {path.name for path in place.output.iterdir() if path.is_file()} == {*FILES, FACTS}
    asked = replace(ask, classifiers=("softmax",), protocol=replace(PROTOCOL, per_class=(3,)))
    again = transfer_to(model(), labelled, place, asked, overwrite=True)
    assert again is not None
    assert again.classifiers == ("softmax",)
    assert json.loads((tmp_path / "out" / FACTS).read_text())["settings"]["classifiers"] == ["softmax"]
    assert not (tmp_path / "out" / "curve.png").exists()  # of one number of images there is no curve


def test_what_is_gone_is_written_again(labelled: Labelled, made: tuple[Path, Transfer], tmp_path: Path) -> None:
    place, ask = Place(tmp_path / "out", made[0] / FEATURES), replace(ASK, classifiers=("svm",), layers=("7",))
    first = transfer_to(model(), labelled, place, ask)
    kept = {path: path.stat().st_mtime_ns for path in (place.output / CELLS).iterdir()}
    report = (place.output / "report.md").read_text()
    (place.output / "report.md").unlink()
    assert transfer_to(model(), labelled, place, ask) is not None
    assert (place.output / "report.md").read_text() == report
    assert transfer_to(model(), labelled, place, ask) is None
    (place.output / "layers.png").unlink()
    again = transfer_to(model(), labelled, place, ask, overwrite=True)
    assert (place.output / "layers.png").is_file()
    assert first is not None
    assert again is not None
    assert [cell.value for cell in again.cells] == [cell.value for cell in first.cells]
    assert {path: path.stat().st_mtime_ns for path in (place.output / CELLS).iterdir()} == kept


PROGRAM = """
import sys
from pathlib import Path
from convscope.pipeline.transfer import Place, transfer_to
from convscope.probes.transfer.labelled import open_labelled
from convscope.probes.transfer.transfer import Ask
from tests.pipeline.test_transfer import ASK, PROTOCOL
from tests.probes.transfer.make import model
transfer_to(model(), open_labelled(sys.argv[1], PROTOCOL), Place(Path(sys.argv[2])), ASK)
"""


def test_a_killed_run_goes_on(
    data: Path, labelled: Labelled, tmp_path: Path, made: tuple[Path, Transfer], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    killed = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(data), str(out)],
        env={"PYTHONPATH": "src:.", "OMP_NUM_THREADS": "1", "PATH": ""},
        cwd=Path(__file__).parents[2],
    )
    end = time.monotonic() + 100
    while len([*(out / CELLS).glob("*.npz")] if (out / CELLS).exists() else []) < 5:
        assert killed.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < end
        time.sleep(0.002)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (out / FACTS).exists()
    kept = {path: path.stat().st_mtime_ns for path in [*(out / CELLS).glob("*.npz"), *(out / FEATURES).iterdir()]}
    assert 5 <= len(kept) - len(LAYERS) < 32
    found = transfer_to(model(), labelled, Place(out), ASK)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert found is not None
    assert [cell.value for cell in found.cells] == [cell.value for cell in made[1].cells if cell.layer != SCRATCH]
    for name in ("folds.parquet",):
        assert table(out / name) == table(made[0] / name)


def test_of_pascal_voc_nothing_is_confused(tmp_path: Path) -> None:
    write_voc(tmp_path / "voc")
    protocol = Protocol("v", layout="voc", metric="average-precision", inside=("VOCdevkit/VOC2012",))
    labelled = open_labelled(tmp_path / "voc", protocol)
    out = tmp_path / "out"
    found = transfer_to(model(), labelled, Place(out), Ask(protocol, layers=("input", "7")))
    assert found is not None
    assert {path.name for path in out.iterdir()} == TABLES | {"layers.png", FACTS, "report.md", CELLS, FEATURES}
    text = (out / "report.md").read_text()
    assert "Mean average precision, 3 classes, trained on 12 images and judged on 12, the data set's own parts." in text
    assert "Most often confused" not in text
    assert table_of(found).heads == ("layer", "numbers", "softmax", "svm")
    (row,) = [row for row in table(out / "summary.csv") if (row["layer"], row["classifier"]) == ("7", "svm")]
    assert (row["folds"], row["per_class"], row["deviation"], row["low"]) == ("1", "0", "", "")
    predictions = table(out / "predictions.parquet")
    assert {row["image"] for row in predictions} == {name for name in labelled.images.names if "_001" in name}
    for row in predictions:
        index = labelled.images.names.index(row["image"])
        assert row["right"] == (labelled.marks[index, labelled.classes.index(row["predicted"])] == 1)
    assert transfer_to(model(), labelled, Place(out), Ask(protocol, layers=("input", "7"))) is None
    corrected = replace(labelled, marks=labelled.marks.copy())
    corrected.marks[0] *= -1
    with pytest.raises(SettingError, match="holds a result"):
        transfer_to(model(), corrected, Place(out), Ask(protocol, layers=("input", "7")))
    unmade = tmp_path / "unmade"
    with pytest.raises(SettingError, match="several classes on an image, and recipes train with one"):
        transfer_to(model(), labelled, Place(unmade), Ask(protocol), from_scratch("zfnet-small", {}, "cpu"))
    assert not unmade.exists()


def test_a_recipe_that_is_none() -> None:
    with pytest.raises(SettingError, match="recipe"):
        from_scratch("nothing", {}, "cpu")
    assert from_scratch("zfnet-small", {}, "cpu").about != from_scratch("zfnet-small", {"epochs": 1}, "cpu").about


def test_cells_are_kept_by_all_that_decides_them(labelled: Labelled, tmp_path: Path) -> None:
    prepared = prepare(labelled, ASK, FEEDING, 1, lambda *_: None)
    fold = prepared.folds[0]
    (cell,) = stand_in(replace(prepared, folds=(fold,)), tmp_path, lambda *_: None)
    made: list[str] = []

    def make() -> Cell:
        made.append("made")
        return cell

    cells = Cells(tmp_path / "cells", prepared, "digest flat")
    first = cells("7|svm", fold, make)
    renumbered = cells("7|svm", replace(fold, number=5), make)
    assert made == ["made"]
    assert renumbered.fold == 5
    for name in ("value", "strength", "validated", "classifier", "columns", "layer", "per_class"):
        assert getattr(renumbered, name) == getattr(first, name) == getattr(cell, name)
    for name in ("by_class", "predicted", "margin"):
        kept = getattr(renumbered, name)
        np.testing.assert_array_equal(kept, getattr(cell, name))
        assert kept.dtype == getattr(cell, name).dtype
    digests = dict(prepared.contents.digests)
    digests[int(fold.training[0])] = "another"
    others: list[tuple[Cells, str, Fold]] = [
        (cells, "7|softmax", fold),
        (cells, "7|svm", prepared.folds[1]),
        (replace(cells, source="another flat"), "7|svm", fold),
        (replace(cells, prepared=replace(prepared, ask=replace(ASK, seed=3))), "7|svm", fold),
        (
            replace(cells, prepared=replace(prepared, contents=replace(prepared.contents, digests=digests))),
            "7|svm",
            fold,
        ),
    ]
    for number, (other, name, each) in enumerate(others, 2):
        other(name, each, make)
        assert len(made) == number
    # What is damaged is made again.
    for content in (b"", b"no archive", None):
        for path in (tmp_path / "cells").iterdir():
            path.write_bytes(path.read_bytes()[:-40] if content is None else content)
        made.clear()
        assert cells("7|svm", fold, make).value == cell.value
        assert made == ["made"]
