"""Networks from scratch on each fold: the same steps, kept when finished, and judged on what they never saw."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from convscope.errors import SettingError
from convscope.models import load_model
from convscope.probes.transfer.draws import Fold
from convscope.probes.transfer.labelled import open_labelled
from convscope.probes.transfer.protocol import Protocol
from convscope.probes.transfer.result import SCRATCH, Cell
from convscope.probes.transfer.transfer import Ask, Prepared, prepare
from convscope.train.recipe import Recipe
from convscope.train.run import Machine
from convscope.train.scratch import check_scratch, scratch_cells, with_steps
from tests.probes.transfer.make import FEEDING
from tests.train.make import CLASSES, draw, tiny

ASK = Ask(Protocol("p", per_class=(2, 6), test=3, folds=1))
RECIPE = tiny(epochs=2)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    labelled = open_labelled(draw(tmp_path_factory.mktemp("data") / "stripes", 10), ASK.protocol)
    return prepare(labelled, ASK, FEEDING, 1, lambda *_: None)


def make_now(name: str, fold: Fold, make: object) -> Cell:
    assert callable(make)
    made = make()
    assert isinstance(made, Cell)
    return made


def trained(prepared: Prepared, runs: Path, recipe: Recipe = RECIPE) -> tuple[Cell, ...]:
    return tuple(scratch_cells(prepared, recipe, runs, Machine("cpu"), recall=make_now, report=lambda *_: None))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def cells(prepared: Prepared, runs: Path) -> tuple[Cell, ...]:
    return trained(prepared, runs)


def run_of(runs: Path, count: int) -> Path:
    (found,) = runs.glob(f"{count}-per-class-fold-0-*")
    return found


def test_all_take_the_steps_of_the_largest_fold(cells: tuple[Cell, ...], runs: Path) -> None:
    # 6 images of 3 classes in batches of 8: three steps an epoch, and with 2 of each one: 6 epochs instead of 2.
    epochs = {count: json.loads((run_of(runs, count) / "run.json").read_text())["recipe"]["epochs"] for count in (2, 6)}
    assert epochs == {2: 6, 6: 2}
    for count in (2, 6):
        assert (run_of(runs, count) / "steps.csv").read_text().count("\n") == 1 + 6


def test_each_is_judged_as_its_network_answers(cells: tuple[Cell, ...], runs: Path, prepared: Prepared) -> None:
    assert [(cell.layer, cell.classifier, cell.per_class, cell.fold) for cell in cells] == [
        (SCRATCH, "zfnet-small", count, 0) for count in (2, 6)
    ]
    images = prepared.labelled.images
    for cell, fold in zip(cells, prepared.folds, strict=True):
        (last,) = list((run_of(runs, cell.per_class) / "snapshots").iterdir())
        model = load_model(f"snapshot:{last}")
        assert cell.columns == sum(entry.numel() for entry in model.module.parameters())
        views = np.stack([model.preprocessing.view(images.read(index)) for index in fold.test.tolist()])
        with torch.no_grad():
            answers = model.module(model.preprocessing.normalise(torch.from_numpy(views))).softmax(1).numpy()
        names = [model.classes[place] for place in answers.argmax(1)]
        assert [CLASSES[place] for place in cell.predicted] == names
        right = [name == images.labels[index] for name, index in zip(names, fold.test, strict=True)]
        # Three test images of each class: the mean over classes is the mean over images.
        assert cell.value == pytest.approx(np.mean(right))
        ordered = np.sort(answers, axis=1)
        np.testing.assert_allclose(cell.margin, ordered[:, -1] - ordered[:, -2], atol=1e-5)
        assert (cell.strength, cell.validated) == (None, False)


def test_what_is_judged_is_not_seen_in_training(cells: tuple[Cell, ...], runs: Path, prepared: Prepared) -> None:
    images = prepared.labelled.images
    for count, fold in zip((2, 6), prepared.folds, strict=True):
        asked = json.loads((run_of(runs, count) / "run.json").read_text())
        training, test = (replace(images.select(part.tolist()), classes=CLASSES) for part in (fold.training, fold.test))
        assert (asked["training"], asked["validation"]) == (training.digest, training.digest)
        assert not {*training.names} & {*test.names}


def test_finished_runs_are_kept(cells: tuple[Cell, ...], runs: Path, prepared: Prepared) -> None:
    before = {path: path.stat().st_mtime_ns for path in runs.rglob("*")}
    again = trained(prepared, runs)
    assert [cell.value for cell in again] == [cell.value for cell in cells]
    assert {path: path.stat().st_mtime_ns for path in runs.rglob("*")} == before


def test_another_recipe_trains_beside_them(cells: tuple[Cell, ...], runs: Path, prepared: Prepared) -> None:
    smallest = replace(prepared, folds=prepared.folds[:1])
    before = {*runs.iterdir()}
    trained(smallest, runs, tiny(epochs=1))
    assert len({*runs.iterdir()} - before) == 1
    before = {*runs.iterdir()}
    trained(replace(smallest, ask=replace(ASK, seed=7)), runs, tiny(epochs=1))
    assert len({*runs.iterdir()} - before) == 1


def test_cells_that_are_remembered_are_not_trained(prepared: Prepared, cells: tuple[Cell, ...], tmp_path: Path) -> None:
    asked, reported = list[str](), list[tuple[str, int, int]]()

    def recall(name: str, fold: Fold, make: object) -> Cell:
        asked.append(name)
        return cells[len(asked) - 1]

    found = scratch_cells(
        prepared, RECIPE, tmp_path, Machine("cpu"), recall=recall, report=lambda *each: reported.append(each)
    )
    assert tuple(found) == cells
    assert not [*tmp_path.iterdir()]
    assert asked == [f"{SCRATCH}|{with_steps(RECIPE, images, 18)!r}" for images in (6, 18)]
    assert reported == [(SCRATCH, done, 2) for done in (0, 1, 2)]


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 64), st.integers(1, 20))
def test_steps_are_at_least_those_of_the_most_images(images: int, more: int, batch: int, epochs: int) -> None:
    most = images + more
    recipe = with_steps(replace(RECIPE, batch=batch, epochs=epochs), images, most)

    def steps(count: int, epochs: int) -> int:
        return epochs * -(-count // batch)

    assert steps(images, recipe.epochs) >= steps(most, epochs) > steps(images, recipe.epochs - 1)
    assert replace(recipe, epochs=1) == replace(RECIPE, batch=batch, epochs=1, snapshots=(), steps=())
    assert with_steps(recipe, most, most).epochs == recipe.epochs


def test_what_cannot_be_trained(prepared: Prepared, tmp_path: Path) -> None:
    several = replace(prepared.labelled, parts=("train",) * 30)
    with pytest.raises(SettingError, match="stripes has several classes on an image, and recipes train with one"):
        check_scratch(several, RECIPE)
    with pytest.raises(
        SettingError, match=r"by the error on held-out images, and .* none are held out; .*schedule\.kind=cycle"
    ):
        trained(prepared, tmp_path, tiny(schedule__kind="plateau"))
    assert not [*tmp_path.iterdir()]
