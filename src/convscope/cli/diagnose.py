"""``convscope diagnose``: what is wrong with a network's filters, and with what they make of images."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convscope.cli.options import AsJson, Device, ModelSpec, Output, Overwrite, Weights, check_apart, load
from convscope.cli.planning import MaxMemory, planned

if TYPE_CHECKING:
    from rich.table import Table


def diagnose(
    model: ModelSpec,
    output: Output,
    images: Annotated[
        Path | None,
        typer.Argument(
            metavar="[IMAGES]",
            help="A folder, list file (.txt), idx.gz data set, or Parquet file; without images only weights are "
            "looked at.",
        ),
    ] = None,
    weights: Weights = None,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="MODEL", help="Another model, diagnosed on the same images, side by side."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", help="Use so many images, evenly spread over the set.")
    ] = None,
    shifts: Annotated[
        int, typer.Option("--shifts", help="Move images by 1 to so many pixels and see whether their class stays.")
    ] = 4,
    channels: Annotated[
        int, typer.Option("--channels", help="Channels of each op with a stride whose aliasing is measured, at most.")
    ] = 64,
    device: Device = "cpu",
    max_memory: MaxMemory = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Find dominating, duplicate and dead filters, missing frequencies, aliasing and saturation, and what may help.

    Writes diagnosis.json, findings.csv, filters.parquet, units.parquet, strided.parquet, first_layer.npz and figures.
    """
    from convscope.cli.progress import progress
    from convscope.engine.memory import keep_freed_memory
    from convscope.images import ImageSet
    from convscope.pipeline.diagnosis import DiagnosisAsk, diagnose_models
    from convscope.resources import jobs

    keep_freed_memory()
    if images is not None:
        check_apart(images, output)
    source = None if images is None else ImageSet.open(images)
    models = [load(model, weights, device), *([] if against is None else [load(against, None, device)])]
    ask = DiagnosisAsk(limit, shifts, channels)
    demand = jobs.diagnose(models, source, ask, device)
    with planned(demand, max_memory, as_json, output), progress(as_json) as report:
        folder = diagnose_models(models, source, output, ask, device=device, overwrite=overwrite, report=report)
    _say(folder, as_json)


def _say(folder: Path, as_json: bool) -> None:
    from convscope.cli.screen import out
    from convscope.pipeline.diagnosis import FACTS

    facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    if as_json:
        shown = ("model", "images", "findings", "left_out", "skipped", "notes")
        told = [{name: each[name] for name in shown} for each in facts["diagnoses"]]
        typer.echo(json.dumps({"folder": str(folder), "diagnoses": told, "comparison": facts["comparison"]}))
        return
    for each in facts["diagnoses"]:
        out.print(_findings(each))
        for line in _remarks(each):
            out.print(line, soft_wrap=True)
    if facts["comparison"]:
        out.print(_compared(facts["comparison"], [each["model"] for each in facts["diagnoses"]]))
    out.print(str(folder / "findings.csv"), soft_wrap=True)


def _findings(told: dict[str, Any]) -> Table:
    """A line for each kind of finding: its worst layer, and how many others there are."""
    from rich.table import Table

    images = f"{told['images']} images" if told["images"] else "weights alone"
    table = Table(title=f"{told['model']}, {images}", title_justify="left", title_style="bold")
    for name in ("severity", "finding", "worst layer", "what", "also", "reference nets"):
        table.add_column(name, overflow="fold")
    for kind in dict.fromkeys(each["kind"] for each in told["findings"]):
        same = [each for each in told["findings"] if each["kind"] == kind]
        counts = [sum(each["severity"] == word for each in same[1:]) for word in ("strong", "mild")]
        also = ", ".join(f"{count} {word}" for count, word in zip(counts, ("strong", "mild"), strict=True) if count)
        worst = same[0]
        table.add_row(worst["severity"], kind, worst["layer"] or "network", worst["what"], also, _reference(worst))
    return table


def _reference(finding: dict[str, Any]) -> str:
    from convscope.probes.diagnosis.finding import KINDS

    known = finding["reference"]
    if known is None:
        return ""
    low, median, high = (KINDS[finding["kind"]].written(known[name]) for name in ("low", "median", "high"))
    return median if known["layers"] == 1 else f"{low} to {high}, median {median}"


def _remarks(told: dict[str, Any]) -> Iterator[str]:
    advised = {each["kind"]: each for each in reversed(told["findings"]) if each["advice"]}
    for kind, each in advised.items():
        yield f"{kind}: {each['advice']} ({each['source']})"
    nets = sorted({name for each in told["findings"] if each["reference"] for name in each["reference"]["nets"]})
    yield f"{len(nets)} reference net{'' if len(nets) == 1 else 's'}: {', '.join(nets)}"
    left_out = sorted(told["left_out"], key=lambda each: str(each["reason"]))
    for reason, group in groupby(left_out, key=lambda each: str(each["reason"])):
        first, *others = (each["what"] for each in group)
        more = f" and {len(others)} more" if others else ""
        yield f"not measured: {first}{more}: {reason}"
    yield from (f"skipped {skip['image']}: {skip['reason']}" for skip in told["skipped"])
    yield from (f"note: {note}" for note in told["notes"])


def _compared(rows: list[dict[str, Any]], names: list[str]) -> Table:
    from rich.table import Table

    table = Table(title="side by side", title_justify="left", title_style="bold")
    table.add_column("measure")
    for name in (*names, "difference"):
        table.add_column(name, justify="right", overflow="fold")
    for row in rows:
        if row["layers"] == ["", ""]:
            numbers = (*row["numbers"], row["difference"])
            table.add_row(row["measure"], *("" if number is None else f"{number:.3g}" for number in numbers))
    return table
