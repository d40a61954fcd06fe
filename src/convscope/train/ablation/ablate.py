"""An ablation from plan to result: what is finished is read, what is missing is run, and all of it is compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from convscope.cores import cores
from convscope.engine.executor import HERE, Advance, Executor
from convscope.errors import SettingError
from convscope.train.ablation.elsewhere import carry_out_elsewhere
from convscope.train.ablation.plan import Plan
from convscope.train.ablation.processes import carry_out_all
from convscope.train.ablation.recipes import changed, ground_of, recipes_of
from convscope.train.ablation.result import Ablation, VariantFacts
from convscope.train.ablation.runs import Listed, Run, Source, is_finished, listed, outcome_of
from convscope.train.ablation.worker import Task
from convscope.train.recipe import Recipe
from convscope.train.size import Size, size_of

Report = Callable[[str, int, int], None]
"""(stage, done, total)."""


@dataclass(frozen=True)
class Ask:
    """What decides the result; ``recipe`` replaces the plan's, and leaves its budget out."""

    plan: Plan
    source: Source
    recipe: str | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    """To the recipe of every variant."""
    named: str | None = None
    """How the plan was asked for: by its name, which is the default, or as a file."""


@dataclass(frozen=True)
class Crew:
    """How it is computed: ``jobs`` processes that share the cores; ``workers`` decode images for each of them."""

    jobs: int = 1
    accelerator: str = "auto"
    workers: int = 2

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise SettingError(f"jobs is {self.jobs}; at least 1 process is needed")

    @property
    def threads(self) -> int:
        """Cores for each process."""
        return max(1, cores() // self.jobs)


@dataclass(frozen=True)
class Prepared:
    """An ablation before anything is run."""

    ask: Ask
    recipes: Mapping[str, Recipe]
    sizes: Mapping[str, Size]
    listed: Listed

    @property
    def variants(self) -> tuple[VariantFacts, ...]:
        """The facts of each variant."""
        plan = self.ask.plan
        return tuple(
            VariantFacts(
                name=variant.name,
                note=variant.note,
                against=(against := plan.base_of(variant)),
                changed={} if against is None else changed(self.recipes[variant.name], self.recipes[against]),
                parameters=self.sizes[variant.name].parameters,
                multiply_adds=self.sizes[variant.name].multiply_adds,
            )
            for variant in plan.every
        )


def prepare(ask: Ask) -> Prepared:
    """Everything that can be known without training; raises SettingError and ImageSetError."""
    source = ask.source
    if ask.recipe is None and source.training is None:
        source = replace(source, training=ask.plan.budget.training)
    recipes = recipes_of(ask.plan, ground_of(ask.plan, ask.recipe, ask.changes))
    runs = listed(recipes, source, ask.plan.seeds)
    sizes = {name: size_of(recipe.architecture, runs.classes) for name, recipe in recipes.items()}
    return Prepared(replace(ask, source=source), recipes, sizes, runs)


def carry_out(prepared: Prepared, runs: Path, crew: Crew, report: Report, executor: Executor = HERE) -> Ablation:
    """Run what is missing in the folder ``runs``; a run that fails is in the result, with its reason."""
    plan = prepared.ask.plan
    different = prepared.listed.different
    missing = {name: run for name, run in different.items() if not is_finished(run, runs, plan)}
    progress = _Progress(different, {*different} - {*missing}, report)
    failures: dict[str, str] = {}

    def ended(folder: str, failure: str | None) -> None:
        if failure is None and not executor.here and not is_finished(different[Path(folder).name], runs, plan):
            failure = f"it was finished by a worker, and {folder} does not have it: put the runs on a shared folder"
        if failure is not None:
            failures[Path(folder).name] = failure
        progress.end(Path(folder).name)

    if missing:
        tasks = [_task(run, runs, prepared.ask, crew) for run in missing.values()]

        def step(folder: str, done: int) -> None:
            progress.step(Path(folder).name, done)

        if executor.here:
            carry_out_all(tasks, crew.jobs, step, ended)
        else:
            carry_out_elsewhere(tasks, executor, step, ended)
    return gathered(prepared, runs, failures)


def gathered(prepared: Prepared, runs: Path, failures: Mapping[str, str]) -> Ablation:
    """The result as the folder ``runs`` holds it."""
    plan = prepared.ask.plan
    outcomes = (outcome_of(name, run, runs, plan, failures) for (name, _), run in prepared.listed.runs.items())
    return Ablation(plan, prepared.variants, tuple(outcomes))


def _task(run: Run, runs: Path, ask: Ask, crew: Crew) -> Task:
    source = ask.source
    return Task(
        folder=str(runs / run.folder),
        recipe=run.recipe,
        seed=run.seed,
        data=source.data,
        validation=source.validation,
        training=source.training,
        measures=ask.plan.measures,
        curves=ask.plan.curves,
        measured=ask.plan.measured,
        threads=crew.threads,
        accelerator=crew.accelerator,
        workers=crew.workers,
    )


class _Progress:
    """Steps done by all runs, and runs that have ended."""

    def __init__(self, runs: Mapping[str, Run], finished: set[str], report: Report) -> None:
        self.steps = {name: run.steps for name, run in runs.items()}
        self.report, self.ended = partial(report, "runs"), len(finished)
        self.report(self.ended, len(runs))
        before = sum(self.steps[name] for name in finished)
        self.step = Advance(sum(self.steps.values()), partial(report, "train"), before)
        """Called with the name of a run, and how far it has come."""

    def end(self, name: str) -> None:
        """A run has ended, one way or the other."""
        self.ended += 1
        self.report(self.ended, len(self.steps))
        self.step(name, self.steps[name])
