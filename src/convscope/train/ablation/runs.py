"""Which runs an ablation consists of: every variant with every seed, each in a folder of its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from convscope.train.ablation.measured import read_measured
from convscope.train.ablation.plan import Plan
from convscope.train.ablation.result import Outcome
from convscope.train.ablation.sample import fingerprint, splits_of
from convscope.train.recipe import Recipe
from convscope.train.result import read_trained
from convscope.train.splits import DRAWN


@dataclass(frozen=True)
class Source:
    """Where the images are; ``training`` limits those that a run is trained on."""

    data: str
    validation: str | None = None
    training: int | None = None


@dataclass(frozen=True)
class Run:
    """One training; ``folder`` follows from recipe, data and seed, so equal ones are trained once."""

    recipe: Recipe
    seed: int
    folder: str
    images: int
    """That it is trained on."""

    @property
    def steps(self) -> int:
        """Of the whole run."""
        return -(-self.images // self.recipe.batch) * self.recipe.epochs


@dataclass(frozen=True)
class Listed:
    """All runs, by variant and seed; ``origin`` says where the held-out images are from."""

    runs: Mapping[tuple[str, int], Run]
    classes: int
    origin: str

    @property
    def different(self) -> dict[str, Run]:
        """The runs by their folders: equal variants share them."""
        return {run.folder: run for run in self.runs.values()}


def listed(recipes: Mapping[str, Recipe], source: Source, seeds: int) -> Listed:
    """The runs of all variants, seed by seed, so that pairs are complete as early as possible."""
    found: dict[tuple[str, int], Run] = {}
    classes, origins = 0, set[str]()
    for seed in range(seeds):
        splits = splits_of(source.data, source.validation, source.training, seed)
        seen, count = fingerprint(splits), len(splits.training)
        classes = len(splits.training.classes)
        origins.add(splits.origin)
        for name, recipe in recipes.items():
            found[name, seed] = Run(recipe, seed, _folder(recipe, seen, seed), count)
    return Listed(found, classes, f"{DRAWN}, by each run's seed" if len(origins) > 1 else origins.pop())


def _folder(recipe: Recipe, seen: str, seed: int) -> str:
    asked = json.dumps([asdict(recipe), seen], sort_keys=True)
    return f"{recipe.network.form}-{hashlib.sha256(asked.encode()).hexdigest()[:12]}-seed-{seed}"


def is_finished(run: Run, runs: Path, plan: Plan) -> bool:
    """Whether it was trained, and everything that the plan asks for was measured."""
    trained = read_trained(runs / run.folder)
    return trained is not None and not read_measured(trained.path, plan.measured).lacks(plan.measures, plan.curves)


def outcome_of(variant: str, run: Run, runs: Path, plan: Plan, failures: Mapping[str, str]) -> Outcome:
    """What came of a run, read from its folder."""
    trained = None if run.folder in failures else read_trained(runs / run.folder)
    if trained is None:
        reason = failures.get(run.folder, "not run yet")
        return Outcome(variant, run.seed, run.folder, reason)
    measured = read_measured(trained.path, plan.measured)
    return Outcome(
        variant=variant,
        seed=run.seed,
        folder=run.folder,
        failure=None,
        seconds=trained.seconds,
        training_error=trained.training_error,
        validation_error=trained.validation_error,
        validation_error_5=trained.validation_error_5,
        measures={name: measured.measures[name] for name in plan.measures},
        curves={name: measured.curves[name] for name in plan.curves},
    )
