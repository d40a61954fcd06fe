"""``convscope evolve`` as a shell sees it: files, numbers, a kill in the middle, mistakes."""

from __future__ import annotations

import csv
import io
import json
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import safetensors.torch
from PIL import Image

from convscope.engine.project import project
from convscope.images import ImageSet
from convscope.models import load_model
from tests.cli.process import Run, check_mistake, shell
from tests.images.make import encoded, noise
from tests.probes.make import classifier

FACTORY = """
from convscope.models import Preprocessing
from tests.probes.make import FEEDING, classifier

def net(seed=0):
    made = classifier(seed)
    made.preprocessing = FEEDING
    return made

def later():
    return net(1)

def wide():
    from torch import nn
    made = net()
    made[3] = nn.Conv2d(6, 9, 3)
    made[6] = nn.Linear(9 * 10 * 10, 5)
    return made
"""
MODEL = "python:net_to_evolve:net"
IMAGES = 90
EPOCHS = (1, 2, 5, 10)
FILES = {
    "figure.png", "patches.png", "curves.png", "evolution.webp", "evolution.gif", "evolution.parquet", "curves.csv",
    "projections.npz", "evolution.json",
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    (folder / "net_to_evolve.py").write_text(FACTORY)
    for number in range(IMAGES):
        path = folder / "images" / f"{number:03d}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encoded(noise(6, 6, 3, seed=number).repeat(4, 0).repeat(4, 1)))
    (folder / "few").mkdir()
    for number in range(5):
        (folder / "few" / f"{number}.png").write_bytes((folder / "images" / f"{number:03d}.png").read_bytes())
    (folder / "few" / "bad.png").write_bytes(b"no picture")
    (folder / "snapshots").mkdir()
    for number, epoch in enumerate(EPOCHS):
        weights = classifier(number).state_dict()
        safetensors.torch.save_file(weights, folder / f"epoch-{epoch:04d}.safetensors")
    return folder


def files() -> list[str]:
    return [word for epoch in EPOCHS for word in ("--weights", f"epoch-{epoch:04d}.safetensors")]


@pytest.fixture
def run(run: Run) -> Run:
    return partial(run, "evolve")


def facts(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / "evolution.json").read_text())
    return read


def test_a_run_that_is_killed_goes_on_and_ends_like_an_unbroken_one(run: Run, place: Path) -> None:
    words = [MODEL, "images", *files()[:4], "--units", "1", "--ranked", "50", "--batch-size", "1"]
    process = shell(place, "evolve", *words, "-o", "broken")
    limit = time.monotonic() + 120
    while len(kept := sorted((place / "broken").glob("work/*/checkpoint-*.npz"))) < 1:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit, "nothing happens"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert not (place / "broken" / "evolution.json").exists()
    assert kept[-1].name == "checkpoint-00001.npz"  # the last one comes first
    moment = kept[-1].stat().st_mtime_ns
    linked = place / "kept.npz"
    linked.hardlink_to(kept[-1])
    code, out, err = run(*words, "-o", "broken")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == "broken/figure.png"
    assert linked.stat().st_mtime_ns == moment
    assert {path.name for path in (place / "broken").iterdir()} == FILES  # work is gone
    assert run(*words, "-o", "unbroken")[0] == 0
    for name in FILES - {"evolution.json"}:
        one, other = ((place / folder / name).read_bytes() for folder in ("broken", "unbroken"))
        assert one == other, name
    said = [facts(place / folder) for folder in ("broken", "unbroken")]
    assert all(each.pop("seconds") and each.pop("made_with") for each in said)
    assert said[0] == said[1]
    before = {path: path.stat().st_mtime_ns for path in (place / "broken").iterdir()}
    assert run(*words, "-o", "broken")[0] == 0
    assert before == {path: path.stat().st_mtime_ns for path in (place / "broken").iterdir()}
    code, _, err = run(*words, "--seed", "1", "-o", "broken")
    assert code == 2
    assert err.startswith("SettingError: broken holds a result (evolution.json) of another")


def test_tables_pictures_and_films_agree(run: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [MODEL, "few", *files(), "--unit", "1:2", "--unit", "4:0", "--unit", "4:5", "--at", "1,5,10"]
    code, out, err = run(*words, "-o", "named", "--json")
    assert (code, err) == (0, "")
    said = json.loads(out)
    assert said["labels"] == ["epoch 1", "epoch 5", "epoch 10"]
    assert [skip["image"] for skip in said["skipped"]] == ["bad.png"]
    assert [layer["shown"] for layer in said["layers"]] == [[2], [0, 5]]
    rows = pq.read_table(place / "named" / "evolution.parquet").to_pylist()
    assert len(rows) == 3 * (6 + 7)
    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(str(place))
    images = ImageSet.open("few")
    models = {epoch: load_model(MODEL, weights=f"epoch-{epoch:04d}.safetensors") for epoch in (1, 5, 10)}
    with np.load(place / "named" / "projections.npz", allow_pickle=False) as arrays:
        for row in rows:
            name = f"{row['depth']}_{row['unit']}_{['epoch 1', 'epoch 5', 'epoch 10'].index(row['checkpoint'])}"
            shown = (row["layer"], row["unit"]) in (("1", 2), ("4", 0), ("4", 5))
            assert (f"projection_{name}" in arrays) == shown
            assert shown or row["projection"] is None
            if not shown:
                continue
            picture = images.read(images.names.index(row["image"]))
            whole = project(models[row["position"]], picture, f"{row['layer']}:{row['unit']}")
            assert whole.unit.position == (row["y"], row["x"])
            assert row["value"] == pytest.approx(whole.value, rel=1e-5)
            top, left, bottom, right = arrays[f"box_{name}"].tolist()
            assert (top, left, bottom, right) == whole.window
            np.testing.assert_allclose(
                arrays[f"projection_{name}"], whole.pixels[top:bottom, left:right], rtol=1e-4, atol=1e-6
            )
    with (place / "named" / "curves.csv").open() as file:
        curves = list(csv.DictReader(file))
    assert [(line["checkpoint"], line["layer"]) for line in curves[-2:]] == [("epoch 10", "1"), ("epoch 10", "4")]
    assert [float(line["ranking"]) for line in curves[-2:]] == pytest.approx([1, 1])
    for name in ("evolution.webp", "evolution.gif"):
        with Image.open(io.BytesIO((place / "named" / name).read_bytes())) as film:
            assert (getattr(film, "n_frames", 1), film.info["loop"]) == (3, 0)


def test_several_models_are_checkpoints_too(run: Run, place: Path) -> None:
    code, out, err = run(MODEL, "few", "--also", "python:net_to_evolve:later", "-o", "models", "--units", "1")
    assert (code, err) == (0, "")
    assert facts(place / "models")["labels"] == [MODEL, "python:net_to_evolve:later"]
    lines = out.splitlines()
    assert lines[0].startswith("1: of 2, settled at 1.")
    assert lines[2].startswith("by ranking: too few layers")
    before = {path: path.stat().st_mtime_ns for path in (place / "models").iterdir()}
    code, _, err = run(MODEL, "few", "--also", "python:net_to_evolve:wide", "-o", "models", "--overwrite")
    assert code == 2
    assert err.startswith("ModelError: checkpoint")  # and what was finished stays
    assert before == {path: path.stat().st_mtime_ns for path in (place / "models").iterdir()}


WRONG: list[tuple[list[str], str]] = [
    ([MODEL, "few"], f"SettingError: {MODEL} is no folder of a training run. Give one"),
    (["snapshots", "few"], "SettingError: snapshots is no folder of snapshots: met nothing"),
    ([MODEL, "few", *files(), "--also", MODEL], "SettingError: --weights and --also were both given"),
    ([MODEL, "few", *files()[:2]], "SettingError: an evolution needs at least 2 checkpoints, and 1"),
    ([MODEL, "few", *files()[:4], *files()[:2]], "SettingError: checkpoint 'epoch 1' at 1 comes after"),
    ([MODEL, "few", *files(), "--at", "1,3"], "SettingError: there is no checkpoint at 3; there are 1, 2, 5, 10"),
    ([MODEL, "few", *files(), "--unit", "1:99"], "AddressError: layer '1' has units 0 to 5, not 99"),
    ([MODEL, "few", *files(), "--layers", "99"], "AddressError: no layer '99'"),
    ([MODEL, "few", *files(), "--method", "magic"], "CoverageError: unknown method"),
    ([MODEL, "few", *files(), "--device", "nowhere"], "ModelError: device 'nowhere' cannot be used"),
    (
        [MODEL, "few", "--also", "python:net_to_evolve:wide"],
        "ModelError: checkpoint 'python:net_to_evolve:wide' is of another architecture than "
        "'python:net_to_evolve:net': first difference: conv2d at '3' giving 9 x 10 x 10, where conv2d at '3' giving 7",
    ),
    ([MODEL, "nowhere", *files()], "ImageSetError"),
]


@pytest.mark.parametrize(("words", "message"), WRONG)
def test_a_mistake_is_one_line(run: Run, place: Path, words: list[str], message: str) -> None:
    check_mistake(run(*words, "-o", "x"), message, place / "x")


def test_what_is_no_list_of_epochs_shows_the_usage(run: Run) -> None:
    code, _, err = run(MODEL, "few", *files(), "-o", "x", "--at", "1,b")
    assert code == 2
    assert "is no list of epochs" in err
