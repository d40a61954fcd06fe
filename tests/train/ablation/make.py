"""A plan that is done in seconds, and a result with numbers of our own."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from convscope.train.ablation.plan import Plan, Variant
from convscope.train.ablation.processes import Report
from convscope.train.ablation.result import Ablation, Outcome, VariantFacts
from convscope.train.ablation.worker import Task, carry_out

TINY = """
question = "Does layer 7 matter to stripes?"
recipe = "zfnet-small"
base = "base"
seeds = 2
measures = ["shift"]
curves = ["turn-kept"]
measured = 4
limits = "- Stripes are no photographs."

[budget]
training = 24
changes = [
  "network.side=16", "images.resize=18", "images.border=0", "batch=8", "epochs=2", "snapshots=[]",
  "network.edit.widths={1=4, 2=4, 3=4, 4=4, 5=4, 6=8, 7=8}",
]

[[variants]]
name = "base"

[[variants]]
name = "without 7"
changes = ["network.edit.without=[7]"]
"""


def write_plan(folder: Path, text: str = "", name: str = "tiny") -> Path:
    """The plan with more variants, in a file."""
    path = folder / f"{name}.toml"
    path.write_text(TINY + textwrap.dedent(text))
    return path


def in_this_process(
    tasks: Sequence[Task], jobs: int, report: Report, finished: Callable[[str, str | None], None]
) -> None:
    """What workers do, without processes of their own."""
    for task in tasks:
        carry_out(task, lambda stage, done, total: None)
        finished(task.folder, None)


def plan_of(names: Sequence[str], measures: Sequence[str] = (), curves: Sequence[str] = (), seeds: int = 3) -> Plan:
    """A plan whose first variant is the base."""
    variants = tuple(Variant(name) for name in names)
    return Plan(
        "p", "Which?", "zfnet-small", names[0], variants, (), seeds, measures=tuple(measures), curves=tuple(curves)
    )


def result_of(
    errors: Mapping[str, Sequence[float | None]],
    measures: Sequence[str] = (),
    curves: Mapping[str, Mapping[str, float]] | None = None,
) -> Ablation:
    """Validation errors of each variant, seed by seed, None for a run that failed; training errors are half of them.

    Every measure is one less the error, every curve the same for all.
    """
    shapes = curves or {}
    plan = plan_of(list(errors), measures, list(shapes), max(map(len, errors.values())))
    facts = tuple(
        VariantFacts(name, "", plan.base_of(variant), {"layer 7": ("there", "none")}, 1000 + place, 5_000_000)
        for place, (name, variant) in enumerate(zip(errors, plan.every, strict=True))
    )
    outcomes = tuple(
        Outcome(name, seed, f"{name}-{seed}", "NumberError: the loss is nan")
        if error is None
        else Outcome(
            name,
            seed,
            f"{name}-{seed}",
            None,
            10.0,
            error / 2,
            error,
            error / 5,
            dict.fromkeys(measures, 1 - error),
            shapes,
        )
        for name, row in errors.items()
        for seed, error in enumerate(row)
    )
    return Ablation(plan, facts, outcomes)
