"""``convscope plan``: how an occlusion is computed, windows or whole maps, and what it costs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from convscope.cli.options import AsJson, Device, Layers, ModelSpec, Patch, Stride, Weights, load, sides_of, split

if TYPE_CHECKING:
    from convscope.probes.occlusion.plan import OcclusionPlan, PlannedOp


def plan(
    model: ModelSpec,
    weights: Weights = None,
    patch: Patch = None,
    stride: Stride = None,
    layers: Layers = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="Also run the sweep once, and list the time that each op took.")
    ] = False,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """List for each op whether `occlude` runs it on windows or on whole maps, why, and the predicted time."""
    from convscope.cli.progress import progress
    from convscope.engine.memory import keep_freed_memory
    from convscope.probes.occlusion.plan import plan_occlusion

    keep_freed_memory()
    sides, asked = sides_of(patch), split(layers)
    loaded = load(model, weights, device)
    with progress(as_json, quiet=not measure) as report:
        found = plan_occlusion(
            loaded,
            sides,
            stride,
            layers=asked,
            device=device,
            measure=measure,
            report=lambda done, total: report("occlude", done, total),
        )
    if as_json:
        totals = {"places": found.places, "predicted": found.predicted, "predicted_whole": found.predicted_whole}
        typer.echo(json.dumps({**totals, **asdict(found)}))
    else:
        _print(found)


def _print(found: OcclusionPlan) -> None:
    from rich.table import Column, Table

    from convscope.cli.screen import out

    times = ["predicted ms", "whole map ms", *(["measured ms"] if found.measured is not None else [])]
    table = Table(
        Column("address", no_wrap=True, overflow="fold"),
        "op",
        "map",
        "window",
        "run on",
        "",
        *(Column(name, justify="right") for name in times),
        box=None,
    )
    for op in found.ops:
        table.add_row(*_row(op))
    out.print(table)
    for line in _totals(found):
        out.print(line, soft_wrap=True)


def _row(op: PlannedOp) -> list[str]:
    seconds = [op.predicted, op.predicted_whole, *([] if op.measured is None else [op.measured])]
    window = _window(op) if op.on_windows or not op.smallest else f"({_window(op)})"
    size = "" if op.map is None else _size(op.map)
    where = "windows" if op.on_windows else "whole map"
    return [op.address, op.op, size, window, where, op.reason, *(f"{1000 * each:.1f}" for each in seconds)]


def _window(op: PlannedOp) -> str:
    if op.smallest is None or op.largest is None:
        return ""
    return _size(op.largest) if op.smallest == op.largest else f"{_size(op.smallest)} to {_size(op.largest)}"


def _totals(found: OcclusionPlan) -> list[str]:
    gain = found.predicted_whole / found.predicted
    on_windows = sum(op.on_windows for op in found.ops)
    lines = [
        f"a patch of {_size(found.patch)} at {found.places} places, in {found.groups} groups; "
        f"{on_windows} of {len(found.ops)} ops on windows",
        f"predicted: {found.predicted:.2f} s, on whole maps {found.predicted_whole:.2f} s: {gain:.1f} times as fast",
    ]
    if found.measured is not None:
        ops = sum(op.measured or 0.0 for op in found.ops)
        lines.append(f"measured: {found.measured:.2f} s, of which {ops:.2f} s in the ops")
    return lines


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
