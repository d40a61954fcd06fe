"""``convscope overlap``: near-duplicates between two image sets, or within one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from convscope.cli.options import AsJson, Output, Overwrite, check_apart
from convscope.cli.planning import MaxMemory, planned


def overlap(
    first: Annotated[
        Path,
        typer.Argument(metavar="FIRST", help="Images, such as those to train on: a folder, list, idx or Parquet file."),
    ],
    output: Output,
    second: Annotated[
        Path | None,
        typer.Argument(metavar="[SECOND]", help="Images that should not be among them. Default: look within FIRST."),
    ] = None,
    threshold: Annotated[
        float, typer.Option("--threshold", help="Correlation of edges that makes near-duplicates: 0.6 to 1.")
    ] = 0.9,
    check: Annotated[
        int,
        typer.Option(
            "--check", min=0, help="Measure precision and recall on changed copies of so many images of FIRST; 0: not."
        ),
    ] = 100,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Decides how the copies are changed.")] = 0,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Threads that read and compare. Default: one per processor.")
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    max_memory: MaxMemory = None,
) -> None:
    """Find images that are also in another set: crops, mirrored, resized, re-encoded, or the same file.

    Writes pairs.parquet, figure.png, quality.png, overlap.json, and exclude_first.jsonl and exclude_second.jsonl, of
    which either goes to `convscope train --exclude`. A stopped run goes on.
    """
    from convscope.cli.progress import progress
    from convscope.images import ImageSet
    from convscope.pipeline.overlap import OverlapAsk, overlap_sets
    from convscope.resources import file_jobs

    for images in (first, second):
        if images is not None:
            check_apart(images, output)
    sets = [ImageSet.open(images) for images in (first, second) if images is not None]
    with (
        planned(file_jobs.overlap(sets), max_memory, as_json, output),
        progress(as_json) as report,
    ):
        folder = overlap_sets(
            sets[0],
            sets[1] if second is not None else None,
            output,
            OverlapAsk(threshold, check, seed),
            workers=workers,
            overwrite=overwrite,
            report=report,
        )
    facts = json.loads((folder / "overlap.json").read_text(encoding="utf-8"))
    if as_json:
        typer.echo(json.dumps({"folder": str(folder), **{name: facts[name] for name in _TOLD}}))
    else:
        _say(folder, facts)


_TOLD = ("pairs", "identical", "near_misses", "left_out", "groups", "conflicts", "quality", "flat", "skipped", "notes")


def _say(folder: Path, facts: dict[str, Any]) -> None:
    from convscope.cli.screen import out
    from convscope.probes.overlap.result import number

    said = [
        f"{number(facts['pairs'], 'pair')} of near-duplicates, {facts['identical']} of them identical; "
        f"{facts['near_misses']} just below the threshold: {folder / 'figure.png'}"
    ]
    said += [
        f"{number(count, 'image')} of the {which} set to leave out: {folder / f'exclude_{which}.jsonl'}"
        for which, count in facts["left_out"].items()
    ]
    said += [f"labels differ: {_labelled(each)}" for each in facts["conflicts"]]
    if facts["quality"] is not None:
        said.append(_quality(facts["quality"]))
    said += [f"note: {note}" for note in facts["notes"]]
    said += [f"skipped {each['image']}: {each['reason']}" for skips in facts["skipped"].values() for each in skips]
    for line in said:
        out.print(line, soft_wrap=True)


def _labelled(conflict: dict[str, Any]) -> str:
    return " and ".join(f"{name} ({label})" for name, label in zip(conflict["images"], conflict["labels"], strict=True))


def _quality(quality: dict[str, Any]) -> str:
    from convscope.probes.overlap.result import number

    precision = "none found" if quality["precision"] is None else f"precision {quality['precision']:.1%}"
    return (
        f"changed copies of {number(quality['photographs'], 'image')} among {quality['among']}: {precision}, recall "
        f"{quality['recall']:.1%}"
    )
