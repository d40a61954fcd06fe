"""``convscope trust``: whether pictures may be read as pictures of their units."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from convscope.cli.options import (
    METHODS,
    AsJson,
    Device,
    Images,
    Layers,
    ModelSpec,
    Output,
    Overwrite,
    Unpool,
    Weights,
    check_apart,
    load,
    split,
)
from convscope.cli.planning import MaxMemory, planned


def trust(
    model: ModelSpec,
    images: Images,
    output: Output,
    weights: Weights = None,
    layers: Layers = None,
    method: Annotated[
        str, typer.Option("--method", help=f"all (the default) or one of: {', '.join(METHODS)}.")
    ] = "all",
    count: Annotated[int, typer.Option("--images", min=1, help="Images to look at, evenly spaced over the set.")] = 4,
    units: Annotated[int, typer.Option("--units", min=1, help="Units to compare at one place of each image.")] = 5,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Steps of a layer's cascade, from its top to all.")] = 4,
    unpool: Unpool = "sum",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the new weights and the random signals.")] = 0,
    device: Device = "cpu",
    max_memory: MaxMemory = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Test whether pictures change with the weights, the unit, the signal and the image, for each method and layer.

    Without --layers, eight layers from input to output. Writes figure.png, trust.parquet, trust.csv, cascade.parquet
    and trust.json.
    """
    from convscope.cli.progress import progress
    from convscope.engine.memory import keep_freed_memory
    from convscope.images import ImageSet
    from convscope.pipeline.trust import TrustAsk, write_trust
    from convscope.resources import jobs

    keep_freed_memory()
    check_apart(images, output)
    ask = TrustAsk(None if layers is None else tuple(split(layers) or ()), method, count, units, steps, unpool, seed)
    source = ImageSet.open(images)
    loaded = load(model, weights, device)
    demand = jobs.trust(loaded, source, ask, device)
    with planned(demand, max_memory, as_json, output), progress(as_json) as report:
        facts = write_trust(loaded, source, output, ask, device=device, overwrite=overwrite, report=report)
    _say(facts, as_json)


def _say(path: Path, as_json: bool) -> None:
    facts = json.loads(path.read_text(encoding="utf-8"))
    if as_json:
        told = {"folder": str(path.parent)} | {key: facts[key] for key in ("methods", "tests", "skipped", "notes")}
        typer.echo(json.dumps(told))
        return
    from convscope.cli.screen import out

    out.print(_table(facts["tests"]))
    for sentence in facts["methods"].values():
        out.print(sentence, soft_wrap=True)
    for note in facts["notes"]:
        out.print(f"note: {note}", soft_wrap=True)
    out.print(str(path.parent / "figure.png"), soft_wrap=True)


def _table(tests: list[dict[str, Any]]) -> Any:
    """A line per method and layer, the mean rank correlation of each test, and the badge."""
    from rich.table import Column, Table

    names = list(dict.fromkeys(row["test"] for row in tests))
    table = Table(Column("layer", no_wrap=True, overflow="fold"), "method", *names, "badge", box=None)
    lines = dict.fromkeys((row["layer"], row["method"]) for row in tests)
    for layer, method in lines:
        rows = {row["test"]: row for row in tests if (row["layer"], row["method"]) == (layer, method)}
        numbers = ["-" if rows[name]["rank"] is None else f"{rows[name]['rank']:.2f}" for name in names]
        table.add_row(layer, method, *numbers, rows[names[0]]["badge"])
    return table
