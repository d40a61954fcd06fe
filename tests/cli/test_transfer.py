"""``convscope transfer`` as a shell sees it: files, the table, JSON, a stop and mistakes."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.cli.process import Run, check_mistake, finished, shell
from tests.probes.transfer.make import CLASSES, LAYERS, write_folders, write_voc

FACTORY = """
from tests.probes.transfer.make import FEEDING, classifier

def net():
    made = classifier()
    made.preprocessing = FEEDING
    return made
"""
MODEL = "python:small_transfer_net:net"
QUICK = ["--per-class", "1,3", "--folds", "2", "--test", "3"]
ONE = ["--layers", "7", "--classifier", "svm"]
VOC = 'layout = "voc"\nmetric = "average-precision"\ninside = ["VOCdevkit/VOC2012"]\n'


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("transfer")
    (folder / "small_transfer_net.py").write_text(FACTORY)
    data = write_folders(folder / "data", 7, strength=15)
    (data / "red/it is bad.png").write_bytes(b"no picture")
    write_folders(folder / "one", 3, classes=CLASSES[:1])
    write_folders(folder / "few", 3)
    leaky = write_folders(folder / "leaky", 4)
    for number in (1, 2, 3):
        shutil.copy(leaky / "blue/00.png", leaky / f"blue/0{number}.png")
    write_voc(folder / "voc")
    (folder / "small voc.toml").write_text(VOC)
    (folder / "counts.toml").write_text("images = 7\n")
    (folder / "bad.toml").write_text("images = many\n")
    return folder


@pytest.fixture
def run(run: Run) -> Run:
    return partial(run, "transfer", MODEL)


def facts(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / "transfer.json").read_text())
    return read


def test_as_a_process_it_writes_a_report(place: Path) -> None:
    said = finished(shell(place, "transfer", MODEL, "data", "-o", "made", *QUICK))
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    heads = lines[0].split()
    assert heads[:2] == ["layer", "numbers"]
    assert [line.split()[0] for line in lines[1:5]] == [*LAYERS]
    assert [int(line.split()[1]) for line in lines[1:5]] == [*LAYERS.values()]
    assert "skipped red/it is bad.png: not an image" in said.out
    assert "note: C is 10 with 1 images per class" in said.out
    assert lines[-1] == "made/report.md"
    read = facts(place / "made")
    assert read["model"]["spec"] == MODEL
    assert read["settings"]["per_class"] == [1, 3]
    row = read["table"][1]
    assert f"{100 * row['mean']:.2f} ± {100 * row['deviation']:.2f}" in said.out
    assert {path.name for path in (place / "made").iterdir()} >= {"report.md", "curve.png", "layers.png", "scores.csv"}


def test_as_json_and_once_more(run: Run, place: Path) -> None:
    words = ["data", "-o", "json", "--json", *QUICK, *ONE, "--features", "shared", "--memory", "0.01"]
    code, out, err = run(*words)
    assert (code, err) == (0, "")
    said = json.loads(out)
    assert {*said} == {"folder", "best", "table", "skipped", "notes"}
    assert said["best"] == {"layer": "7", "classifier": "svm", "per_class": 3}
    assert [row["per_class"] for row in said["table"]] == [1, 3]
    assert said["skipped"][0]["image"] == "red/it is bad.png"
    assert (place / "shared").is_dir()
    assert not (place / "json/features").exists()
    before = (place / "json/scores.csv").stat().st_mtime_ns
    assert run(*words).out == out
    assert (place / "json/scores.csv").stat().st_mtime_ns == before
    code, _, err = run(*words, "--seed", "1")
    assert (code, err[:13]) == (2, "SettingError:")
    assert "give --overwrite" in err
    assert run(*words, "--seed", "1", "--overwrite").code == 0


def test_pooled_features_and_the_default_numbers_of_images(run: Run, place: Path) -> None:
    code, out, err = run("data", "-o", "pooled", "--pooled", "--folds", "1", "--layers", "input,2")
    assert (code, err) == (0, "")
    read = facts(place / "pooled")
    # Of 7 images per class at most 7 tenths are trained on: 1 and 2.
    assert {row["per_class"] for row in read["table"]} == {1, 2}
    assert [line.split()[:2] for line in out.splitlines()[1:3]] == [["input", "432"], ["2", "4"]]
    assert "means of maps" in (place / "pooled/report.md").read_text()


def test_pascal_voc(run: Run, place: Path) -> None:
    code, out, err = run("voc", "-o", "from voc", "--protocol", "small voc.toml", *ONE)
    assert (code, err) == (0, "")
    assert out.splitlines()[0].split() == ["layer", "numbers", "svm"]
    assert not (place / "from voc/confusion.png").exists()


def test_small_classes_are_left_out_when_asked(run: Run, place: Path) -> None:
    shutil.copytree(place / "few", place / "uneven")
    for number in range(3):
        (place / f"uneven/blue/1{number}.png").write_bytes((place / f"data/blue/0{number + 3}.png").read_bytes())
        (place / f"uneven/red/1{number}.png").write_bytes((place / f"data/red/0{number + 3}.png").read_bytes())
    words = ["uneven", "-o", "uneven made", "--per-class", "4", "--folds", "1", *ONE]
    check_mistake(run(*words), "ImageSetError: 4 training images per class", place / "uneven made")
    code, out, err = run(*words, "--skip-small")
    assert (code, err) == (0, "")
    assert "left out, because they have too few images: green (3)" in out


WRONG: list[tuple[list[str], str]] = [
    (["one"], "ImageSetError: one has 1 class with images; to tell classes apart there must be at least two"),
    (["few", "--per-class", "3"], "ImageSetError: 3 training images per class and at least one to judge by were asked"),
    (["leaky", "--per-class", "2"], "ImageSetError: 4 images to be judged are also trained on, under another name: "),
    (["data", "--protocol", "caltech"], "SettingError: there is no protocol 'caltech'; choose one of caltech-101"),
    (["data", "--protocol", "caltech-101"], "ImageSetError: data has 22 images, and Caltech-101 has 9,144"),
    (["data", "--protocol", "voc-2012"], "ImageSetError: data is no copy of PASCAL VOC"),
    (["data", "--protocol", "counts.toml"], "ImageSetError: data has 22 images, and counts has 7"),
    (["data", "--protocol", "bad.toml"], "SettingError: protocol bad.toml is not TOML"),
    (["data", "--classifier", "forest"], "SettingError: classifiers are softmax, svm, not forest"),
    (["data", "--classifier", ","], "SettingError: classifiers are softmax, svm, not none"),
    (["data", "--classifier", "svm,svm"], "SettingError: classifier svm is named twice"),
    (["data", "--layers", "nothing"], "AddressError: no layer 'nothing'"),
    (["data", "--layers", ","], "AddressError: no layer was named"),
    (["data", "--per-class", "0"], "SettingError: at least 1 training image per class"),
    (["data", "--memory", "0"], "SettingError: a limit on memory of 0 bytes is too small"),
    (["data", "--seed", "99999999999"], "SettingError: the seed is 99999999999"),
    (["data", "--download"], "SettingError: protocol folders names no data set to download"),
    (["data", "--from-scratch", "nothing"], "SettingError: There is no recipe 'nothing'"),
    (["data", "--from-scratch", "zfnet-2013"], "SettingError: recipe zfnet-2013 lowers its learning rate by the error"),
    (["data", "--set", "epochs=3"], "SettingError: --set changes the recipe of --from-scratch, which is not given"),
    (["voc", "--protocol", "small voc.toml", "--folds", "3"], "SettingError: VOC2012 has parts of its own, all of"),
    (["voc", "--protocol", "small voc.toml", "--from-scratch", "zfnet-small"], "SettingError: VOC2012 has several"),
    (["nowhere"], "ImageSetError"),
]


@pytest.mark.parametrize(("words", "message"), WRONG, ids=[" ".join(words) for words, _ in WRONG])
def test_a_mistake_is_one_line(run: Run, place: Path, words: list[str], message: str) -> None:
    check_mistake(run(*words, "-o", "x"), message, place / "x")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--per-class", "3.5"], "write whole numbers, as in 15,30"),
        (["--per-class", ","], "write whole numbers, as in 15,30"),
        (["--per-class", "3," + "1" * 5000], "has 5000 digits; a number of images has at most 9"),
        (["--folds", "0"], "--folds"),
        (["--memory", "nan"], "--memory"),
        (["--memory", "inf"], "--memory"),
    ],
)
def test_options_that_make_no_sense(run: Run, place: Path, words: list[str], message: str) -> None:
    code, out, err = run("data", "-o", "x", *words)
    assert (code, out) == (2, "")
    assert message in err
    assert not (place / "x").exists()


def test_an_output_among_the_images_is_refused(run: Run) -> None:
    code, _, err = run("data", "-o", "data/made")
    assert code == 2
    assert err.startswith("AtlasError: data/made lies in the image folder")
    code, _, err = run("data", "-o", "x", "--features", "data/kept")
    assert code == 2
    assert err.startswith("AtlasError: data/kept lies in the image folder")
    assert "with --features DIR" in err


def test_a_file_is_no_folder(run: Run, place: Path) -> None:
    assert run("data", "-o", "bad.toml").err.startswith("SettingError: bad.toml is a file, and a result is a folder")
    message = "SettingError: bad.toml lies at or below bad.toml, which is a file"
    check_mistake(run("data", "-o", "x", "--features", "bad.toml"), message, place / "x")


def test_what_is_left_out_is_counted(run: Run, place: Path) -> None:
    (place / "list.jsonl").write_text('{"image": "blue/00.png"}\n{"image": "red/01.png"}\n')
    code, out, err = run("data", "-o", "fewer", *QUICK, *ONE, "--exclude", "list.jsonl")
    assert (code, err) == (0, "")
    assert "note: left out, as the list says: 2 images" in out
    assert "- left out, as the list says: 2 images" in (place / "fewer/report.md").read_text()
