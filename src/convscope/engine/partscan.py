"""The scan of a stretch of images, as work that any process can do: it needs neither the model's code nor its file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from convscope.engine.executor import Steps
from convscope.engine.forward import Forward
from convscope.engine.layers import Layer
from convscope.engine.loading import Batch, Outcome, batches
from convscope.engine.part import Part
from convscope.engine.question import Question
from convscope.engine.tally import Tally
from convscope.errors import NumberError
from convscope.images.stretch import Stretch
from convscope.models import Preprocessing

Watcher = Callable[[str, Tensor, Tensor], None]
"""(node of a layer, its maps (count, units, height, width), indices of the images int64 (count,)); valid during the
call only."""


@dataclass(frozen=True)
class PartScan:
    """All that decides what a stretch of ``images`` images of ``classes`` gives, but the images themselves.

    ``workers`` threads decode images; None: as many as there are cores.
    """

    forward: Forward
    layers: tuple[Layer, ...]
    preprocessing: Preprocessing
    question: Question
    classes: tuple[str, ...]
    images: int
    batch_size: int
    workers: int | None = None
    watch: Watcher | None = None

    def nothing(self) -> Part:
        """The scan of no image."""
        return Part(tuple(self.question.empty(each, len(self.classes), self.images) for each in self.layers), ())

    def prepare(self, cores: int) -> Callable[[Stretch], Steps[Part]]:
        """See ``Work``: yields the images of a stretch that are done, returns its scan."""
        me = replace(self, workers=self.workers or cores)
        return me._scan

    def _scan(self, stretch: Stretch) -> Steps[Part]:
        stretch.check()
        numbers: dict[str | None, int] = {name: number for number, name in enumerate(self.classes)}
        labels = torch.tensor([numbers.get(label, -1) for label in stretch.images.labels])
        tallies = {layer.node: tally for layer, tally in zip(self.layers, self.nothing().tallies, strict=True)}
        outcomes: list[Outcome] = []
        everything = range(len(stretch.images))
        for batch in batches(stretch.images, everything, self.preprocessing, self.batch_size, self.workers or 1):
            outcomes += [replace(each, image=stretch.start + each.image) for each in batch.outcomes]
            if len(batch.index):
                try:
                    self._count(stretch, batch, labels, tallies)
                except RuntimeError as error:  # torch's: no memory, an op that a device has not
                    names = [stretch.images.names[each.image] for each in (batch.outcomes[0], batch.outcomes[-1])]
                    error.add_note(f"This happened in the scan of the images {names[0]!r} to {names[1]!r}.")
                    raise
            yield len(outcomes)
        return Part(tuple(tallies[layer.node] for layer in self.layers), tuple(outcomes))

    def _count(self, stretch: Stretch, batch: Batch, labels: Tensor, tallies: dict[str, Tally]) -> None:
        """Add one batch to the tallies; raises NumberError with the layer and the images that are to blame."""
        images, classes = batch.index + stretch.start, labels[batch.index]

        def visit(node: str, maps: Tensor) -> None:
            try:
                tallies[node] = tallies[node].after(maps, images, classes)
            except NumberError as error:
                raise NumberError(self._blame(stretch, batch, node, maps)) from error
            if self.watch is not None:
                self.watch(node, maps, images)

        self.forward(self.preprocessing.normalise(batch.views), visit)

    def _blame(self, stretch: Stretch, batch: Batch, node: str, maps: Tensor) -> str:
        layer = next(layer.address for layer in self.layers if layer.node == node)
        bad = (~torch.isfinite(maps)).flatten(1).any(1).cpu()
        names = [stretch.images.names[i] for i in batch.index[bad].tolist()]
        return (
            f"layer {layer!r} gives NaN or infinite activations for {len(names)} of {len(batch.index)} images, first "
            f"{names[0]!r}. Nothing can be ranked by them. If it is all images, look for NaN in the weights; else "
            "check how the model is normalised and whether it was trained in half precision"
        )
