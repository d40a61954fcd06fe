"""``convscope diagnose`` as a shell sees it: files, numbers, mistakes."""

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

from convscope.images import ImageSet
from convscope.models import load_model
from convscope.probes.diagnosis.diagnose import diagnose
from tests.cli.process import Run, check_mistake, finished, shell
from tests.images.make import encoded
from tests.probes.diagnosis.make import DEAD, DOUBLE, ORIGINAL, picture

FACTORY = """
from tests.probes.diagnosis.make import FEEDING, classifier, planted

def sick():
    made = planted()
    made.preprocessing = FEEDING
    return made

def blurred():
    made = classifier("blur")
    made.preprocessing = FEEDING
    return made
"""
MODEL, OTHER = "python:small_sick:sick", "python:small_sick:blurred"
TABLES = {"filters.parquet", "units.parquet", "strided.parquet", "findings.csv", "first_layer.npz", "diagnosis.json"}
PICTURES = {"first_layer.png", "spectra.png", "layers.png", "aliasing.png"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("diagnose")
    (folder / "small_sick.py").write_text(FACTORY)
    (folder / "images").mkdir()
    for number in range(5):
        (folder / "images" / f"it is {number} ö.png").write_bytes(encoded(picture(number)))
    (folder / "images" / "bad.png").write_bytes(b"no picture")
    (folder / "bad.png").write_bytes(b"no picture")
    return folder


@pytest.fixture
def run(run: Run) -> Run:
    return partial(run, "diagnose")


def facts(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / "diagnosis.json").read_text())
    return read


def test_as_a_process_it_writes_all_of_a_diagnosis(place: Path) -> None:
    said = finished(shell(place, "diagnose", MODEL, "images", "-o", "made"))
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[0].strip() == f"{MODEL}, 5 images"
    assert "12.5% of the units never answered on 5 images: 2" in said.out
    assert "skipped bad.png: not an image" in said.out
    assert said.out.splitlines()[-1] == "made/findings.csv"
    assert {path.name for path in (place / "made").iterdir()} == TABLES | PICTURES

    sys.path.insert(0, str(place))
    model = load_model(MODEL)
    sys.path.remove(str(place))
    found = diagnose(model, ImageSet.open(place / "images"))
    filters = pq.read_table(place / "made" / "filters.parquet").to_pydict()
    np.testing.assert_allclose(filters["rms"], np.concatenate([each.sizes.rms for each in found.filters]), rtol=1e-6)
    assert filters["duplicate_of"][:8] == [ORIGINAL if unit == DOUBLE else None for unit in range(8)]
    assert filters["dead"][:8] == [unit == DEAD for unit in range(8)]
    assert found.first is not None
    assert found.first.spectra is not None
    np.testing.assert_allclose(filters["peak"][:8], found.first.spectra.peak, rtol=1e-6)
    assert set(filters["peak"][8:]) == {None}
    units = pq.read_table(place / "made" / "units.parquet").to_pydict()
    np.testing.assert_allclose(units["density"], np.concatenate([each.density for each in found.activity]), rtol=1e-5)
    strided = pq.read_table(place / "made" / "strided.parquet").to_pydict()
    assert strided["layer"] == ["2"] * 8 + ["5"] * 10
    assert strided["above"][DEAD] is None  # constant
    assert strided["op_above"][0] == pytest.approx(found.strided[0].above, rel=1e-5)
    with (place / "made" / "findings.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["kind"] for row in rows] == [each.kind for each in found.findings]
    with np.load(place / "made" / "first_layer.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["filters_0"], found.first.filters)
    read = facts(place / "made")
    (told,) = read["diagnoses"]
    assert read["models"][MODEL]["weights_digest"] == model.digest
    assert read["references"][0]["name"] == "EfficientNet-Lite0"
    assert told["filters"][0]["duplicates"] == 1
    assert told["skipped"][0]["image"] == "bad.png"
    for name in PICTURES:
        with Image.open(place / "made" / name) as opened:
            assert np.asarray(opened).std() > 5


def test_weights_alone_and_what_was_left_out(run: Run, place: Path) -> None:
    code, out, err = run(MODEL, "-o", "alone", "--against", MODEL)
    assert (code, err) == (0, "")
    assert "weights alone" in out
    assert "needs images" in out
    assert {path.name for path in (place / "alone").iterdir()} == (TABLES | PICTURES | {"comparison.png"}) - {
        "aliasing.png"
    }
    assert f"{MODEL} (2)" in out
    assert "side by side" in out
    assert facts(place / "alone")["images"] is None


def test_two_models_on_the_same_images(run: Run, place: Path) -> None:
    code, out, err = run(MODEL, "images", "-o", "two", "--against", OTHER, "--limit", "3", "--shifts", "1", "--json")
    assert (code, err) == (0, "")
    said = json.loads(out)
    assert [each["model"] for each in said["diagnoses"]] == [MODEL, OTHER]
    whole = {row["measure"]: row for row in said["comparison"] if row["layers"] == ["", ""]}
    assert whole["aliasing, mean over ops"]["difference"] < 0
    assert (place / "two" / "comparison.png").is_file()
    assert facts(place / "two")["images"]["count"] == 3
    assert set(pq.read_table(place / "two" / "units.parquet")["model"].to_pylist()) == {MODEL, OTHER}


def test_a_finished_folder_is_kept_and_another_run_refused(run: Run, place: Path) -> None:
    assert run(MODEL, "-o", "kept")[0] == 0
    before = (place / "kept" / "filters.parquet").stat().st_mtime_ns
    assert run(MODEL, "-o", "kept")[0] == 0
    assert (place / "kept" / "filters.parquet").stat().st_mtime_ns == before
    code, _, err = run(OTHER, "-o", "kept")
    assert code == 2
    assert err.startswith("SettingError: kept holds a result (diagnosis.json) of another")
    assert run(OTHER, "-o", "kept", "--overwrite")[0] == 0
    assert list(facts(place / "kept")["models"]) == [OTHER]
    assert run(MODEL, "--against", OTHER, "-o", "both")[0] == 0
    assert (place / "both" / "comparison.png").exists()
    assert run(MODEL, "-o", "both", "--overwrite")[0] == 0
    assert not (place / "both" / "comparison.png").exists()


WRONG: list[tuple[list[str], str]] = [
    (["images", "--limit", "0"], "SettingError: the limit is 0"),
    (["images", "--shifts", "-1"], "SettingError: shifts is -1"),
    (["images", "--shifts", "40"], "SettingError: shifts is 40 pixels, and the model sees 32"),
    (["images", "--channels", "0"], "SettingError: channels is 0"),
    (["nowhere"], "ImageSetError"),
    (["bad.png"], "ImageSetError: no image of bad.png can be used; bad.png: not an image"),
    (["images", "--against", "zoo:nothing"], "SpecError"),
]


@pytest.mark.parametrize(("words", "message"), WRONG)
def test_a_mistake_is_one_line(run: Run, place: Path, words: list[str], message: str) -> None:
    check_mistake(run(MODEL, *words, "-o", "x"), message, place / "x")


def test_an_output_among_the_images_is_refused(run: Run) -> None:
    code, _, err = run(MODEL, "images", "-o", "images/made")
    assert code == 2
    assert err.startswith("AtlasError: images/made lies in the image folder")
