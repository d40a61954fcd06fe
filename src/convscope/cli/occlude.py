"""``convscope occlude``: figure 7 for one image, or for each image of a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convscope.cli.options import (
    AsJson,
    Device,
    Fill,
    Layers,
    Method,
    ModelSpec,
    Output,
    Overwrite,
    Patch,
    Ray,
    RayCores,
    RayWorkers,
    Stride,
    Weights,
    check_apart,
    executor_of,
    load,
    sides_of,
    split,
)
from convscope.cli.planning import MaxMemory, planned

if TYPE_CHECKING:
    from convscope.pipeline.occlusion import OcclusionSummary


def occlude(
    model: ModelSpec,
    image: Annotated[
        Path,
        typer.Argument(metavar="IMAGE", help="An image file, or a folder or list of them: a sub-folder for each."),
    ],
    output: Output,
    weights: Weights = None,
    patch: Patch = None,
    mask: Annotated[
        Path | None,
        typer.Option("--mask", metavar="FILE", help="A picture as occluder instead: light pixels (above 127) cover."),
    ] = None,
    stride: Stride = None,
    fill: Fill = "grey",
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            metavar="TARGET",
            help="What is watched: predicted (the default), true (the image's label), a class by index or name, or "
            "LAYER:UNIT[@ROW,COLUMN]; classes may be given several times and add up.",
        ),
    ] = None,
    layers: Layers = None,
    method: Method = "auto",
    atlas: Annotated[
        Path | None,
        typer.Option("--atlas", metavar="DIR", help="An atlas of the same model, for the top images in panel (c)."),
    ] = None,
    approximate: Annotated[
        bool,
        typer.Option(
            "--approximate",
            help="Compute some places and interpolate the others; a random check gives the error.",
        ),
    ] = False,
    tolerance: Annotated[
        float | None,
        typer.Option(
            "--tolerance",
            metavar="NUMBER",
            help="Approximate: refine where the target changes by more; default 5% of its range.",
        ),
    ] = None,
    budget: Annotated[
        float, typer.Option("--budget", metavar="PART", help="Approximate: the largest part of all places to compute.")
    ] = 0.4,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Approximate: which places are checked.")] = 0,
    scores: Annotated[
        bool, typer.Option("--scores/--no-scores", help="Deletion and insertion scores of the drop map.")
    ] = True,
    device: Device = "cpu",
    ray: Ray = None,
    ray_workers: RayWorkers = None,
    ray_cores: RayCores = 1,
    max_memory: MaxMemory = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Slide an occluder over an image: what happens to a class, to the label, and to the strongest feature map.

    Writes figure.png, overlay.png, grids.npz and occlusion.json. Images that are finished are not repeated.
    """
    from convscope.atlas.reader import Atlas
    from convscope.cli.progress import progress
    from convscope.engine.memory import keep_freed_memory
    from convscope.images import ImageSet
    from convscope.pipeline.image_occlusion import OcclusionAsk
    from convscope.pipeline.occlusion import occlude_images
    from convscope.probes.occlusion.plan import plan_occlusion
    from convscope.probes.occlusion.refine import Approximate
    from convscope.resources import jobs

    keep_freed_memory()
    check_apart(image, output)
    ask = OcclusionAsk(
        patch=sides_of(patch) if mask is None else _mask(mask, patch),
        stride=stride,
        fill=fill,
        target="predicted" if not target else target[0] if len(target) == 1 else tuple(target),
        layers=None if layers is None else tuple(split(layers) or ()),
        method=method,
        approximate=Approximate(tolerance, budget, seed) if approximate else None,
        scores=scores,
    )
    source = ImageSet.open(image)
    opened = None if atlas is None else Atlas.open(atlas)
    loaded = load(model, weights, device)
    foreseen = plan_occlusion(loaded, ask.patch, stride, layers=ask.layers, device=device)
    seconds = foreseen.predicted * (budget if approximate else 1)
    demand = jobs.occlude(loaded, source, foreseen.places, seconds, device)
    where = executor_of(ray, ray_workers, ray_cores)
    shown = progress(as_json)
    with planned(demand, max_memory, as_json, output), shown as report, where as executor:
        summary = occlude_images(
            loaded,
            source,
            output,
            ask,
            atlas=opened,
            device=device,
            overwrite=overwrite,
            report=report,
            executor=executor,
        )
    _say(summary, as_json)


def _mask(path: Path, patch: str | None) -> Any:
    from convscope.errors import SettingError
    from convscope.images import ImageSet

    if patch is not None:
        raise SettingError("--patch and --mask were both given; the mask already has a size, so leave --patch out")
    source = ImageSet.open(path, background=(0, 0, 0))  # what is transparent covers nothing
    if len(source) != 1:
        raise SettingError(f"{path} holds {len(source)} images; give one picture as mask")
    return source.read(0).mean(axis=-1) > 127


def _say(summary: OcclusionSummary, as_json: bool) -> None:
    from convscope.cli.screen import out

    folders = [str(folder) for folder in summary.folders]
    if as_json:
        typer.echo(json.dumps({"folders": folders, "skipped": [list(pair) for pair in summary.skipped]}))
        return
    found = {folder: json.loads((folder / "occlusion.json").read_text(encoding="utf-8")) for folder in summary.folders}
    for folder, facts in found.items():
        out.print(_line(folder, facts), soft_wrap=True)
    for note in _shared([facts["notes"] for facts in found.values()]):
        out.print(f"note: {note}", soft_wrap=True)
    for name, reason in summary.skipped:
        out.print(f"skipped {name}: {reason}", soft_wrap=True)


def _shared(notes: Sequence[Sequence[str]]) -> list[str]:
    """What is noted of every image; the rest is in the folder of its image."""
    return [note for note in notes[0] if all(note in others for others in notes)] if notes else []


def _line(folder: Path, facts: Mapping[str, Any]) -> str:
    box = facts["drop"]["peak_box"]
    watched = facts["target"]
    predicted = "" if facts["predicted"] is None else f"predicted {facts['predicted']['name']}; "
    return (
        f"{folder / 'figure.png'}: {predicted}{watched['quantity']} is {watched['unoccluded']:.4g}, and lowest, "
        f"{watched['smallest']:.4g}, with rows {box['top']}-{box['bottom'] - 1} and columns "
        f"{box['left']}-{box['right'] - 1} covered"
    )
