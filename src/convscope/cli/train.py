"""``convscope train``: a network by a recipe, with snapshots on the way; ``convscope evaluate``: its errors."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from convscope.cli.options import (
    Accelerator,
    AsJson,
    Data,
    Device,
    Exclude,
    Images,
    Output,
    Validation,
    check_apart,
    listed,
    load,
)
from convscope.cli.planning import MaxMemory, planned

if TYPE_CHECKING:
    from convscope.train.result import Trained
    from convscope.train.splits import Splits


def _recipes(incomplete: str) -> list[str]:
    from convscope.train.reading import shipped

    return [name for name in shipped() if name.startswith(incomplete)]


def train(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE",
            help="zfnet-2013, alexnet-2012, zfnet-modern; for 28 to 64 pixels zfnet-small, alexnet-small; "
            "or a .toml file.",
            autocompletion=_recipes,
        ),
    ],
    data: Data,
    output: Output,
    validation: Validation = None,
    exclude: Exclude = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change the recipe: epochs=3, optimiser.rate=0.02, …"),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Decides weights, order, crops, dropout.")] = 0,
    accelerator: Accelerator = "auto",
    devices: Annotated[int, typer.Option("--devices", help="How many share each batch.")] = 1,
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Processes that decode images, where not all fit in memory.")
    ] = 4,
    max_memory: MaxMemory = None,
    as_json: AsJson = False,
) -> None:
    """Train a network; the same command goes on where a stopped one ended.

    Writes snapshots/*.safetensors, epochs.csv, steps.csv, tensorboard/ and result.json. The snapshots are models:
    convscope atlas snapshot:DIR IMAGES.
    """
    from convscope.cli.progress import progress
    from convscope.engine.memory import keep_freed_memory
    from convscope.extras import optional

    optional("lightning", "train", "training")
    from convscope.resources import training_jobs
    from convscope.train.reading import changes_of, load_recipe
    from convscope.train.run import Machine, is_first_process
    from convscope.train.run import train as run
    from convscope.train.splits import open_splits

    keep_freed_memory()
    check_apart(data, output)
    wanted = load_recipe(recipe, changes_of(changes or []))
    splits = open_splits(data, validation, seed, listed(exclude))
    with ExitStack() as around:
        if is_first_process():
            around.enter_context(planned(training_jobs.train(wanted, splits), max_memory, as_json, output))
        report = around.enter_context(progress(as_json, quiet=not is_first_process()))
        found = run(wanted, splits, output, seed=seed, machine=Machine(accelerator, devices, workers), report=report)
    if is_first_process():
        _say(found, splits, as_json)


def _say(found: Trained, splits: Splits, as_json: bool) -> None:
    from dataclasses import asdict

    from convscope.cli.screen import out

    if as_json:
        typer.echo(json.dumps(asdict(found)))
        return
    five = "" if found.validation_error_5 is None else f" (top-5 {found.validation_error_5:.2%})"
    out.print(
        f"validation error {found.validation_error:.2%}{five}, training error {found.training_error:.2%}; "
        f"{found.epochs} epochs in {found.seconds:.0f} s; held out: {splits.origin}",
        soft_wrap=True,
    )
    if splits.excluded:
        out.print(f"left out, as the list says: {len(splits.excluded)} images", soft_wrap=True)
    for name, reason in found.skipped.items():
        out.print(f"skipped {name}: {reason}", soft_wrap=True)
    out.print(str(found.last), soft_wrap=True)


def evaluate(
    models: Annotated[list[str], typer.Argument(metavar="MODEL…", help="One model, or several that vote together.")],
    images: Images,
    ten_crops: Annotated[
        bool, typer.Option("--ten-crops", help="The mean over four corners and the middle, each also mirrored.")
    ] = False,
    exclude: Exclude = None,
    device: Device = "cpu",
    max_memory: MaxMemory = None,
    as_json: AsJson = False,
) -> None:
    """Top-1 and top-5 error on labelled images; of several models, by the mean of their probabilities."""
    from convscope.cli.progress import progress
    from convscope.cli.screen import out
    from convscope.engine.memory import keep_freed_memory
    from convscope.images import ImageSet
    from convscope.images.exclusion import without
    from convscope.probes.evaluation.evaluate import evaluate as measure
    from convscope.resources import jobs

    keep_freed_memory()
    excluded = listed(exclude)
    source = without(ImageSet.open(images), excluded) if excluded else ImageSet.open(images)
    loaded = [load(spec, None, device) for spec in models]
    demand = jobs.evaluate(loaded, source, 10 if ten_crops else 1, device)
    with planned(demand, max_memory, as_json), progress(as_json) as report:
        found = measure(
            loaded,
            source,
            crops="ten" if ten_crops else "middle",
            device=device,
            report=lambda done, total: report("evaluate", done, total),
        )
    facts = {
        "models": list(found.models),
        "crops": found.crops,
        "images": len(found.images),
        "error": found.error,
        "error_5": found.error_5,
        "error_by_class": found.error_by_class(),
        "skipped": dict(found.skipped),
        "left_out": len(excluded),
    }
    if as_json:
        typer.echo(json.dumps(facts))
        return
    five = "" if found.error_5 is None else f", top-5 {found.error_5:.2%}"
    out.print(f"top-1 error {found.error:.2%}{five}; {len(found.images)} images, {len(found.skipped)} skipped")
    worst = sorted(((error or 0.0, name) for name, error in found.error_by_class().items()), reverse=True)[:5]
    out.print("most often wrong: " + ", ".join(f"{name} {error:.1%}" for error, name in worst), soft_wrap=True)
