"""``convscope invariance`` as a shell sees it: files, numbers, mistakes."""

from __future__ import annotations

import csv
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from convscope.cli.invariance import numbers_of
from convscope.images import ImageSet
from convscope.models import load_model
from convscope.probes.invariance.invariance import invariance
from convscope.web.results.experiment import KINDS, experiment_page
from convscope.web.results.values import Estimate
from tests.cli.process import Run, check_mistake, finished, shell
from tests.images.make import encoded
from tests.probes.invariance.make import DEFAULT, smooth

FACTORY = """
from convscope.models import Preprocessing
from tests.probes.invariance.make import FEEDING, classifier

def net(seed=0):
    made = classifier(seed)
    made.preprocessing = FEEDING
    return made

def other():
    return net(1)
"""
MODEL, OTHER = "python:small_invariant:net", "python:small_invariant:other"
ALL = {*KINDS["invariance.json"].pictures, *KINDS["invariance.json"].tables, "invariance.json"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("invariance")
    (folder / "small_invariant.py").write_text(FACTORY)
    (folder / "images").mkdir()
    for number in range(6):
        (folder / "images" / f"it is {number} ö.png").write_bytes(encoded(smooth(number)))
    (folder / "images" / "bad.png").write_bytes(b"no picture")
    (folder / "bad.png").write_bytes(b"no picture")
    (folder / "one.png").write_bytes(encoded(smooth(0)))
    return folder


@pytest.fixture
def run(run: Run) -> Run:
    return partial(run, "invariance")


def facts(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / "invariance.json").read_text())
    return read


def test_as_a_process_it_writes_all_of_figure_5(place: Path) -> None:
    said = finished(shell(place, "invariance", MODEL, "images", "-o", "made"))
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert [line.split(", ")[1] for line in lines[:3]] == ["translate-y", "scale", "rotate"]
    assert lines[3].startswith("skipped bad.png: not an image")
    assert lines[4] == "made/figure.png"
    assert {path.name for path in (place / "made").iterdir()} == ALL

    sys.path.insert(0, str(place))
    model = load_model(MODEL)
    sys.path.remove(str(place))
    found = {
        name: invariance(model, ImageSet.open(place / "images"), name) for name in ("translate-y", "scale", "rotate")
    }
    curves = pq.read_table(place / "made" / "curves.parquet").to_pydict()
    offset = 0
    for name, each in found.items():
        part = slice(offset, offset + each.distance.size)
        offset = part.stop
        np.testing.assert_allclose(curves["distance"][part], each.distance.ravel(), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(curves["normalised"][part], each.normalised.ravel(), rtol=1e-5, atol=1e-6)
        assert set(curves["transform"][part]) == {name}
    assert offset == len(curves["value"])
    row = 30  # any row says which image, layer and value it is of
    shape = found["translate-y"].distance.shape
    image, layer, value = np.unravel_index(row, shape)
    assert curves["image"][row] == found["translate-y"].images[image]
    assert curves["layer"][row] == DEFAULT[layer]
    assert curves["depth"][row] == layer
    assert curves["value"][row] == found["translate-y"].values[value]

    labels = pq.read_table(place / "made" / "labels.parquet").to_pydict()
    answer = found["translate-y"].answer
    assert answer is not None
    assert labels["value"][:2] == [None, found["translate-y"].values[0]]
    assert labels["label"][0] == answer.own_label[0]
    assert labels["name"][0] == f"class {answer.own_label[0]}"
    assert labels["probability"][1] == pytest.approx(answer.probability[0, 0], rel=1e-5)
    units = pq.read_table(place / "made" / "units.parquet").to_pydict()
    assert len(units["unit"]) == 3 * (6 + 7 + 9 + 3)
    np.testing.assert_allclose(units["moved"][:6], np.asarray(found["translate-y"].units[0].moved), rtol=1e-4)
    assert units["moved"][-1] is None
    with (place / "made" / "scores.csv").open(newline="") as file:
        scores = list(csv.DictReader(file))
    assert len(scores) == 3 * len(DEFAULT)
    assert float(scores[0]["score"]) == pytest.approx(found["translate-y"].score_mean[0], rel=1e-5)
    assert scores[-1]["moved"] == ""
    read = facts(place / "made")
    assert read["settings"]["values"][MODEL]["scale"] == found["scale"].values.tolist()
    assert read["models"][MODEL]["weights_digest"] == model.digest
    assert read["skipped"] == [{"image": "bad.png", "reason": found["scale"].skipped[0][1]}]
    for name in ("figure.png", "layers.png"):
        with Image.open(place / "made" / name) as opened:
            assert np.asarray(opened).std() > 5
    check_page(place / "made")


def check_page(folder: Path) -> None:
    """Charts and tables hold what the facts and scores.csv hold."""
    page, summaries = experiment_page(folder), facts(folder)["summaries"]
    assert [each.title for each in page.findings.tables] == [
        f"Scores under {name}, {MODEL}" for name in ("translate-y", "scale", "rotate")
    ]
    for table, summary in zip(page.findings.tables, summaries, strict=True):
        for row, layer in zip(table.rows, summary["layers"], strict=True):
            assert row[:2] == (layer["layer"], layer["units"])
            assert row[2] == Estimate(layer["score"], layer["low"], layer["high"])
            assert row[3:] == (layer["unrelated"], layer["relative"])
    distances = page.findings.charts[0]
    assert [line.name for line in distances.lines] == [layer["layer"] for layer in summaries[0]["layers"]]
    assert len(distances.places) == len(summaries[0]["values"])
    for line, layer in zip(distances.lines, summaries[0]["layers"], strict=True):
        heights = [float(point.split()[1]) for point in line.path[1:].split("L")]
        # One straight line leads from values to pixels: from 0 at the bottom, upwards.
        slope, start = np.polyfit(layer["normalised"], heights, 1)
        assert start == pytest.approx(distances.bottom, abs=0.05)
        assert slope < 0
        np.testing.assert_allclose(slope * np.array(layer["normalised"]) + start, heights, atol=0.02)
    assert page.skipped[0].name == "bad.png"


WORDS = [MODEL, "images", "--transform", "rotate", "--values", "0,90", "--layers", "1,8"]


def test_two_models_in_one_folder_and_json(run: Run, place: Path) -> None:
    code, out, err = run(*WORDS, "-o", "two", "--also", OTHER, "--also", MODEL, "--json", "--limit", "3")
    assert (code, err) == (0, "")
    said = json.loads(out)
    assert said["folder"] == "two"
    names = [summary["model"] for summary in said["summaries"]]
    assert names == [MODEL, OTHER, f"{MODEL} (2)"]
    assert said["summaries"][0]["layers"] == said["summaries"][2]["layers"]
    assert said["summaries"][0]["layers"] != said["summaries"][1]["layers"]
    assert [layer["layer"] for layer in said["summaries"][1]["layers"]] == ["1", "8"]
    assert facts(place / "two")["images"]["count"] == 3


def test_a_finished_folder_is_kept_and_another_run_refused(run: Run, place: Path) -> None:
    assert run(*WORDS, "-o", "kept")[0] == 0
    before = {path: path.stat().st_mtime_ns for path in (place / "kept").iterdir()}
    assert run(*WORDS, "-o", "kept")[0] == 0
    assert before == {path: path.stat().st_mtime_ns for path in (place / "kept").iterdir()}
    code, _, err = run(*WORDS, "-o", "kept", "--border", "grey")
    assert code == 2
    assert err.startswith("SettingError: kept holds a result (invariance.json) of another image, model or settings")
    assert run(*WORDS, "-o", "kept", "--border", "grey", "--overwrite")[0] == 0
    assert facts(place / "kept")["settings"]["border"] == "grey"


WRONG: list[tuple[list[str], str]] = [
    (["images", "--transform", "shear"], "SettingError: transform 'shear'"),
    (["images", "--transform", ""], "SettingError: the transforms are none"),
    (["images", "--transform", "scale,scale"], "SettingError: the transforms are scale, scale"),
    (["images", "--values", "1,2"], "SettingError: values were given for 3 transforms"),
    (["images", "--transform", "scale", "--values", "0"], "SettingError: the values of scale"),
    (["images", "--layers", "99"], "AddressError: no layer '99'"),
    (["images", "--border", "red"], "SettingError: border 'red'"),
    (["images", "--interpolation", "nearest"], "SettingError: interpolation"),
    (["images", "--target", "wolf"], "SettingError: target 'wolf'"),
    (["images", "--target", "true"], "ImageSetError: no image of images can be used"),
    (["images", "--limit", "0"], "SettingError: the limit is 0"),
    (["images", "--seed", "-1"], "SettingError: the seed"),
    (["images", "--also", "python:nothing:here"], "SpecError"),
    (["bad.png"], "ImageSetError: no image of bad.png can be used; bad.png: not an image"),
    (["nowhere"], "ImageSetError"),
]


@pytest.mark.parametrize(("words", "message"), WRONG)
def test_a_mistake_is_one_line(run: Run, place: Path, words: list[str], message: str) -> None:
    check_mistake(run(MODEL, *words, "-o", "x"), message, place / "x")


def test_an_output_among_the_images_is_refused(run: Run) -> None:
    code, _, err = run(MODEL, "images", "-o", "images/made")
    assert code == 2
    assert err.startswith("AtlasError: images/made lies in the image folder")


def test_values_are_a_list_or_a_range() -> None:
    assert numbers_of(None) is None
    assert numbers_of("-3, 0,2.5") == (-3, 0, 2.5)
    assert numbers_of("-60:60:30") == (-60, -30, 0, 30, 60)
    assert numbers_of("1:1.8:0.2") == (1, 1.2, 1.4, 1.6, 1.8)
    assert numbers_of("5:5:1") == (5,)
    assert numbers_of("9:0:-3") == (9, 6, 3, 0)


@pytest.mark.parametrize("values", ["a", "1:2", "1:2:0", "1:2:-1", "0:1e9:1e-9", "1:2:3:4", "nan:1:1", "0:inf:1"])
def test_what_is_no_list_of_values_shows_the_usage(run: Run, values: str) -> None:
    code, _, err = run(MODEL, "images", "-o", "x", "--transform", "scale", f"--values={values}")
    assert code == 2
    assert f"'{values}' " in err
