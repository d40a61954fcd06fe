"""From a model and images to a folder per image: figure 7, raw grids, an overlay, and what they were made from."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from convscope.atlas.reader import Atlas
from convscope.atlas.tiles import crop, unit_tiles
from convscope.display import Picture, fit, to_png, to_rgb
from convscope.engine.graphs import graph_of
from convscope.errors import ImageError, ImageSetError, about
from convscope.figures.occlusion import TILE, Examples, figure_png
from convscope.images import ImageSet
from convscope.models import Model
from convscope.pipeline.match import check_model
from convscope.pipeline.occlusion_facts import facts_of, grids_npz
from convscope.pipeline.results import ResultFolder, model_facts
from convscope.probes.fills import View, fill_name
from convscope.probes.occlusion.deletion import scores
from convscope.probes.occlusion.grid import Grid, Patch, make_grid
from convscope.probes.occlusion.map import LayerResponse, OcclusionMap
from convscope.probes.occlusion.occlude import chosen_layers, occlude
from convscope.probes.occlusion.overlay import overlay
from convscope.probes.occlusion.refine import Approximate
from convscope.probes.targets import PREDICTED, TRUE, TargetSpec

FACTS = "occlusion.json"
"""Written last: a folder that has it is whole."""

Report = Callable[[str, int, int], None]


@dataclass(frozen=True)
class OcclusionAsk:
    """What is asked of each image; see ``occlude``. ``target`` may also be ``true``: the image's own label."""

    patch: Patch | None = None
    stride: int | tuple[int, int] | None = None
    fill: str = "grey"
    target: TargetSpec = PREDICTED
    layers: tuple[str, ...] | None = None
    method: str = "auto"
    approximate: Approximate | None = None
    scores: bool = True


@dataclass(frozen=True)
class OcclusionSummary:
    """The folders that were written or found finished, and the images that were left out, each with its reason."""

    folders: tuple[Path, ...]
    skipped: tuple[tuple[str, str], ...]


def occlude_images(
    model: Model,
    images: ImageSet,
    output: str | Path,
    ask: OcclusionAsk,
    *,
    atlas: Atlas | None = None,
    device: str = "cpu",
    overwrite: bool = False,
    report: Report = lambda stage, done, total: None,  # noqa: ARG005
) -> OcclusionSummary:
    """Occlude every image, in its own sub-folder of ``output`` if the set has several; finished ones are kept.

    ``atlas`` gives the top images of the strongest map for panel (c). Raises AtlasMismatchError for an atlas of another
    model, SettingError for a folder that holds another run, and ImageSetError if no image can be used.
    """
    grid = make_grid((model.preprocessing.height, model.preprocessing.width), ask.patch, ask.stride)
    chosen = [layer.address for layer in chosen_layers(graph_of(model, device), ask.layers)]
    ask = replace(ask, layers=tuple(chosen))
    if atlas is not None:
        _check_atlas(atlas, model, chosen)
    places = grid.shape[0] * grid.shape[1]
    folders, skipped = [], []
    for index, name in enumerate(images.names):
        folder = Path(output) if len(images) == 1 else Path(output) / _folder_name(index, name)
        job = _Job(model, images, index, ask, grid, atlas, device)
        try:
            with about(f"image {name!r}"):
                _write_image(job, folder, overwrite, _part(report, index, places, len(images)))
            folders.append(folder)
        except ImageError as error:
            skipped.append((name, str(error)))
    if not folders:
        raise ImageSetError(f"no image of {images.name} can be used; {skipped[0][0]}: {skipped[0][1]}")
    return OcclusionSummary(tuple(folders), tuple(skipped))


def _part(report: Report, index: int, places: int, images: int) -> Callable[[int, int], None]:
    return lambda done, _: report("occlude", index * places + done, images * places)


@dataclass(frozen=True)
class _Job:
    model: Model
    images: ImageSet
    index: int
    ask: OcclusionAsk
    grid: Grid
    atlas: Atlas | None
    device: str

    @property
    def name(self) -> str:
        """The image's name in its set."""
        return self.images.names[self.index]


def _write_image(job: _Job, folder: Path, overwrite: bool, progress: Callable[[int, int], None]) -> None:
    picture = job.images.read(job.index)
    target = _target(job)
    result = ResultFolder(folder, FACTS, _asked(job, target, job.model.preprocessing.view(picture)))
    if result.is_finished(overwrite=overwrite):
        progress(job.grid.shape[0] * job.grid.shape[1], 0)
        return
    started = time.perf_counter()
    ask = job.ask
    found = occlude(
        job.model,
        picture,
        ask.patch,
        ask.stride,
        ask.fill,
        target=target,
        layers=ask.layers,
        method=ask.method,
        approximate=ask.approximate,
        device=job.device,
        report=progress,
    )
    occluded = time.perf_counter()
    scored = scores(job.model, picture, found, device=job.device) if ask.scores else None
    examples = [None if job.atlas is None else _examples(job.atlas, found, layer) for layer in found.layers]
    result.begin()
    result.write("grids.npz", grids_npz(found, scored))
    result.write("overlay.png", to_png(overlay(found.view, found.grid.spread(found.drop))))
    result.write("figure.png", figure_png(found, f"{job.name}: {found.target.quantity}", examples))
    result.finish(facts_of(found, scored), {"occlusion": occluded - started, "all": time.perf_counter() - started})


def _target(job: _Job) -> TargetSpec:
    """The target of one image; raises ImageError for an image whose label is no class of the model."""
    if job.ask.target != TRUE:
        return job.ask.target
    label = job.images.labels[job.index]
    if label is None or label not in job.model.classes:
        raise ImageError(
            f"its label {label!r} is not among the model's {len(job.model.classes)} class names, so there is no true "
            "class to watch; name folders (or labels) after classes, or choose a target"
        )
    return label


def _asked(job: _Job, target: TargetSpec, view: View) -> dict[str, Any]:
    """All that decides the result, for the record and to recognise it."""
    ask, grid = job.ask, job.grid
    return {
        "model": model_facts(job.model),
        "image": {
            "name": job.name,
            "label": job.images.labels[job.index],
            "seen": list(view.shape),
            "seen_sha256": hashlib.sha256(view.tobytes()).hexdigest(),
        },
        "settings": {
            "patch": list(grid.mask.shape),
            "mask_sha256": None if grid.mask.all() else hashlib.sha256(grid.mask.tobytes()).hexdigest(),
            "rows": list(grid.rows),
            "columns": list(grid.columns),
            "fill": fill_name(ask.fill),
            "target": target if isinstance(target, str | int) else str(target),
            "layers": list(ask.layers or ()),
            "method": ask.method,
            "approximate": None if ask.approximate is None else asdict(ask.approximate),
            "scores": ask.scores,
            "atlas": None if job.atlas is None else job.atlas.manifest.key,
        },
    }


_SAME = 5.0
"""Mean difference in pixel values below which a stored picture, perhaps a JPEG, is taken for the image itself."""


def _examples(atlas: Atlas, found: OcclusionMap, layer: LayerResponse) -> Examples | None:
    """The unit's top images in an atlas, but this one: their projections, or patches where none are kept."""
    kept = set(atlas.pictured())
    tops = [row for row in atlas.top(layer.layer, layer.unit) if row.image in kept]
    pictures = {row.rank: atlas.picture(row.image) for row in tops}
    tops = [row for row in tops if not _same(pictures[row.rank], found.view)]
    projections = atlas.projections(layer.layer, layer.unit)
    source = atlas.manifest.data.name
    if not tops:
        return None
    if projections:
        return Examples(tuple(unit_tiles(tops, projections, TILE)), f"others: top of {source}")
    patches: tuple[Picture, ...] = tuple(fit(crop(to_rgb(pictures[row.rank]), row), TILE) for row in tops)
    return Examples(patches, f"others: patches, top of {source}")


def _same(picture: View, view: View) -> bool:
    if picture.shape != view.shape:
        return False
    return float(np.abs(picture.astype(np.int16) - view).mean()) < _SAME


def _check_atlas(atlas: Atlas, model: Model, layers: list[str]) -> None:
    check_model(atlas, model)
    for address in layers:
        atlas.layer(address)


def _folder_name(index: int, name: str) -> str:
    """A name for an image's folder: the number keeps apart what is alike once made safe."""
    safe = re.sub(r"[^A-Za-z0-9_-]+", "_", Path(name).stem)[:60]
    return f"{index:04d}-{safe}"
