"""From records, read one at a time, to the evolution: jumps, curves, and the pictures of the units shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convscope.engine.layers import Layer
from convscope.probes.evolution.likeness import alike_rankings, cosine, curve_of
from convscope.probes.evolution.record import NONE, LayerRecord, Measured, Numbers, Record
from convscope.probes.evolution.result import Evolution, LayerEvolution, jumps_of
from convscope.probes.evolution.study import Choice, Study

Recall = Callable[[int], Record]
"""The record of the checkpoint with this number."""


@dataclass(frozen=True)
class Moments:
    """The checkpoints as an evolution knows them; ``probed`` says whose winners decided the ``choice``."""

    labels: tuple[str, ...]
    positions: tuple[float, ...]
    probed: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Comparison:
    """A layer at one checkpoint, as far as it is compared with its final state."""

    overlap: Numbers
    ranking: Numbers
    projection: Numbers


def assemble(study: Study, choice: Choice, moments: Moments, recall: Recall) -> Evolution:
    """Compare each record with the last; two are in memory at a time."""
    final = recall(len(moments.labels) - 1)
    rows: list[list[LayerRecord]] = [[] for _ in study.layers]
    compared: list[list[_Comparison]] = [[] for _ in study.layers]
    for number in range(len(moments.labels)):
        record = recall(number)
        for depth, (here, end) in enumerate(zip(record.layers, final.layers, strict=True)):
            compared[depth].append(_compare(here, end))
            rows[depth].append(_light(here))
    layers = tuple(
        _layer(study.layers[depth], depth, choice, moments.positions, rows[depth], compared[depth], final)
        for depth in range(len(study.layers))
    )
    return Evolution(
        labels=moments.labels,
        positions=moments.positions,
        images=study.images.names,
        skipped=tuple((study.images.names[image], reason) for image, reason in final.skipped),
        sampled=len(study.sample),
        method=study.subject.way.method,
        probed=moments.probed,
        layers=layers,
        notes=moments.notes,
    )


def _light(record: LayerRecord) -> LayerRecord:
    """What stays in memory of a checkpoint: not the peaks in thousands of images."""
    of = record.measured
    none = np.zeros((0, 0), np.float32)
    first = Measured(of.image[:, :1], of.value[:, :1], of.y[:, :1], of.x[:, :1], none)
    return LayerRecord(first, record.drawn, (), record.apart)


def _compare(here: LayerRecord, end: LayerRecord) -> _Comparison:
    one, other = here.measured, end.measured
    return _Comparison(
        overlap_of(one.image, other.image),
        alike_rankings(one.peaks, other.peaks),
        np.array([_alike(a, b) for a, b in zip(here.probes, end.probes, strict=True)], np.float32),
    )


def _alike(one: Numbers | None, other: Numbers | None) -> float:
    return float("nan") if one is None or other is None else cosine(one, other)


def overlap_of(images: NDArray[np.int64], final: NDArray[np.int64]) -> Numbers:
    """For each unit the share of its final strongest images that are among these; NaN where there are none."""
    there = final != NONE
    shared = ((final[:, :, None] == images[:, None, :]).any(2) & there).sum(1)
    share = np.full(len(final), np.nan, np.float32)
    return np.asarray(np.divide(shared, there.sum(1), out=share, where=there.any(1), casting="unsafe"))


def _layer(
    layer: Layer,
    depth: int,
    choice: Choice,
    positions: Sequence[float],
    rows: Sequence[LayerRecord],
    compared: Sequence[_Comparison],
    final: Record,
) -> LayerEvolution:
    image = np.stack([row.measured.image[:, 0] for row in rows])
    end = final.layers[depth]
    return LayerEvolution(
        address=layer.address,
        units=layer.units,
        height=layer.height,
        width=layer.width,
        field=(layer.rows.size, layer.columns.size),
        image=image,
        value=np.stack([row.measured.value[:, 0] for row in rows]),
        y=np.stack([row.measured.y[:, 0] for row in rows]),
        x=np.stack([row.measured.x[:, 0] for row in rows]),
        jump=jumps_of(image),
        overlap=np.stack([each.overlap for each in compared]),
        ranking=curve_of(np.stack([each.ranking for each in compared]), positions, _unrelated(end.measured.peaks)),
        projection=curve_of(np.stack([each.projection for each in compared]), positions, end.apart),
        shown=choice.shown[depth],
        probes=choice.probes[depth],
        drawn=tuple(row.drawn for row in rows),
    )


def _unrelated(peaks: Numbers) -> Numbers:
    """The rank correlation of each unit with the next one, in the same checkpoint."""
    return alike_rankings(peaks, np.roll(peaks, -1, 0)) if len(peaks) > 1 else np.zeros(0, np.float32)
