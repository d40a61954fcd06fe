"""The alternative to transfer: a whole network, trained from scratch on each fold's training images alone.

Zeiler & Fergus 2013, section 5.2: "re-initialise layers 1-7 and train the whole model from scratch".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from convscope.errors import SettingError
from convscope.images import ImageSet
from convscope.models import load_model
from convscope.probes.evaluation.evaluate import evaluate
from convscope.probes.transfer.draws import Fold, Indices
from convscope.probes.transfer.labelled import Labelled
from convscope.probes.transfer.result import SCRATCH, Cell
from convscope.probes.transfer.transfer import Judge, Prepared, Recall, judged
from convscope.train.recipe import Recipe
from convscope.train.run import Machine, train
from convscope.train.splits import Splits

Report = Callable[[str, int, int], None]


def check_scratch(labelled: Labelled, recipe: Recipe) -> None:
    """Raise SettingError for images that show several classes (recipes train one class an image), and for a recipe
    whose learning rate follows the error on held-out images: of so few images none are held out.
    """
    if labelled.parts is not None:
        raise SettingError(
            f"{labelled.name} has several classes on an image, and recipes train with one; leave out --from-scratch"
        )
    if recipe.schedule.kind == "plateau":
        raise SettingError(
            f"recipe {recipe.name} lowers its learning rate by the error on held-out images, and of so few images none "
            "are held out; give it a schedule that needs none, as with --set schedule.kind=cycle"
        )


def scratch_cells(
    prepared: Prepared, recipe: Recipe, runs: Path, machine: Machine, *, recall: Recall, report: Report
) -> Iterator[Cell]:
    """One network for each fold, judged on the same images as the classifiers; runs that are finished are kept.

    All take as many steps as the recipe takes with the largest fold, as a few images are otherwise trained on for a few
    steps only, and lose for that reason alone.
    """
    check_scratch(prepared.labelled, recipe)
    most = max(len(fold.training) for fold in prepared.folds)
    for done, fold in enumerate(prepared.folds):
        report("from scratch", done, len(prepared.folds))
        suited = with_steps(recipe, len(fold.training), most)
        folder = runs / f"{fold.per_class}-per-class-fold-{fold.number}-{_key(prepared, suited, fold)}"
        make = partial(_train_and_judge, prepared, suited, fold, folder, machine)
        yield recall(f"{SCRATCH}|{suited!r}", fold, make)
    report("from scratch", len(prepared.folds), len(prepared.folds))


def _key(prepared: Prepared, recipe: Recipe, fold: Fold) -> str:
    """Another recipe, seed or draw is another run, beside what the folder holds already."""
    digests = [prepared.contents.digests[i] for part in (fold.training, fold.test) for i in part.tolist()]
    return hashlib.sha256(json.dumps([repr(recipe), prepared.ask.seed, digests]).encode()).hexdigest()[:12]


def with_steps(recipe: Recipe, images: int, most: int) -> Recipe:
    """The recipe with so many epochs over ``images`` that it takes at least the steps that it takes over ``most``."""
    steps = recipe.epochs * -(-most // recipe.batch)
    return replace(recipe, epochs=-(-steps // -(-images // recipe.batch)), snapshots=(), steps=())


def _train_and_judge(prepared: Prepared, recipe: Recipe, fold: Fold, folder: Path, machine: Machine) -> Cell:
    labelled = prepared.labelled
    training = _part(labelled, fold.training)
    splits = Splits(training, training, "the training images themselves: others are looked at once, at the end")
    trained = train(recipe, splits, folder, seed=prepared.ask.seed + fold.number, machine=machine)
    found = evaluate(load_model(f"snapshot:{trained.last}"), _part(labelled, fold.test))
    # All images were read before; those of the fold, in its order, are what was evaluated.
    scores = found.probabilities.astype(np.float64)
    order = [found.classes.index(name) for name in labelled.classes]
    return judged(prepared, fold, Judge(SCRATCH, trained.parameters, recipe.name), scores[:, order])


def _part(labelled: Labelled, indices: Indices) -> ImageSet:
    chosen: Sequence[int] = indices.tolist()
    return replace(labelled.images.select(chosen), classes=labelled.classes)
