"""``convscope ablate``: variants of a network, each trained from scratch with several seeds, compared in pairs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convscope.cli.options import (
    Accelerator,
    AsJson,
    Data,
    Output,
    Overwrite,
    Ray,
    RayCores,
    RayWorkers,
    Validation,
    check_apart,
    executor_of,
)
from convscope.cli.planning import MaxMemory, planned

if TYPE_CHECKING:
    from convscope.train.ablation.ablate import Ask, Crew
    from convscope.train.ablation.result import Ablation


def _plans(incomplete: str) -> list[str]:
    from convscope.train.ablation.reading import shipped_plans

    return [name for name in shipped_plans() if name.startswith(incomplete)]


def ablate(
    plan: Annotated[
        str,
        typer.Argument(
            metavar="PLAN",
            help="headline, first-layer, fully-connected, rotation, table-3; or a .toml file.",
            autocompletion=_plans,
        ),
    ],
    data: Data,
    output: Output,
    validation: Validation = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            metavar="RECIPE",
            help="Run the plan on this recipe, such as zfnet-2013 for ImageNet; the plan's small budget is left out.",
        ),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change the recipe of every variant: epochs=3, batch=64, …"),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option("--seeds", help="Runs of each variant; default: as the plan says.")
    ] = None,
    training: Annotated[
        int | None,
        typer.Option("--training", metavar="N", help="Train on N images; default: as the plan says, or all."),
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", help="Runs at a time; they share the cores.")] = 1,
    runs: Annotated[
        Path | None,
        typer.Option("--runs", metavar="DIR", help="Where trainings are kept, to share them; default DIR/runs."),
    ] = None,
    accelerator: Accelerator = "auto",
    workers: Annotated[
        int,
        typer.Option("--workers", min=0, help="Processes of each run that decode images, where not all fit in memory."),
    ] = 2,
    ray: Ray = None,
    ray_workers: RayWorkers = None,
    ray_cores: RayCores = 1,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List runs, sizes and a rough time; train nothing, write nothing.")
    ] = False,
    max_memory: MaxMemory = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Train variants of a network, with several seeds each, and compare them in pairs: table 3 and its questions.

    Writes report.md, figure.png, gap.png, measures.png, tables and runs/. Runs that are finished are not repeated.
    """
    from dataclasses import replace

    from convscope.extras import optional

    optional("lightning", "train", "training")
    from convscope.cli.progress import progress
    from convscope.pipeline.ablation import Place
    from convscope.pipeline.ablation import ablate as run
    from convscope.resources import training_jobs
    from convscope.train.ablation.ablate import Ask, Crew
    from convscope.train.ablation.reading import load_plan
    from convscope.train.ablation.runs import Source
    from convscope.train.reading import changes_of

    for place in (output, *([] if runs is None else [runs])):
        check_apart(data, place)
    wanted = load_plan(plan)
    if seeds is not None:
        wanted = replace(wanted, seeds=seeds)
    source = Source(str(data), None if validation is None else str(validation), training)
    ask = Ask(wanted, source, recipe, changes_of(changes or []), plan)
    crew = Crew(jobs, accelerator, workers)
    if dry_run:
        _list(ask, crew, runs or output / "runs", as_json)
        return
    demand = training_jobs.ablate(ask, crew, runs or output / "runs")
    room = runs or output  # nearly all that is written are runs
    where = executor_of(ray, ray_workers, ray_cores)
    shown = progress(as_json)
    with planned(demand, max_memory, as_json, room), shown as report, where as executor:
        found = run(ask, Place(output, runs), crew, overwrite=overwrite, report=report, executor=executor)
    _say(found, output, as_json)


def _say(found: Ablation, output: Path, as_json: bool) -> None:
    from convscope.cli.screen import out, print_table
    from convscope.pipeline.ablation import FACTS
    from convscope.pipeline.ablation_table import table_of

    if as_json:
        facts = json.loads((output / FACTS).read_text(encoding="utf-8"))
        kept = {name: facts[name] for name in ("variants", "summaries", "failed")}
        typer.echo(json.dumps({"folder": str(output), **kept}))
        return
    print_table(table_of(found))
    for run in found.failed:
        out.print(f"{run.variant}, seed {run.seed}: {run.failure}", soft_wrap=True)
    out.print(str(output / "report.md"), soft_wrap=True)


def _list(ask: Ask, crew: Crew, runs: Path, as_json: bool) -> None:
    from dataclasses import asdict

    from convscope.cli.screen import out, print_table
    from convscope.pipeline.ablation_table import size
    from convscope.pipeline.table import Table
    from convscope.train.ablation.ablate import prepare
    from convscope.train.ablation.outlook import outlook

    prepared = prepare(ask)
    found = outlook(prepared, runs, crew)
    if as_json:
        typer.echo(json.dumps(asdict(found)))
        return
    heads = ("variant", "parameters", "multiply-adds", "runs", "finished", "minutes each")
    lines = (
        (
            row.name,
            size(row.parameters),
            size(row.multiply_adds),
            str(row.runs),
            str(row.finished),
            f"{row.seconds / 60:.1f}",
        )
        for row in found.variants
    )
    print_table(Table(heads, tuple(lines)))
    out.print(
        f"{found.missing} of {found.runs} runs are missing: about {found.seconds / 3600:.1f} hours with {crew.jobs} at "
        f"a time and {crew.threads} threads each, {found.basis}",
        soft_wrap=True,
    )
