"""``convscope compare``: the units of two atlases side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from convscope.cli.options import AsJson, Output, Overwrite, split
from convscope.cli.planning import MaxMemory, planned

_DIAGNOSIS = "The folder that `convscope diagnose` wrote of the {} network; its numbers and filters are shown, too."


def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="An atlas: a folder that `convscope atlas` wrote.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another one, over the same images.")],
    output: Output,
    layers: Annotated[
        str | None,
        typer.Option(
            "--layers",
            metavar="A=B,…",
            help="Layers to compare, of A and of B; NAME alone is NAME=NAME. Default: those of the same address and "
            "op, else the most alike.",
        ),
    ] = None,
    one_to_one: Annotated[
        bool, typer.Option("--one-to-one", help="Also assign each unit of A a unit of B of its own.")
    ] = False,
    permutations: Annotated[
        int, typer.Option("--permutations", min=1, help="Times that images are permuted to see what chance gives.")
    ] = 19,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Decides how they are permuted.")] = 0,
    diagnosis_a: Annotated[
        Path | None, typer.Option("--diagnosis-a", metavar="DIR", help=_DIAGNOSIS.format("first"))
    ] = None,
    diagnosis_b: Annotated[
        Path | None, typer.Option("--diagnosis-b", metavar="DIR", help=_DIAGNOSIS.format("second"))
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    max_memory: MaxMemory = None,
) -> None:
    """Match the units of two networks, such as before and after training, and write pages that show them side by side.

    Writes pages that open from disk, matches.csv, matches.parquet and comparison.json.
    """
    from convscope.atlas.comparison.chance import Chance
    from convscope.atlas.comparison.result import CompareAsk
    from convscope.atlas.reader import Atlas
    from convscope.cli.progress import progress
    from convscope.resources import file_jobs
    from convscope.web.comparison.export import export_comparison

    ask = CompareAsk(pairs_of(layers), Chance(permutations, seed), one_to_one)
    diagnoses = _both(diagnosis_a, diagnosis_b)
    atlases = Atlas.open(first), Atlas.open(second)
    with (
        planned(file_jobs.compare(atlases), max_memory, as_json, output),
        progress(as_json) as report,
    ):
        index = export_comparison(atlases, output, ask, diagnoses, overwrite=overwrite, report=report)
    _say(index, as_json)


def pairs_of(layers: str | None) -> tuple[tuple[str, str], ...] | None:
    """``a=b,c`` as pairs of layers: (a, b), (c, c); None stays None."""
    if layers is None:
        return None
    named = [[name.strip() for name in each.split("=")] for each in split(layers) or ()]
    if not named or not all(len(names) <= 2 and all(names) for names in named):
        raise typer.BadParameter(f"{layers!r} names no pairs of layers; write A=B,… such as relu1=conv1,relu2")
    return tuple((names[0], names[-1]) for names in named)


def _both(first: Path | None, second: Path | None) -> tuple[Path, Path] | None:
    if first is not None and second is not None:
        return first, second
    if first is not None or second is not None:
        raise typer.BadParameter("a diagnosis is shown beside another: give both --diagnosis-a and --diagnosis-b")
    return None


def _say(index: Path, as_json: bool) -> None:
    from convscope.cli.screen import out, print_table
    from convscope.pipeline.table import NOTHING, Table
    from convscope.web.comparison.export import SUMMARY

    facts: dict[str, Any] = json.loads((index.parent / SUMMARY).read_text(encoding="utf-8"))
    if as_json:
        told = {name: facts[name] for name in ("images", "sampled", "pairs", "notes")}
        typer.echo(json.dumps({"folder": str(index.parent), "index": str(index), **told}))
        return
    lines = (
        tuple(NOTHING if row[name] is None else form.format(row[name]) for name, (_, form) in _COLUMNS.items())
        for row in facts["pairs"]
    )
    print_table(Table(tuple(head for head, _ in _COLUMNS.values()), tuple(lines)))
    for note in facts["notes"]:
        out.print(f"note: {note}", soft_wrap=True)
    out.print(str(index), soft_wrap=True)


_COLUMNS = {
    "first": ("layer of A", "{}"),
    "second": ("of B", "{}"),
    "cka": ("CKA", "{:.2f}"),
    "median": ("median score", "{:.2f}"),
    "half": ("> 0.5", "{:.0%}"),
    "most": ("> 0.8", "{:.0%}"),
    "mutual": ("mutual", "{:.0%}"),
    "unmatched": ("A: no counterpart", "{}"),
    "lonely": ("B: no counterpart", "{}"),
    "dead": ("A: dead", "{}"),
    "others_dead": ("B: dead", "{}"),
}
"""Of the summary of a pair of layers: its field, its head, and how it is written."""
