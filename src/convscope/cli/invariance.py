"""``convscope invariance``: figure 5 for one model or several, over a set of images."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any

import typer

from convscope.cli.options import (
    AsJson,
    Device,
    Images,
    Layers,
    ModelSpec,
    Output,
    Overwrite,
    Weights,
    check_apart,
    load,
    split,
)
from convscope.cli.planning import MaxMemory, planned

_MOST = 1000
"""Values of a range: a step of next to nothing must not fill the memory before anyone looks."""


def invariance(
    model: ModelSpec,
    images: Images,
    output: Output,
    weights: Weights = None,
    transform: Annotated[
        str,
        typer.Option(
            "--transform",
            metavar="A,B,…",
            help="translate-x (pixels to the right), translate-y (down), scale, rotate (degrees, counter-clockwise).",
        ),
    ] = "translate-y,scale,rotate",
    values: Annotated[
        str | None,
        typer.Option(
            "--values",
            metavar="A,B,…",
            help="Values of a single transform: numbers, or FIRST:LAST:STEP; write --values=-60:60:5. Default: the "
            "paper's -60 to 60 pixels of 224, 1 to 1.8, 0 to 350 degrees.",
        ),
    ] = None,
    layers: Layers = None,
    border: Annotated[
        str,
        typer.Option(
            "--border",
            help="What shows where the image has ended: reflect, wrap, crop (a larger view of the picture), grey, "
            "mean, zero, #rrggbb or r,g,b.",
        ),
    ] = "reflect",
    interpolation: Annotated[str, typer.Option("--interpolation", help="bicubic or bilinear.")] = "bicubic",
    target: Annotated[
        str,
        typer.Option(
            "--target",
            help="Whose probability is watched: predicted (class of the image as it is), true (the image's label), or "
            "a class by index or name.",
        ),
    ] = "predicted",
    also: Annotated[
        list[str] | None,
        typer.Option("--also", metavar="MODEL", help="Another model for the same figure; may be given several times."),
    ] = None,
    follow: Annotated[
        int, typer.Option("--follow", help="At how many values maps are also compared moved along; 0 for none.")
    ] = 3,
    limit: Annotated[
        int | None, typer.Option("--limit", help="Use so many images, evenly spread over the set.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Decides which images meet, and the intervals.")] = 0,
    device: Device = "cpu",
    max_memory: MaxMemory = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Shift, magnify and turn images: how far the features of each layer move, and whether the answer stays.

    Writes figure.png, layers.png, curves.parquet, labels.parquet, units.parquet, scores.csv and invariance.json.
    """
    from convscope.cli.progress import progress
    from convscope.engine.memory import keep_freed_memory
    from convscope.images import ImageSet
    from convscope.pipeline.invariance import InvarianceAsk, measure_invariance
    from convscope.probes.invariance.invariance import Options
    from convscope.resources import jobs

    keep_freed_memory()
    check_apart(images, output)
    options = Options(
        border=border,
        interpolation=interpolation,
        target=target,
        follow=follow,
        limit=limit,
        seed=seed,
        device=device,
    )
    chosen = None if layers is None else tuple(split(layers) or ())
    ask = InvarianceAsk(tuple(split(transform) or ()), numbers_of(values), chosen, options)
    source = ImageSet.open(images)
    models = [load(model, weights, device), *(load(spec, None, device) for spec in also or ())]
    demand = jobs.invariance(models, source, ask, device)
    with planned(demand, max_memory, as_json, output), progress(as_json) as report:
        folder = measure_invariance(models, source, output, ask, overwrite=overwrite, report=report)
    _say(folder, as_json)


def _ranked(layers: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], str]:
    """Layers by how much they change, relative to unrelated images where that is known, and the name of the number."""
    number = "score" if any(layer["relative"] is None for layer in layers) else "relative"
    return sorted(layers, key=lambda layer: float(layer[number])), number


def numbers_of(text: str | None) -> tuple[float, ...] | None:
    """``1,2.5,3`` or ``FIRST:LAST:STEP``, both ends included, as numbers; None stays None."""
    if text is None:
        return None
    try:
        if ":" not in text:
            return tuple(float(part) for part in split(text) or ())
        first, last, step = (float(part) for part in text.split(":"))
        count = math.floor((last - first) / step + 1e-9) + 1
    except (ValueError, OverflowError, ZeroDivisionError):
        raise typer.BadParameter(f"{text!r} is no list of numbers; write -20,0,20 or FIRST:LAST:STEP") from None
    if not 0 < count <= _MOST:
        raise typer.BadParameter(f"{text!r} has {max(count, 0)} values; a range may have 1 to {_MOST}")
    return tuple(round(first + number * step, 9) for number in range(count))


def _say(folder: Path, as_json: bool) -> None:
    from convscope.cli.screen import out
    from convscope.pipeline.invariance import FACTS

    facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    if as_json:
        typer.echo(json.dumps({"folder": str(folder), **{name: facts[name] for name in ("summaries", "skipped")}}))
        return
    for summary in facts["summaries"]:
        out.print(_line(summary), soft_wrap=True)
    for skip in facts["skipped"]:
        out.print(f"skipped {skip['image']}: {skip['reason']}", soft_wrap=True)
    out.print(str(folder / "figure.png"), soft_wrap=True)


def _line(summary: dict[str, Any]) -> str:
    ranked, number = _ranked(summary["layers"])
    unit = "of the distance to other images" if number == "relative" else "normalised distance"
    ends = ", ".join(
        f"{word} {layer['layer']} {layer[number]:.2f}"
        for word, layer in (("least changed", ranked[0]), ("most", ranked[-1]))
    )
    answer = summary["answer"]
    kept = "" if answer is None or answer["consistency"] is None else f"; label kept {answer['consistency']:.0%}"
    return f"{summary['model']}, {summary['transform']}, {summary['images']} images: {ends} {unit}{kept}"
