"""From a model and images to a folder per image: figure 7, raw grids, an overlay, and what they were made from."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from convscope.atlas.reader import Atlas
from convscope.engine.executor import HERE, Advance, Executor, check_device
from convscope.engine.graphs import Carried, graph_of
from convscope.errors import ImageError, ImageSetError
from convscope.images import ImageSet
from convscope.images.stretch import cut
from convscope.models import Model
from convscope.pipeline.image_occlusion import KnownAtlas, OccludeImages, OcclusionAsk, OneImage
from convscope.pipeline.match import check_model
from convscope.pipeline.results import ResultFolder, model_facts
from convscope.probes.fills import View, fill_name
from convscope.probes.labels import true_class
from convscope.probes.occlusion.grid import Grid, make_grid
from convscope.probes.occlusion.occlude import chosen_layers
from convscope.probes.targets import TRUE, TargetSpec

FACTS = "occlusion.json"
"""Written last: a folder that has it is whole."""

Report = Callable[[str, int, int], None]


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
    executor: Executor = HERE,
) -> OcclusionSummary:
    """Occlude every image, in its own sub-folder of ``output`` if the set has several; finished ones are kept.

    ``atlas`` gives the top images of the strongest map for panel (c). The ``executor`` computes; every file is written
    here. Raises AtlasMismatchError for an atlas of another model, SettingError for a folder that holds another run, and
    ImageSetError if no image can be used.
    """
    check_device(executor, device)
    grid = make_grid((model.preprocessing.height, model.preprocessing.width), ask.patch, ask.stride)
    chosen = [layer.address for layer in chosen_layers(graph_of(model, device), ask.layers)]
    ask = replace(ask, layers=tuple(chosen))
    if atlas is not None:
        _check_atlas(atlas, model, chosen)
    folders: list[Path] = []
    skipped: list[tuple[str, str]] = []
    missing: list[tuple[_Job, ResultFolder]] = []
    for index, name in enumerate(images.names):
        folder = Path(output) if len(images) == 1 else Path(output) / _folder_name(index, name)
        job = _Job(model, images, index, ask, grid, atlas)
        try:
            result = ResultFolder(folder, FACTS, _asked(job))
        except ImageError as error:
            skipped.append((name, str(error)))
            continue
        folders.append(folder)
        if not result.is_finished(overwrite=overwrite):
            missing.append((job, result))
    if not folders:
        raise ImageSetError(f"no image of {images.name} can be used; {skipped[0][0]}: {skipped[0][1]}")
    work = OccludeImages(Carried(model), ask, None if atlas is None else KnownAtlas.of(atlas), device)
    places = grid.shape[0] * grid.shape[1]
    finished = (len(images) - len(missing)) * places
    advance = Advance(len(images) * places, partial(report, "occlude"), finished)
    _occlude(work, missing, executor, advance, places)
    return OcclusionSummary(tuple(folders), tuple(skipped))


def _occlude(
    work: OccludeImages, missing: list[tuple[_Job, ResultFolder]], executor: Executor, advance: Advance, places: int
) -> None:
    jobs = [
        OneImage(cut(job.images, range(job.index, job.index + 1), witnessed=not executor.here), job.target)
        for job, _ in missing
    ]
    with closing(executor.run(work, jobs, advance)) as results:
        for number, made in results:
            _, result = missing[number]
            result.begin()
            for name, content in made.files.items():
                result.write(name, content)
            result.finish(made.facts, made.seconds)
            advance(number, places)


@dataclass(frozen=True)
class _Job:
    model: Model
    images: ImageSet
    index: int
    ask: OcclusionAsk
    grid: Grid
    atlas: Atlas | None

    @property
    def name(self) -> str:
        """The image's name in its set."""
        return self.images.names[self.index]

    @cached_property
    def target(self) -> TargetSpec:
        """What is watched; raises ImageError for an image whose label is no class of the model."""
        if self.ask.target != TRUE:
            return self.ask.target
        return self.model.classes[true_class(self.images.labels[self.index], self.model.classes)]


def _asked(job: _Job) -> dict[str, Any]:
    """All that decides the result, for the record and to recognise it; raises ImageError."""
    ask, grid, target = job.ask, job.grid, job.target
    view: View = job.model.preprocessing.view(job.images.read(job.index))
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


def _check_atlas(atlas: Atlas, model: Model, layers: list[str]) -> None:
    check_model(atlas, model)
    for address in layers:
        atlas.layer(address)


def _folder_name(index: int, name: str) -> str:
    """A name for an image's folder: the number keeps apart what is alike once made safe."""
    safe = re.sub(r"[^A-Za-z0-9_-]+", "_", Path(name).stem)[:60]
    return f"{index:04d}-{safe}"
