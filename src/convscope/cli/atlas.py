"""``convscope atlas``: the main job, from a model and images to a store, contact sheets and pages."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convscope.cli.options import (
    GREY,
    AsJson,
    Background,
    Device,
    Images,
    Layers,
    Limit,
    Method,
    ModelSpec,
    Output,
    Overwrite,
    Ray,
    RayCores,
    RayWorkers,
    Unpool,
    Weights,
    check_apart,
    executor_of,
    load,
    opened,
    split,
)
from convscope.cli.planning import MaxMemory, planned
from convscope.cores import cores

if TYPE_CHECKING:
    from convscope.pipeline.build import Summary


def atlas(
    model: ModelSpec,
    images: Images,
    output: Output,
    weights: Weights = None,
    layers: Layers = None,
    top: Annotated[int, typer.Option("--top", min=1, help="Strongest activations to keep per unit.")] = 9,
    per_image: Annotated[
        str, typer.Option("--per-image", help="one or many: how many may come from one image.")
    ] = "one",
    per_class: Annotated[
        int, typer.Option("--per-class", min=0, help="Also keep this many per unit and class; 0 is off.")
    ] = 0,
    method: Method = "auto",
    unpool: Unpool = "sum",
    units: Annotated[
        int | None,
        typer.Option(
            "--units",
            min=0,
            help="Project only this many units per layer, those that stand out most; default all.",
        ),
    ] = None,
    limit: Limit = None,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Images per forward pass.")] = 32,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, help="Threads that decode images; default: one per core."),
    ] = None,
    device: Device = "cpu",
    max_memory: MaxMemory = None,
    background: Background = GREY,
    trust: Annotated[
        bool, typer.Option("--trust/--no-trust", help="Test how far the pictures depend on unit and weights.")
    ] = True,
    raw: Annotated[
        bool,
        typer.Option(
            "--raw",
            help="Keep projections as raw numbers (float16), to compute with them; they take fifty times the "
            "room. Default: 8-bit pictures, to look at.",
        ),
    ] = False,
    pages: Annotated[bool, typer.Option("--pages/--no-pages", help="Draw contact sheets and static pages.")] = True,
    ray: Ray = None,
    ray_workers: RayWorkers = None,
    ray_cores: RayCores = 1,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Find what every unit answers to most, project it to pixels, and write an atlas of it.

    Stop it whenever you like: the same command goes on where it stopped.
    """
    from convscope.cli.progress import progress
    from convscope.engine.memory import keep_freed_memory
    from convscope.pipeline.build import Ask, build_atlas
    from convscope.resources import jobs

    keep_freed_memory()
    check_apart(images, output)
    source = opened(images, limit, background)
    loaded = load(model, weights, device)
    ask = Ask(split(layers), top, per_image, per_class, method, unpool, units, trust, raw)
    threads = workers or cores()
    demand = jobs.atlas(loaded, source, ask, batch=batch_size, workers=threads, device=device, pages=pages)
    ways = "take less with --units, --top" + (" or without --raw" if raw else "")
    where = executor_of(ray, ray_workers, ray_cores)
    shown = progress(as_json)
    with planned(demand, max_memory, as_json, output, ways), shown as report, where as executor:
        summary = build_atlas(
            loaded,
            source,
            output,
            ask,
            batch_size=batch_size,
            workers=workers,
            device=device,
            overwrite=overwrite,
            report=report,
            executor=executor,
        )
        index = _draw(summary.path, report) if pages else None
    _say(summary, index, as_json)


def _draw(path: Path, report: Any) -> Path:
    from convscope.atlas.reader import Atlas
    from convscope.render import write_sheets
    from convscope.web.site import export_site

    index = path / "site" / "index.html"
    if index.exists():  # an export is there whole or not at all, and goes when the atlas is made anew
        return index
    opened = Atlas.open(path)
    write_sheets(opened, path / "sheets")
    return export_site(opened, path / "site", lambda done, total: report("pages", done, total)).index


def _say(summary: Summary, index: Path | None, as_json: bool) -> None:
    from convscope.cli.screen import out

    if as_json:
        facts = asdict(summary) | {"path": str(summary.path), "index": None if index is None else str(index)}
        typer.echo(json.dumps(facts))
        return
    out.print(
        f"{summary.units} units in {summary.layers} layers over {summary.images - summary.skipped} images "
        f"({summary.skipped} skipped), {summary.projections} projections by {summary.method}",
        soft_wrap=True,
    )
    for note in summary.notes:
        out.print(f"note: {note}", soft_wrap=True)
    out.print(str(summary.path if index is None else index.resolve()), soft_wrap=True)
