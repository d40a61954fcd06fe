"""The scan: run every image through the network once and fold what each unit answers to most."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from convscope.engine.forward import Forward, prepare
from convscope.engine.graphs import graph_of
from convscope.engine.journal import load_part, save_part
from convscope.engine.layers import Layer, find_layers
from convscope.engine.loading import Batch, Outcome, batches
from convscope.engine.part import Part
from convscope.engine.sampled import Sample
from convscope.engine.tally import Tally
from convscope.errors import ImageSetError, NumberError, SettingError
from convscope.images import ImageSet
from convscope.models import Model

Report = Callable[[int, int], None]
"""Called with (images done, images in all)."""
Watcher = Callable[[str, Tensor, Tensor], None]
"""(node of a layer, its maps (count, units, height, width), indices of the images int64 (count,)); valid during the
call only."""

PER_IMAGE = ("one", "many")
_PARTS_AT_MOST = 64
_PART_AT_LEAST = 256


@dataclass(frozen=True)
class Scan:
    """The result of a scan: for each layer its tally, and for each image what became of it, in the set's order."""

    layers: tuple[Layer, ...]
    tallies: Mapping[str, Tally]
    outcomes: tuple[Outcome, ...]
    classes: tuple[str, ...]

    @property
    def skipped(self) -> tuple[Outcome, ...]:
        """The images that were left out, with the reason."""
        return tuple(outcome for outcome in self.outcomes if outcome.skipped is not None)


@dataclass(frozen=True)
class Question:
    """What a scan is asked to remember: ``top`` per unit, how many per image, ``per_class`` for each class (0: off).

    Of at most ``sample`` images, evenly spread over the set, every peak is kept as well (0: none).
    """

    top: int = 9
    per_image: str = "one"
    per_class: int = 0
    sample: int = 0

    def __post_init__(self) -> None:
        if self.top < 1 or min(self.per_class, self.sample) < 0:
            raise SettingError(
                "top must be at least 1, per_class and sample at least 0, "
                f"not {self.top}, {self.per_class} and {self.sample}"
            )
        if self.per_image not in PER_IMAGE:
            raise SettingError(f"per_image is one of {', '.join(PER_IMAGE)}, not {self.per_image!r}")

    def empty(self, layer: Layer, classes: int, images: int) -> Tally:
        """The tally of no image, of a set of so many ``images`` with so many ``classes``."""
        many, sample = self.per_image == "many", Sample(images, self.sample)
        return Tally.empty(layer.units, self.top, classes, many=many, class_k=self.per_class, sample=sample)


def scan(
    model: Model,
    images: ImageSet,
    layers: Sequence[str] | None = None,
    *,
    question: Question = Question(),
    batch_size: int = 32,
    workers: int | None = None,
    device: str = "cpu",
    journal: Path | None = None,
    report: Report = lambda _done, _total: None,
    watch: Watcher | None = None,
) -> Scan:
    """Find the strongest activations of every unit of ``layers`` (addresses; default: all) over ``images``.

    The answer does not depend on ``batch_size``, ``workers`` or the order of the work. With a ``journal`` folder each
    finished part is kept there, and a scan that was stopped goes on behind the last one; the folder must be used for
    one model, image set, question and choice of layers only. ``watch`` is shown the maps of each batch as they are
    made; those of parts that the journal already has are not made again. Raises AddressError, ExportError,
    ImageSetError, NumberError, SettingError.
    """
    if batch_size < 1 or (workers is not None and workers < 1):
        raise SettingError(f"batch_size and workers must be at least 1, not {batch_size} and {workers}")
    graph = graph_of(model, device)
    chosen = find_layers(graph, layers)
    forward = prepare(graph, [layer.node for layer in chosen], device)
    job = _Job(model, images, chosen, forward, question, batch_size, workers or os.cpu_count() or 1, watch)
    whole = job.nothing()
    for number, part in enumerate(_partition(len(images))):
        whole = whole.merge(_scan_or_recall(job, number, part, journal, report))
        report(part.stop, len(images))
    _check_some_read(whole.outcomes, images)
    tallies = {layer.address: tally for layer, tally in zip(chosen, whole.tallies, strict=True)}
    return Scan(chosen, tallies, whole.outcomes, images.classes)


@dataclass(frozen=True)
class _Job:
    model: Model
    images: ImageSet
    layers: tuple[Layer, ...]
    forward: Forward
    question: Question
    batch_size: int
    workers: int
    watch: Watcher | None = None

    def nothing(self) -> Part:
        """The scan of no image."""
        classes, images = len(self.images.classes), len(self.images)
        return Part(tuple(self.question.empty(layer, classes, images) for layer in self.layers), ())


def _partition(count: int) -> list[range]:
    """Equal parts: large enough to be worth a file, few enough that the journal stays small for millions of images."""
    size = max(_PART_AT_LEAST, -(-count // _PARTS_AT_MOST))
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def _scan_or_recall(job: _Job, number: int, part: range, journal: Path | None, report: Report) -> Part:
    if journal is None:
        return _scan_part(job, part, report)
    path = journal / f"scan-{number:05d}.npz"
    found = load_part(path, part, job.nothing())
    if found is None:
        found = _scan_part(job, part, report)
        save_part(path, part, found)
    return found


def _scan_part(job: _Job, part: range, report: Report) -> Part:
    classes: dict[str | None, int] = {name: number for number, name in enumerate(job.images.classes)}
    labels = torch.tensor([classes.get(label, -1) for label in job.images.labels[part.start : part.stop]])
    tallies = {layer.node: tally for layer, tally in zip(job.layers, job.nothing().tallies, strict=True)}
    outcomes: list[Outcome] = []
    for batch in batches(job.images, part, job.model.preprocessing, job.batch_size, job.workers):
        outcomes += batch.outcomes
        if len(batch.index):
            try:
                _count(job, batch, labels[batch.index - part.start], tallies)
            except RuntimeError as error:  # torch's: no memory, an op that a device has not
                first, last = (job.images.names[outcome.image] for outcome in (batch.outcomes[0], batch.outcomes[-1]))
                error.add_note(f"This happened in the scan of the images {first!r} to {last!r}.")
                raise
        report(part.start + len(outcomes), len(job.images))
    return Part(tuple(tallies[layer.node] for layer in job.layers), tuple(outcomes))


def _count(job: _Job, batch: Batch, labels: Tensor, tallies: dict[str, Tally]) -> None:
    """Add one batch to the tallies; raises NumberError with the layer and the images that are to blame."""

    def visit(node: str, maps: Tensor) -> None:
        try:
            tallies[node] = tallies[node].after(maps, batch.index, labels)
        except NumberError as error:
            raise NumberError(_blame(job, batch, node, maps)) from error
        if job.watch is not None:
            job.watch(node, maps, batch.index)

    job.forward(job.model.preprocessing.normalise(batch.views), visit)


def _blame(job: _Job, batch: Batch, node: str, maps: Tensor) -> str:
    layer = next(layer.address for layer in job.layers if layer.node == node)
    bad = (~torch.isfinite(maps)).flatten(1).any(1).cpu()
    names = [job.images.names[i] for i in batch.index[bad].tolist()]
    return (
        f"layer {layer!r} gives NaN or infinite activations for {len(names)} of {len(batch.index)} images, first "
        f"{names[0]!r}. Nothing can be ranked by them. If it is all images, look for NaN in the weights; else check "
        "how the model is normalised and whether it was trained in half precision"
    )


def _check_some_read(outcomes: Sequence[Outcome], images: ImageSet) -> None:
    bad = [outcome for outcome in outcomes if outcome.skipped is not None]
    if len(bad) == len(outcomes):
        reason = f"; the first, {images.names[0]!r}: {bad[0].skipped}" if bad else ""
        raise ImageSetError(f"none of the {len(outcomes)} images of {images.name!r} can be read{reason}")
