"""``convscope layers`` and ``convscope coverage``: what a model holds, before any image is read."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from convscope.cli.options import AsJson, Layers, Method, ModelSpec, Weights, load, split

if TYPE_CHECKING:
    from convscope.rules.coverage import Coverage


def layers(
    model: ModelSpec,
    weights: Weights = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every op that gives feature maps, not only the default layers.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List a model's layers: address, shape, receptive field, units."""
    from rich.table import Column, Table

    from convscope.cli.screen import out
    from convscope.engine.inspect import layers as layers_of

    found = layers_of(load(model, weights), all_maps=every)
    if as_json:
        typer.echo(json.dumps([asdict(layer) for layer in found]))
        return
    table = Table(
        Column("layer", no_wrap=True, overflow="fold"),
        "op",
        "units",
        "map",
        "receptive field",
        "stride",
        "start",
        "",
        box=None,
    )
    for layer in found:
        field = (layer.rows, layer.columns)
        whole = layer.rows.stride == 0
        table.add_row(
            layer.address,
            layer.op,
            str(layer.units),
            f"{layer.height} x {layer.width}",
            "whole image" if whole else _pair(*(f.size for f in field)),
            "" if whole else _pair(*(f.stride for f in field)),
            "" if whole else _pair(*(f.start for f in field)),
            "gated" if layer.gated else "",
        )
    out.print(table)
    out.print(f"{len(found)} layers, {sum(layer.units for layer in found)} units")
    if any(layer.gated for layer in found):
        out.print("gated: values also depend on the whole image, through squeeze-excite, attention or statistics")


def coverage(
    model: ModelSpec,
    weights: Weights = None,
    layers: Layers = None,
    method: Method = "auto",
    as_json: AsJson = False,
) -> None:
    """List which rule each op gets on the way down: its own, the plain transpose, or refused."""
    from convscope.engine.inspect import coverage as coverage_of

    report = coverage_of(load(model, weights), split(layers), method)
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "method": report.method,
                    "switches": report.switches,
                    "ops": [asdict(u) for u in report.uses],
                }
            )
        )
    else:
        _print_coverage(report)
    if report.refused:
        raise typer.Exit(1)


def _print_coverage(report: Coverage) -> None:
    from rich.table import Table

    from convscope.cli.screen import out

    table = Table("op", "times", "rule", "kind", box=None)
    for (op, kind, rule), count in report.summary().items():
        table.add_row(op, str(count), rule, kind)
    out.print(f"method: {report.method}")
    out.print(table)
    for use in report.refused:
        out.print(f"refused: {use.op} at {use.address}: {use.reason}", soft_wrap=True)
    if not report.switches:
        out.print(
            "no max pooling, so no switches: a DeconvNet picture of this model carries no positions from the image; "
            "--method auto takes guided backprop",
            soft_wrap=True,
        )


def _pair(y: int, x: int) -> str:
    return str(y) if y == x else f"{y}, {x}"
