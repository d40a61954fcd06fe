"""The scan: run every image through the network once and fold what each unit answers to most."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from math import isqrt
from pathlib import Path

from convscope.engine.executor import HERE, Advance, Executor, check_device
from convscope.engine.forward import prepare
from convscope.engine.graphs import graph_of
from convscope.engine.journal import load_part, save_part
from convscope.engine.layers import Layer, find_layers
from convscope.engine.loading import Outcome, read_view
from convscope.engine.merging import Merging
from convscope.engine.part import Part
from convscope.engine.partscan import PartScan, Watcher
from convscope.engine.question import NINE, Question
from convscope.engine.tally import Tally
from convscope.errors import ImageSetError, SettingError
from convscope.images import ImageSet
from convscope.images.stretch import check_unread, cut
from convscope.models import Model

Report = Callable[[int, int], None]
"""Called with (images done, images in all)."""

_PARTS_AT_MOST = 64
_PART_AT_LEAST = 256
_PARTS_GROW = 20
"""From 1.6 million images on there are more parts, one for every so many in the square root of their count: then what a
stop loses and what the journal takes grow alike."""


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


def scan(
    model: Model,
    images: ImageSet,
    layers: Sequence[str] | None = None,
    *,
    question: Question = NINE,
    batch_size: int = 32,
    workers: int | None = None,
    device: str = "cpu",
    journal: Path | None = None,
    report: Report = lambda _done, _total: None,
    watch: Watcher | None = None,
    executor: Executor = HERE,
) -> Scan:
    """Find the strongest activations of every unit of ``layers`` (addresses; default: all) over ``images``.

    The answer does not depend on ``batch_size``, ``workers``, the ``executor`` or the order of the work. With a
    ``journal`` folder each finished part is kept there, and a scan that was stopped goes on behind what it holds, on
    any executor; use the folder for one model, image set, question and choice of layers only. ``watch`` is shown
    the maps of each batch as they are made, in this process only; those of parts that the journal already has are not
    made again. Raises AddressError, ExportError, ImageSetError, NumberError, SettingError, and whatever the executor
    does.
    """
    if batch_size < 1 or (workers is not None and workers < 1):
        raise SettingError(f"batch_size and workers must be at least 1, not {batch_size} and {workers}")
    check_device(executor, device)
    if watch is not None and not executor.here:
        raise SettingError("maps can be watched in this process only; leave the executor out")
    graph = graph_of(model, device)
    chosen = find_layers(graph, layers)
    forward = prepare(graph, [layer.node for layer in chosen], device)
    work = PartScan(
        forward, chosen, model.preprocessing, question, images.classes, len(images), batch_size, workers, watch
    )
    whole = _scan_all(work, images, executor, journal, report)
    _check_some_read(whole.outcomes, images)
    tallies = {layer.address: tally for layer, tally in zip(chosen, whole.tallies, strict=True)}
    return Scan(chosen, tallies, whole.outcomes, images.classes)


def _partition(count: int) -> list[range]:
    """Equal parts: large enough to be worth a file, few enough that the journal stays small for millions of images."""
    size = max(_PART_AT_LEAST, -(-count // max(_PARTS_AT_MOST, isqrt(count) // _PARTS_GROW)))
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def _scan_all(work: PartScan, images: ImageSet, executor: Executor, journal: Path | None, report: Report) -> Part:
    """The parts that the journal has, the others from the executor, merged as they come."""
    parts = _partition(len(images))
    merging = Merging[Part](len(parts))
    nothing = work.nothing()
    missing: list[int] = []
    advance = Advance(len(images), report)
    for number, part in enumerate(parts):
        if (known := _recalled(journal, number, part, nothing)) is None:
            missing.append(number)
            continue
        merging.add(number, known)
        advance(number, len(part))
    jobs = [cut(images, parts[number], witnessed=not executor.here) for number in missing]
    with closing(executor.run(work, jobs, lambda job, done: advance(missing[job], done))) as results:
        for job, found in results:
            number = missing[job]
            if not executor.here:
                unread = ((each.image, each.skipped) for each in found.outcomes if each.skipped is not None)
                check_unread(images, unread, lambda index: read_view(images, index, work.preprocessing)[0].skipped)
            if journal is not None:
                save_part(_file(journal, number), parts[number], found)
            merging.add(number, found)
            advance(number, len(parts[number]))
    return merging.whole(nothing)


def _file(journal: Path, number: int) -> Path:
    return journal / f"scan-{number:05d}.npz"


def _recalled(journal: Path | None, number: int, part: range, nothing: Part) -> Part | None:
    return None if journal is None else load_part(_file(journal, number), part, nothing)


def _check_some_read(outcomes: Sequence[Outcome], images: ImageSet) -> None:
    bad = [outcome for outcome in outcomes if outcome.skipped is not None]
    if len(bad) == len(outcomes):
        reason = f"; the first, {images.names[0]!r}: {bad[0].skipped}" if bad else ""
        raise ImageSetError(f"none of the {len(outcomes)} images of {images.name!r} can be read{reason}")
