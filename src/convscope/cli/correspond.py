"""``convscope correspond``: figure 8 and table 1 for images with marked parts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from convscope.cli.options import (
    AsJson,
    Device,
    Fill,
    Images,
    ModelSpec,
    Output,
    Overwrite,
    Weights,
    check_apart,
    load,
    split,
)
from convscope.cli.planning import MaxMemory, planned


def correspond(
    model: ModelSpec,
    images: Images,
    parts: Annotated[
        Path,
        typer.Option(
            "--parts",
            metavar="FILE",
            help="What is marked: CSV with image,part,left,top,right,bottom; JSON; or COCO. Pixels of each picture.",
        ),
    ],
    output: Output,
    weights: Weights = None,
    part: Annotated[
        list[str] | None,
        typer.Option("--part", metavar="NAME", help="Only this part; may be given several times. Default: all."),
    ] = None,
    box: Annotated[
        float | None,
        typer.Option("--box", metavar="PIXELS", help="Side of the square around a COCO keypoint, in its picture."),
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option(
            "--layers",
            metavar="A,B,…",
            help="Addresses, comma-separated; default the top of the convolutions and the last hidden layer.",
        ),
    ] = None,
    zero: Annotated[
        str,
        typer.Option("--zero", help="The sign of an unchanged feature: own (0), positive (+), or skip: not compared."),
    ] = "own",
    random: Annotated[int, typer.Option("--random", metavar="N", help="Random draws beside each part.")] = 20,
    where: Annotated[
        str,
        typer.Option(
            "--where",
            help="Where random regions are: anywhere, elsewhere (on no marked part), or swapped (at this part's places "
            "on other images).",
        ),
    ] = "anywhere",
    spread: Annotated[
        str, typer.Option("--spread", help="What ± is the standard deviation of: pairs, images, or draws.")
    ] = "pairs",
    fill: Fill = "grey",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Decides random regions and tests.")] = 0,
    device: Device = "cpu",
    max_memory: MaxMemory = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Cover the same part of several images and see whether a network answers alike, more so than for random regions.

    Writes figure.png, table.png, table.csv, pairs.parquet, random.parquet and correspondence.json, and prints table 1.
    A finished result is not made again.
    """
    from convscope.cli.progress import progress
    from convscope.engine.memory import keep_freed_memory
    from convscope.images import ImageSet
    from convscope.pipeline.correspondence import FACTS, CorrespondenceAsk, correspond_images
    from convscope.probes.correspondence.choices import Choices
    from convscope.resources import jobs

    keep_freed_memory()
    check_apart(images, output)
    choices = Choices(zero, random, where, spread, fill, None if not part else tuple(part), box, seed)
    ask = CorrespondenceAsk(None if layers is None else tuple(split(layers) or ()), choices)
    source = ImageSet.open(images)
    loaded = load(model, weights, device)
    demand = jobs.correspond(loaded, source, parts, choices, device)
    with planned(demand, max_memory, as_json, output), progress(as_json) as report:
        folder = correspond_images(
            loaded, source, parts, output, ask, device=device, overwrite=overwrite, report=report
        )
    facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    if as_json:
        typer.echo(json.dumps({"folder": str(folder), **{key: facts[key] for key in ("table", "left_out", "notes")}}))
    else:
        _say(folder, facts)


def _say(folder: Path, facts: dict[str, Any]) -> None:
    from rich.table import Table

    from convscope.cli.screen import out

    table = Table(box=None, pad_edge=False)
    for name in ("layer", "part", "images", "Δ", "random", "difference, 95%", "p"):
        table.add_column(name, justify="left" if name in ("layer", "part") else "right", no_wrap=True)
    for row in facts["table"]:
        table.add_row(
            row["layer"],
            row["part"],
            str(row["images"]),
            _with(row["delta"], row["spread"]),
            _with(row["random_delta"], row["random_spread"]),
            _between(row),
            f"{row['p']:.4f}",
        )
    out.print(table)
    for entry in facts["left_out"]:
        out.print(f"left out {entry['part'] or 'all'} of {entry['image']}: {entry['reason']}", soft_wrap=True)
    for note in facts["notes"]:
        out.print(f"note: {note}", soft_wrap=True)
    out.print(f"{folder / 'figure.png'}, {folder / 'table.png'}", soft_wrap=True)


def _with(value: float, spread: float | None) -> str:
    return f"{value:.3f}" if spread is None else f"{value:.3f} ± {spread:.3f}"


def _between(row: dict[str, Any]) -> str:
    low, high = row["difference_low"], row["difference_high"]
    return f"{row['difference']:+.3f}" if low is None else f"{row['difference']:+.3f} ({low:+.3f} to {high:+.3f})"
