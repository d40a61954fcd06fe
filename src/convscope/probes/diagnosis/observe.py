"""One pass over images: what units answer, what strided ops lose, and which class is predicted. Keeps sums only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from convscope.cores import cores
from convscope.engine.forward import Forward, prepare
from convscope.engine.loading import Batch, batches
from convscope.errors import ImageSetError, NumberError
from convscope.graph.opgraph import INPUT, OpGraph
from convscope.images import ImageSet
from convscope.models import Model
from convscope.probes.diagnosis.activity import Units
from convscope.probes.diagnosis.aliasing import AT_ONCE, Energy, can_measure
from convscope.probes.diagnosis.result import ShiftConsistency
from convscope.probes.diagnosis.shifts import moved
from convscope.probes.diagnosis.sites import Site
from convscope.probes.diagnosis.strided import Strided

Progress = Callable[[int, int], None]
"""(images done, images in all)."""


@dataclass(frozen=True)
class Watched:
    """What is looked at in one pass, and how."""

    model: Model
    graph: OpGraph
    sites: tuple[Site, ...] = ()
    strided: tuple[Strided, ...] = ()
    shifts: int = 0
    batch_size: int = 16
    device: str = "cpu"


@dataclass
class Seen:
    """The sums, as they grow; ``sizes`` holds rows and columns of each strided op's maps before they are thinned."""

    units: dict[str, Units]
    energy: dict[str, Energy]
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    same: Tensor = field(default_factory=lambda: torch.zeros(0))
    classes: set[int] = field(default_factory=set)
    images: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)

    @property
    def consistency(self) -> ShiftConsistency | None:
        """How often the class stayed; None if no shift was made."""
        if not len(self.same):
            return None
        share = (self.same.double() / self.images).numpy().astype(np.float32)
        return ShiftConsistency(tuple(range(1, len(share) + 1)), share, len(self.classes))


def observe(watched: Watched, images: ImageSet, indices: Sequence[int], report: Progress) -> Seen:
    """Show the images ``indices`` to the network; raises ImageSetError if none can be used, and NumberError."""
    seen = Seen(
        {site.node: Units.none(site.units) for site in watched.sites},
        {op.node: Energy.none(len(op.channels)) for op in watched.strided},
        same=torch.zeros(watched.shifts, dtype=torch.int64),
    )
    shown = {site.node for site in watched.sites} | {op.source for op in watched.strided} - {INPUT}
    ends = {watched.graph.output} if watched.shifts else set()
    forward = prepare(watched.graph, sorted(shown | ends), watched.device)
    again = prepare(watched.graph, sorted(ends), watched.device) if ends else None
    preprocessing, done = watched.model.preprocessing, 0
    for batch in batches(images, indices, preprocessing, watched.batch_size, cores()):
        seen.skipped += [(images.names[each.image], each.skipped) for each in batch.outcomes if each.skipped]
        if len(batch.index):
            _show(watched, seen, batch, forward, again, [images.names[number] for number in batch.index.tolist()])
        done += len(batch.outcomes)
        report(done, len(indices))
    if not seen.images:
        name, reason = seen.skipped[0] if seen.skipped else (images.name, "it is empty")
        raise ImageSetError(f"no image of {images.name} can be used; {name}: {reason}")
    return seen


def _show(
    watched: Watched, seen: Seen, batch: Batch, forward: Forward, again: Forward | None, names: Sequence[str]
) -> None:
    sites = {site.node: site for site in watched.sites}
    readers: dict[str, list[Strided]] = {}
    for op in watched.strided:
        readers.setdefault(op.source, []).append(op)
    predicted: list[Tensor] = []

    def visit(node: str, value: Tensor) -> None:
        if node in sites:
            _count(seen, sites[node], value, names)
        for op in readers.get(node, ()):
            _thin(seen, op, value)
        if node == watched.graph.output:
            predicted.append(value.argmax(1).cpu())

    pixels = watched.model.preprocessing.normalise(batch.views)
    with torch.inference_mode():
        for op in readers.get(INPUT, ()):
            _thin(seen, op, pixels.to(watched.device))
    forward(pixels, visit)
    seen.images += len(pixels)
    if again is not None:
        for shift in range(1, watched.shifts + 1):
            again(watched.model.preprocessing.normalise(moved(batch.views, shift)), visit)
        seen.classes |= set(predicted[0].tolist())
        seen.same += torch.stack([(each == predicted[0]).sum() for each in predicted[1:]])


def _count(seen: Seen, site: Site, value: Tensor, names: Sequence[str]) -> None:
    try:
        seen.units[site.node] = seen.units[site.node].plus(value, site.bounds)
    except NumberError as error:
        bad = (~torch.isfinite(value)).flatten(1).any(1).nonzero().flatten().tolist()
        raise NumberError(
            f"layer {site.address!r} gives NaN or infinite activations for {len(bad)} of {len(names)} images, first "
            f"{names[bad[0]]!r}. Look for NaN in the weights, and check how the model is normalised"
        ) from error


def _thin(seen: Seen, op: Strided, value: Tensor) -> None:
    # At every position an op's maps are stride x stride times larger: a few images at a time keep memory bounded.
    each = len(op.channels) * value.shape[2] * value.shape[3]
    for part in torch.split(value, max(1, AT_ONCE // each)):
        dense = op.dense(part)
        rows, columns = dense.shape[2:]
        seen.sizes[op.node] = (rows, columns)
        if can_measure((rows, columns), op.stride):
            seen.energy[op.node] = seen.energy[op.node].plus(dense, op.stride)
