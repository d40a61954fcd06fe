"""What an occlusion makes of one image, as work that any process can do: the files of its folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from convscope.atlas.reader import Atlas
from convscope.atlas.tiles import crop, unit_tiles
from convscope.display import Picture, fit, to_png, to_rgb
from convscope.engine.executor import Steps, stepwise
from convscope.engine.graphs import Carried
from convscope.errors import AtlasMismatchError, about
from convscope.figures.occlusion import TILE, Examples, figure_png
from convscope.images.stretch import Stretch
from convscope.pipeline.occlusion_facts import facts_of, grids_npz
from convscope.probes.fills import View
from convscope.probes.occlusion.deletion import scores
from convscope.probes.occlusion.grid import Patch
from convscope.probes.occlusion.map import LayerResponse, OcclusionMap
from convscope.probes.occlusion.occlude import occlude
from convscope.probes.occlusion.overlay import overlay
from convscope.probes.occlusion.refine import Approximate
from convscope.probes.targets import PREDICTED, TargetSpec


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
class OneImage:
    """An image, alone in its stretch, and what is watched while it is covered."""

    stretch: Stretch
    target: TargetSpec


@dataclass(frozen=True)
class Occluded:
    """The files of an image's folder by name, the facts that are written last, and the seconds that stages took."""

    files: Mapping[str, bytes]
    facts: Mapping[str, Any]
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class KnownAtlas:
    """Where an atlas lies, and its key: whoever opens it in another process must find the same."""

    path: Path
    key: str

    @classmethod
    def of(cls, atlas: Atlas) -> KnownAtlas:
        """Of one that is open here."""
        return cls(atlas.path.absolute(), atlas.manifest.key)

    def open(self) -> Atlas:
        """The atlas; raises AtlasError if there is none, AtlasMismatchError if it is another one."""
        found = Atlas.open(self.path)
        if found.manifest.key != self.key:
            raise AtlasMismatchError(
                f"the atlas in {self.path} is another one for a worker (key {found.manifest.key[:12]}) than for the "
                f"process that asked ({self.key[:12]}). Put it on a folder that all machines share"
            )
        return found


@dataclass(frozen=True)
class OccludeImages:
    """All that decides what is made of an image; ``atlas`` has examples for its figure."""

    carried: Carried
    ask: OcclusionAsk
    atlas: KnownAtlas | None
    device: str

    def prepare(self, cores: int) -> Callable[[OneImage], Steps[Occluded]]:  # noqa: ARG002
        """See ``Work``: yields the places that are done."""
        opened = None if self.atlas is None else self.atlas.open()
        return lambda job: stepwise(partial(self._named, opened, job))

    def _named(self, atlas: Atlas | None, job: OneImage, tell: Callable[[int], None]) -> Occluded:
        with about(f"image {job.stretch.images.names[0]!r}"):
            return self._made(atlas, job, tell)

    def _made(self, atlas: Atlas | None, job: OneImage, tell: Callable[[int], None]) -> Occluded:
        job.stretch.check()
        model, ask, started = self.carried.model, self.ask, time.perf_counter()
        picture = job.stretch.images.read(0)
        found = occlude(
            model,
            picture,
            ask.patch,
            ask.stride,
            ask.fill,
            target=job.target,
            layers=ask.layers,
            method=ask.method,
            approximate=ask.approximate,
            device=self.device,
            report=lambda done, _: tell(done),
        )
        occluded = time.perf_counter()
        scored = scores(model, picture, found, device=self.device) if ask.scores else None
        examples = [None if atlas is None else _examples(atlas, found, layer) for layer in found.layers]
        title = f"{job.stretch.images.names[0]}: {found.target.quantity}"
        files = {
            "grids.npz": grids_npz(found, scored),
            "overlay.png": to_png(overlay(found.view, found.grid.spread(found.drop))),
            "figure.png": figure_png(found, title, examples),
        }
        seconds = {"occlusion": occluded - started, "all": time.perf_counter() - started}
        return Occluded(files, facts_of(found, scored), seconds)


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
