"""``convscope evolve``: figure 4 and convergence curves from the checkpoints of a training run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convscope.cli.options import (
    AsJson,
    Device,
    Images,
    Layers,
    Method,
    Output,
    Overwrite,
    Unpool,
    check_apart,
    split,
    usable,
)
from convscope.cli.planning import MaxMemory, planned

if TYPE_CHECKING:
    from convscope.probes.evolution.checkpoint import Checkpoint


def evolve(
    source: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="The folder of a training run, with its snapshots; or a model, with --weights or --also.",
        ),
    ],
    images: Images,
    output: Output,
    weights: Annotated[
        list[Path] | None,
        typer.Option(
            "--weights", metavar="FILE", help="Weights of the model at one moment; give it for each, early to late."
        ),
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option("--also", metavar="MODEL", help="A later checkpoint as a model of its own; may be given again."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="A,B,…", help="Use only the checkpoints at these epochs (or steps)."),
    ] = None,
    layers: Layers = None,
    units: Annotated[int, typer.Option("--units", min=0, help="Units of each layer that are shown, drawn by lot.")] = 6,
    unit: Annotated[
        list[str] | None,
        typer.Option("--unit", metavar="LAYER:UNIT", help="Show this unit instead; may be given several times."),
    ] = None,
    top: Annotated[
        int, typer.Option("--top", help="Strongest images per unit that are compared with the final ones.")
    ] = 9,
    ranked: Annotated[
        int, typer.Option("--ranked", help="Images by which rankings are compared, drawn by lot.")
    ] = 1000,
    method: Method = "auto",
    unpool: Unpool = "sum",
    seed: Annotated[int, typer.Option("--seed", help="Decides what is drawn by lot.")] = 0,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Use only the first images of the set.")] = None,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Images per forward pass.")] = 32,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Threads that decode images; default: one per core.")
    ] = None,
    device: Device = "cpu",
    max_memory: MaxMemory = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Follow features through training: what drives each unit at each checkpoint, and when layers settle.

    Stop it whenever you like: the same command goes on behind the last checkpoint that was finished.
    """
    from convscope.cli.progress import progress
    from convscope.engine.memory import keep_freed_memory
    from convscope.images import ImageSet
    from convscope.pipeline.evolution import EvolutionAsk, evolve_to
    from convscope.probes.evolution.study import Settings
    from convscope.resources import jobs

    keep_freed_memory()
    check_apart(images, output)
    usable(device)
    settings = Settings(
        units=unit or units,
        top=top,
        method=method,
        unpool=unpool,
        ranked=ranked,
        seed=seed,
        batch_size=batch_size,
        workers=workers,
        device=device,
    )
    chosen = None if layers is None else tuple(split(layers) or ())
    checkpoints = _checkpoints(source, weights, also, at)
    opened = ImageSet.open(images)
    opened = opened if limit is None else opened.head(limit)
    demand = jobs.evolve(checkpoints, opened, settings, chosen)
    with planned(demand, max_memory, as_json, output), progress(as_json) as report:
        folder = evolve_to(
            checkpoints, opened, output, EvolutionAsk(chosen, settings), overwrite=overwrite, report=report
        )
    _say(folder, as_json)


def _checkpoints(
    source: str, weights: list[Path] | None, also: list[str] | None, at: str | None
) -> tuple[Checkpoint, ...]:
    from convscope.errors import SettingError
    from convscope.probes.evolution.checkpoint import at_positions, file_checkpoints, model_checkpoints, run_checkpoints

    if weights and also:
        raise SettingError(
            "--weights and --also were both given; checkpoints are files of one model, or several models"
        )
    if weights:
        found = file_checkpoints(source, weights)
    elif also:
        found = model_checkpoints([source, *also])
    elif Path(source).is_dir():
        found = run_checkpoints(source)
    else:
        raise SettingError(
            f"{source} is no folder of a training run. Give one, or a model with --weights FILE for each checkpoint, "
            "or several models with --also"
        )
    return found if at is None else at_positions(found, _positions(at))


def _positions(text: str) -> list[float]:
    try:
        return [float(part) for part in split(text) or ()]
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no list of epochs; write numbers, such as 1,2,5,10") from None


def _say(folder: Path, as_json: bool) -> None:
    from convscope.cli.screen import out
    from convscope.pipeline.evolution import FACTS

    facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    if as_json:
        names = ("labels", "layers", "order", "skipped")
        typer.echo(json.dumps({"folder": str(folder), **{name: facts[name] for name in names}}))
        return
    for layer in facts["layers"]:
        out.print(_line(layer, facts["positions"]), soft_wrap=True)
    for measure, order in facts["order"].items():
        out.print(f"by {measure}: {order['sentence']}", soft_wrap=True)
    for skip in facts["skipped"]:
        out.print(f"skipped {skip['image']}: {skip['reason']}", soft_wrap=True)
    for note in facts["notes"]:
        out.print(f"note: {note}", soft_wrap=True)
    out.print(str(folder / "figure.png"), soft_wrap=True)


def _line(layer: dict[str, Any], positions: list[float]) -> str:
    settled = ", ".join(
        f"{_point(layer[measure]['settled'], positions[0])} by {measure}" for measure in ("ranking", "projection")
    )
    jumps = [share for share in layer["jumps"] if share is not None]
    last = f"; winners changed at the last checkpoint: {jumps[-1]:.0%}" if jumps else ""
    return f"{layer['layer']}: of {positions[-1]:g}, settled {settled}{last}"


def _point(settled: float | None, first: float) -> str:
    if settled is None:
        return "nowhere"
    if settled == first:
        return "from the first on"
    return f"at {settled:.0f}" if settled >= 100 else f"at {settled:.3g}"
