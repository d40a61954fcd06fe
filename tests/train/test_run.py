"""Whole runs of a tiny network: what they write, that they can be killed, and what stops them."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import Callback
from safetensors.torch import load_file
from torch import Tensor, nn

from convscope.errors import ImageSetError, NumberError, SettingError, WeightsError
from convscope.images import ImageSet
from convscope.models import Model, Preprocessing, load_model
from convscope.probes.evaluation.evaluate import evaluate
from convscope.train.callbacks.records import keep_until, seconds_of
from convscope.train.callbacks.resumption import LAST
from convscope.train.feeding import Feeding
from convscope.train.reading import load_recipe
from convscope.train.recipe import Recipe
from convscope.train.result import Trained
from convscope.train.run import Machine, train
from convscope.train.splits import Splits, open_splits
from convscope.zoo.snapshot import describe
from tests.cli.process import finished, shell
from tests.train.make import TINY, draw, draw_splits, tiny, toml


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_splits(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def splits(data: Path) -> Splits:
    return open_splits(data)


@pytest.fixture(scope="module")
def unbroken(splits: Splits, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(tiny(), splits, tmp_path_factory.mktemp("runs") / "unbroken")


def rows(path: Path) -> list[dict[str, float]]:
    with path.open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def test_what_a_run_writes(unbroken: Trained, splits: Splits) -> None:
    assert unbroken.snapshots == tuple(f"epoch-{epoch:04d}.safetensors" for epoch in (0, 1, 2, 3))
    steps, epochs = rows(unbroken.path / "steps.csv"), rows(unbroken.path / "epochs.csv")
    each = -(-len(splits.training) // 8)
    assert [row["step"] for row in steps] == [*range(1, 3 * each + 1)]
    assert [row["epoch"] for row in epochs] == [1, 2, 3]
    for row in epochs:
        losses = [step["loss"] for step in steps if step["epoch"] == row["epoch"]]
        sizes = [8] * (each - 1) + [len(splits.training) - 8 * (each - 1)]
        assert row["train_loss"] == pytest.approx(np.average(losses, weights=sizes), rel=1e-5)
    assert steps[-1]["rate"] == pytest.approx(0, abs=1e-9)
    assert list((unbroken.path / "tensorboard").glob("events*"))


def test_snapshots_are_models_of_pixels(unbroken: Trained, splits: Splits) -> None:
    model = load_model(f"snapshot:{unbroken.last}")
    assert model.classes == splits.training.classes
    pixels = np.stack([splits.training.read(index)[:, :, 0] for index in range(len(splits.training))])
    mean = torch.from_numpy(pixels.mean(0)).float()[None]
    centred = Feeding(tiny().images, mean, 16).middle(torch.from_numpy(pixels)[:, None])
    views = np.stack([model.preprocessing.view(splits.training.read(index)) for index in range(len(splits.training))])
    torch.testing.assert_close(
        model.module(model.preprocessing.normalise(torch.from_numpy(views))),
        model.module[1:](centred),  # type: ignore[index]
    )
    assert model.digest == load_model(f"snapshot:{unbroken.path}").digest
    assert describe(unbroken.last).step == 12


def test_the_result_is_the_error_of_the_last_snapshot(unbroken: Trained, splits: Splits) -> None:
    model = load_model(f"snapshot:{unbroken.last}")
    for images, error in ((splits.validation, unbroken.validation_error),):
        wrong = 0
        for index in range(len(images)):
            view = torch.from_numpy(model.preprocessing.view(images.read(index)))[None]
            answer = int(model.module(model.preprocessing.normalise(view)).argmax())
            wrong += model.classes[answer] != images.labels[index]
        assert error == wrong / len(images)
    assert unbroken.validation_error_5 is None
    assert unbroken.parameters == sum(entry.numel() for entry in model.module.parameters())


def test_a_finished_run_is_not_repeated(unbroken: Trained, splits: Splits) -> None:
    before = {path: path.stat().st_mtime_ns for path in unbroken.path.rglob("*")}
    assert train(tiny(), splits, unbroken.path) == unbroken
    assert before == {path: path.stat().st_mtime_ns for path in unbroken.path.rglob("*")}


def test_another_run_in_the_same_folder_is_refused(unbroken: Trained, splits: Splits) -> None:
    for recipe, seed in ((tiny(batch=4), 0), (tiny(), 1)):
        with pytest.raises(SettingError, match="another recipe, data or seed"):
            train(recipe, splits, unbroken.path, seed=seed)


def test_the_seed_decides(unbroken: Trained, splits: Splits, tmp_path: Path) -> None:
    other = train(tiny(epochs=1), splits, tmp_path / "other", seed=1)
    assert rows(other.path / "steps.csv")[0]["loss"] != rows(unbroken.path / "steps.csv")[0]["loss"]


@pytest.mark.parametrize(
    ("machine", "changes", "words"),
    [
        ({"accelerator": "foo"}, {}, "accelerator 'foo' with 1 devices is not to be had here"),
        ({"accelerator": "tpu"}, {}, "accelerator 'tpu' with 1 devices is not to be had here"),
        ({"devices": 0}, {}, "devices is 0; it must be at least 1"),
        ({"devices": -3}, {}, "devices is -3; it must be at least 1"),
        ({"workers": -1}, {}, "workers is -1; it must be at least 0"),
        ({"accelerator": "cpu"}, {"precision": "16-mixed"}, "precision is '16-mixed', which a CPU does not compute"),
    ],
)
def test_a_machine_that_is_not_there_is_refused_before_images_are_read(
    splits: Splits, tmp_path: Path, machine: dict[str, Any], changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(SettingError, match=words):
        train(tiny(**changes), splits, tmp_path / "run", machine=Machine(**machine))
    assert not (tmp_path / "run").exists()


def test_a_finished_run_is_read_where_it_could_not_be_trained(unbroken: Trained, splits: Splits) -> None:
    assert train(tiny(), splits, unbroken.path, machine=Machine("tpu")) == unbroken


def test_a_seed_below_zero_is_refused(data: Path, splits: Splits, tmp_path: Path) -> None:
    for refused in (lambda: open_splits(data, seed=-1), lambda: train(tiny(), splits, tmp_path / "run", seed=-1)):
        with pytest.raises(SettingError, match="seed is -1; it must be 0 or above"):
            refused()
    assert not (tmp_path / "run").exists()


def test_a_result_without_snapshots_is_refused(unbroken: Trained, splits: Splits, tmp_path: Path) -> None:
    run = shutil.copytree(unbroken.path, tmp_path / "run")
    found = json.loads((run / "result.json").read_text())
    (run / "result.json").write_text(json.dumps(found | {"snapshots": []}))
    with pytest.raises(SettingError, match=r"result\.json names no snapshot"):
        train(tiny(), splits, run)


class Meanwhile(Callback):
    """Calls something else in the midst of a run."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.call = call

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.call()


def test_one_process_at_a_time_trains_in_a_folder(unbroken: Trained, splits: Splits, tmp_path: Path) -> None:
    told = []

    def again() -> None:
        with pytest.raises(SettingError, match=r"another process is training in .*run \(process \d+\)") as refused:
            train(tiny(), splits, tmp_path / "run")
        told.append(refused)

    found = train(tiny(), splits, tmp_path / "run", callbacks=[Meanwhile(again)])
    assert len(told) == 3
    assert rows(found.path / "steps.csv") == rows(unbroken.path / "steps.csv")
    assert train(tiny(), splits, tmp_path / "run") == found


SCHEDULES = {
    "cycle": {},
    "plateau": {"schedule.kind": "plateau", "schedule.patience": 1, "epochs": 5, "optimiser.rate": 1e-4},
}
PROGRAM = """
import json, sys
from convscope.train.reading import load_recipe
from convscope.train.run import train
from convscope.train.splits import open_splits
train(load_recipe("zfnet-small", json.loads(sys.argv[1])), open_splits(sys.argv[2]), sys.argv[3])
"""


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_killed_run_goes_on_as_if_nothing_had_happened(data: Path, tmp_path: Path, schedule: str) -> None:
    changes = TINY | SCHEDULES[schedule]
    recipe, splits = load_recipe("zfnet-small", changes), open_splits(data)
    train(recipe, splits, tmp_path / "unbroken")
    killed = subprocess.Popen([sys.executable, "-c", PROGRAM, json.dumps(changes), str(data), str(tmp_path / "killed")])
    steps, end = tmp_path / "killed/steps.csv", time.monotonic() + 100
    # One epoch has four steps: the sixth is in the middle of the second.
    while not (steps.exists() and steps.read_text().count("\n") > 6):
        assert killed.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < end
        time.sleep(0.002)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "killed/result.json").exists()
    train(recipe, splits, tmp_path / "killed")
    assert rows(steps) == rows(tmp_path / "unbroken/steps.csv")
    for path in (tmp_path / "unbroken/snapshots").iterdir():
        ours, theirs = load_file(tmp_path / "killed/snapshots" / path.name), load_file(path)
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    for one, other in zip(rows(tmp_path / "killed/epochs.csv"), rows(tmp_path / "unbroken/epochs.csv"), strict=True):
        assert one | {"seconds": 0} == other | {"seconds": 0}
    if schedule == "plateau":
        assert len({row["rate"] for row in rows(steps)}) > 1, "the rate never fell, so nothing was tested"


def test_a_run_that_stopped_before_its_result_is_only_evaluated(
    splits: Splits, unbroken: Trained, tmp_path: Path
) -> None:
    shutil.copytree(unbroken.path, tmp_path / "run")
    (tmp_path / "run/result.json").unlink()
    assert replace(train(tiny(), splits, tmp_path / "run"), run=unbroken.run) == unbroken
    assert (tmp_path / "run/steps.csv").read_bytes() == (unbroken.path / "steps.csv").read_bytes()


def test_rows_after_the_last_saved_step_are_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "steps.csv"
    path.write_text("step,loss\n1,0.5\n2,0.4\n3,0.3\n4,0.")
    keep_until(path, 2)
    assert path.read_text() == "step,loss\n1,0.5\n2,0.4\n"
    path.write_text("step,loss\n1,0.5\n2,0.")
    keep_until(path, 2)
    assert path.read_text() == "step,loss\n1,0.5\n"


@pytest.mark.parametrize("begun", ["", "step,lo"])
def test_a_record_that_was_only_begun_is_begun_again(tmp_path: Path, begun: str) -> None:
    path = tmp_path / "steps.csv"
    path.write_text(begun)
    keep_until(path, 2)
    assert not path.exists()


@pytest.mark.parametrize("content", [b"step,loss\nx,0.5\n", b"step,loss\n\xff,1\n"])
def test_a_record_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "steps.csv"
    path.write_bytes(content)
    with pytest.raises(SettingError, match=r"steps\.csv is missing or damaged"):
        keep_until(path, 2)
    assert path.read_bytes() == content


NO_SECONDS = [
    None,
    b"",
    b"epoch\n1\n",
    b"epoch,seconds\n1,long\n",
    b"epoch,seconds\n1,nan\n",
    b"epoch,seconds\n1\n",
    b"\xff",
]


@pytest.mark.parametrize("content", NO_SECONDS)
def test_the_seconds_of_a_run_without_its_record_are_not_known(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "epochs.csv"
    path.write_text("epoch,seconds\n1,2.5\n2,0.5\n")
    assert seconds_of(tmp_path) == 3.0
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(SettingError, match=r"epochs\.csv is missing or damaged"):
        seconds_of(tmp_path)


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    return content[:5000] + bytes([content[5000] ^ 1]) + content[5001:]


@pytest.mark.parametrize("harm", [cut, flipped])
def test_a_damaged_state_is_refused_and_nothing_of_the_run_changes(
    splits: Splits, unbroken: Trained, tmp_path: Path, harm: Callable[[bytes], bytes]
) -> None:
    run = shutil.copytree(unbroken.path, tmp_path / "run")
    (run / "result.json").unlink()
    (run / LAST).write_bytes(harm((run / LAST).read_bytes()))
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(WeightsError, match=r"last\.ckpt, from which a stopped run goes on, is damaged"):
        train(tiny(), splits, run)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_a_loss_that_is_not_finite_stops_and_names_the_layer(splits: Splits, tmp_path: Path) -> None:
    recipe = tiny(optimiser__rate=1e30, schedule__kind="constant", steps=[1])
    with pytest.raises(NumberError, match=r"the loss is (nan|inf) in epoch 1, step \d.*(conv|fc|relu|norm)\d"):
        train(recipe, splits, tmp_path / "run")
    assert load_model(f"snapshot:{tmp_path}/run/snapshots/epoch-0000.safetensors").notes
    assert not (tmp_path / "run/result.json").exists()


FULL = """
import resource, signal, sys
from convscope.errors import ConvscopeError
from convscope.train.run import train
from convscope.train.splits import open_splits
from tests.cli.process import finished, shell
from tests.train.make import tiny
splits = open_splits(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
try:
    train(tiny(), splits, sys.argv[2])
except (ConvscopeError, OSError) as error:
    print(f"{type(error).__name__}: {error}")
"""


@pytest.mark.parametrize(("room", "message"), [(2000, "WeightsError: snapshot "), (15000, "WeightsError: /")])
def test_a_full_disk_loses_nothing(data: Path, tmp_path: Path, room: int, message: str) -> None:
    """There is room for nothing, or for a snapshot and not for the state from which a stopped run goes on."""
    words = [sys.executable, "-c", FULL, str(data), str(tmp_path / "run"), str(room)]
    said = subprocess.run(words, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert said.stdout.startswith(message), said
    assert "make room" in said.stdout
    train(tiny(), open_splits(data), tmp_path / "run")
    assert (tmp_path / "run/result.json").exists()


def test_renormalised_filters_stay_within_the_radius(splits: Splits, tmp_path: Path) -> None:
    found = train(tiny(renormalise=0.1, epochs=1), splits, tmp_path / "run")
    weights = load_file(found.last)
    for name in ("conv1.weight", "conv2.weight", "conv5.weight"):
        assert weights[name].square().mean((1, 2, 3)).sqrt().max() <= 0.1 + 1e-6
    assert weights["fc8.weight"].square().mean(1).sqrt().max() > 0.1


def test_a_snapshot_of_a_step_is_renormalised_and_comes_before_that_of_its_epoch(
    splits: Splits, tmp_path: Path
) -> None:
    found = train(tiny(renormalise=0.1, epochs=1, steps=[1, 4]), splits, tmp_path / "run")
    names = ("epoch-0000", "step-000001", "step-000004", "epoch-0001")
    assert found.snapshots == tuple(f"{name}.safetensors" for name in names)
    first, fourth, last = (load_file(found.path / "snapshots" / name) for name in found.snapshots[1:])
    assert first["conv2.weight"].square().mean((1, 2, 3)).sqrt().max() <= 0.1 + 1e-6
    assert all(torch.equal(fourth[name], last[name]) for name in last)


def test_images_that_cannot_be_read_are_listed(data: Path, tmp_path: Path) -> None:
    draw_splits(tmp_path / "data")
    (tmp_path / "data/train/down/03.png").write_bytes(b"no picture")
    found = train(tiny(epochs=1), open_splits(tmp_path / "data"), tmp_path / "run")
    assert list(found.skipped) == ["down/03.png"]
    assert len(rows(found.path / "steps.csv")) == 4


def test_images_larger_than_memory_are_decoded_again(
    splits: Splits, unbroken: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("convscope.train.survey.survey.__defaults__", (0,))
    found = train(tiny(), splits, tmp_path / "run")
    assert rows(found.path / "steps.csv") == rows(unbroken.path / "steps.csv")


class StopIn(Callback):
    """Ends a run as an error does, when ``epochs`` are done."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.current_epoch == self.epochs:
            raise InterruptedError


@pytest.mark.parametrize("workers", [0, 1])
def test_a_stopped_run_that_decodes_again_goes_on_in_the_same_order(
    splits: Splits, unbroken: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setattr("convscope.train.survey.survey.__defaults__", (0,))
    machine = Machine(workers=workers)
    with pytest.raises(InterruptedError):
        train(tiny(), splits, tmp_path / "run", machine=machine, callbacks=[StopIn(1)])
    found = train(tiny(), splits, tmp_path / "run", machine=machine)
    assert rows(found.path / "steps.csv") == rows(unbroken.path / "steps.csv")


def test_ten_crops_are_the_mean_of_ten_answers(unbroken: Trained, splits: Splits) -> None:
    model = load_model(f"snapshot:{unbroken.last}")
    found = evaluate(model, splits.validation, crops="ten", batch_size=5)
    for row in range(len(splits.validation)):
        pixels = torch.from_numpy(splits.validation.read(row)).permute(2, 0, 1)
        crops = [pixels[:, y : y + 16, x : x + 16] for y, x in ((0, 0), (0, 2), (2, 0), (2, 2), (1, 1))]
        answers = [
            model.module(version[None].float()).softmax(1) for crop in crops for version in (crop, crop.flip(-1))
        ]
        np.testing.assert_allclose(found.probabilities[row], torch.cat(answers).mean(0), atol=1e-6)


def test_several_models_vote_by_their_mean(unbroken: Trained, splits: Splits) -> None:
    models = [load_model(f"snapshot:{unbroken.path}/snapshots/{name}") for name in unbroken.snapshots]
    alone = [evaluate(model, splits.validation).probabilities for model in models]
    together = evaluate(models, splits.validation)
    np.testing.assert_allclose(together.probabilities, np.mean(alone, 0), atol=1e-7)
    labels = [models[0].classes.index(str(label)) for label in splits.validation.labels]
    assert together.error == np.mean(together.probabilities.argmax(1) != labels)
    assert together.confusion.sum() == len(labels)
    assert together.confusion.trace() == len(labels) * (1 - together.error)


class Root(nn.Module):
    """Answers with the root of how much darker an image is than ``limit``, which is no number for a brighter one."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.conv, self.limit = nn.Conv2d(1, 3, 8), limit

    def forward(self, image: Tensor) -> Tensor:
        answer: Tensor = (self.limit - image.mean((2, 3))).sqrt() + self.conv(image).mean((2, 3))
        return answer


def test_an_answer_that_is_no_number_has_no_rank(data: Path) -> None:
    images = ImageSet.open(data / "val")
    feeding = Preprocessing(8, 8, 8, "nearest", (0.0,), (1.0,), True)
    means = [images.read(index).mean() for index in range(len(images))]

    def model(limit: float) -> Model:
        return load_model(Root(limit).eval(), preprocessing=feeding, classes=images.classes)

    assert np.isfinite(evaluate(model(256.0), images).probabilities).all()
    first = means[0]
    assert min(means) < max(means)
    with pytest.raises(NumberError, match="NaN or infinit"):
        evaluate(model(first + 1e-3 if first < max(means) else first - 1e-3), images)


def test_data_that_cannot_be_learned_from(tmp_path: Path) -> None:
    draw(tmp_path / "one", 3)
    for name in ("down", "grid"):
        for path in (tmp_path / "one" / name).iterdir():
            path.unlink()
        (tmp_path / "one" / name).rmdir()
    with pytest.raises(ImageSetError, match="has 1 class; training needs at least two"):
        open_splits(tmp_path / "one")
    flat = ImageSet.open(draw(tmp_path / "all", 2) / "down")
    with pytest.raises(ImageSetError, match="have no label"):
        Splits(flat, flat, "given")


def test_a_tenth_of_each_class_is_held_out(tmp_path: Path) -> None:
    found = open_splits(draw(tmp_path / "data", 20), seed=3)
    assert sorted(found.training.names + found.validation.names) == sorted(ImageSet.open(tmp_path / "data").names)
    assert [found.validation.labels.count(name) for name in found.training.classes] == [2, 2, 2]
    assert found.validation.names == open_splits(tmp_path / "data", seed=3).validation.names
    assert found.validation.names != open_splits(tmp_path / "data", seed=4).validation.names


def test_a_damaged_snapshot_is_refused(unbroken: Trained, tmp_path: Path) -> None:
    content = unbroken.last.read_bytes()
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(content[: len(content) // 2])
    with pytest.raises(WeightsError, match="not a sound safetensors file"):
        load_model(f"snapshot:{bad}")
    changed = content.replace(b'\\"filters\\": 4', b'\\"filters\\": 5', 1)
    assert changed != content
    bad.write_bytes(changed)
    with pytest.raises(WeightsError, match="its architecture has"):
        load_model(f"snapshot:{bad}")


def test_recipe_and_snapshot_agree_on_the_architecture(unbroken: Trained) -> None:
    recipe: Recipe = tiny()
    assert describe(unbroken.last).architecture == recipe.architecture
    assert replace(describe(unbroken.last), epoch=0, step=0) == replace(
        describe(unbroken.path / "snapshots" / unbroken.snapshots[0]), epoch=0, step=0
    )


def test_two_processes_share_a_run(data: Path, tmp_path: Path, unbroken: Trained) -> None:
    words = ["train", "zfnet-small", str(data), "-o", "run", "--accelerator", "cpu", "--devices", "2", "--json"]
    for name, value in TINY.items():
        words += ["--set", f"{name}={toml(value)}"]
    process = shell(tmp_path, *words)
    said = finished(process)
    assert said.code == 0, said
    found = json.loads(said.out)
    assert found["snapshots"] == list(unbroken.snapshots)
    assert [row["step"] for row in rows(tmp_path / "run/steps.csv")] == [*range(1, 13)]
