"""A part of an atlas's projections, as work that any process can do: pictures and packed rows, ready to be written."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from convscope.atlas.projection import Projection
from convscope.atlas.schema import PictureRow, ProjectionRow
from convscope.engine.executor import Steps
from convscope.engine.graphs import Carried, graph_of
from convscope.engine.loading import View, read_view
from convscope.engine.project import Way, project_units
from convscope.engine.trace import trace
from convscope.errors import ImageSetError, about
from convscope.images import ImageSet
from convscope.images.stretch import Witnesses, check_witnesses, witnesses_of
from convscope.models import Model
from convscope.pipeline.atlas_spectra import RANKS
from convscope.pipeline.picture_spectrum import picture_spectrum
from convscope.pipeline.pictures import encode_picture
from convscope.pipeline.winners import Task, Winner

Rows = tuple[list[PictureRow], list[ProjectionRow]]


@dataclass(frozen=True)
class PartTasks:
    """The tasks of one part; ``images`` has the image of each, in their order."""

    tasks: tuple[Task, ...]
    images: ImageSet
    witnesses: Witnesses = ()

    @property
    def winners(self) -> int:
        """How many projections it makes."""
        return sum(len(task.winners) for task in self.tasks)

    def witnessed(self) -> PartTasks:
        """The same for a worker, who must see the same images."""
        return replace(self, witnesses=witnesses_of(self.images))


def part_of(images: ImageSet, tasks: Sequence[Task]) -> PartTasks:
    """These tasks with their images of a set."""
    return PartTasks(tuple(tasks), images.select([task.image for task in tasks]))


@dataclass(frozen=True)
class ProjectParts:
    """All that decides the projections of a part, but the part itself."""

    carried: Carried
    way: Way
    raw: bool
    spectral: Mapping[str, Collection[int]]
    """For each layer the units whose strongest projections are measured, where they are kept as pictures."""
    device: str

    def prepare(self, cores: int) -> Callable[[PartTasks], Steps[Rows]]:  # noqa: ARG002
        """See ``Work``: yields the projections that are made, returns all rows of a part."""
        return self._rows

    def _rows(self, part: PartTasks) -> Steps[Rows]:
        check_witnesses(part.images, part.witnesses)
        model = self.carried.model
        pictures: list[PictureRow] = []
        packed: list[ProjectionRow] = []
        for place, task in enumerate(part.tasks):
            view = _view(model, part.images, place)
            pictures += [encode_picture(task.image, view)] if task.picture else []
            with about(f"image {part.images.names[place]!r}"):
                found = project_image(model, torch.from_numpy(view)[None], task.winners, self.way, self.device)
                packed += [self._packed(projection) for projection in found]
            yield len(packed)
        packed.sort(key=lambda row: (row.layer, row.unit, row.rank))
        return pictures, packed

    def _packed(self, projection: Projection) -> ProjectionRow:
        # Raw numbers can be measured later; a picture would show fewer fine patterns than there are.
        chosen = projection.rank < RANKS and projection.unit in self.spectral[projection.layer]
        spectrum = picture_spectrum(projection.pixels) if chosen and not self.raw else None
        return projection.pack(raw=self.raw, spectrum=spectrum)


def _view(model: Model, images: ImageSet, image: int) -> View:
    outcome, view = read_view(images, image, model.preprocessing)
    if view is None:
        raise ImageSetError(
            f"image {images.names[image]!r} could be read during the scan and cannot be now: {outcome.skipped}. "
            "Restore it and run the same command again"
        )
    return view


def project_image(
    model: Model, view: torch.Tensor, winners: Sequence[Winner], way: Way, device: str
) -> Iterator[Projection]:
    """One forward pass, then every unit of every layer that this image is among the strongest of."""
    if not winners:
        return
    by_layer: dict[str, list[Winner]] = {}
    for winner in winners:
        by_layer.setdefault(winner.layer.node, []).append(winner)
    recorded = trace(graph_of(model, device), model.preprocessing.normalise(view), *by_layer)
    for group in by_layer.values():
        places = [(w.unit, w.y, w.x) for w in group]
        for winner, pixels in zip(group, project_units(recorded, group[0].layer, places, way), strict=True):
            top, left, bottom, right = winner.box(pixels.shape[:2])
            yield Projection(
                winner.layer.address,
                winner.unit,
                winner.rank,
                winner.image,
                way.method,
                top,
                left,
                pixels[top:bottom, left:right],
            )
