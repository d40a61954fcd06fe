"""An invariance experiment in the few numbers that a page or a table shows, ready for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convscope.probes.invariance.result import Answer, Invariance


@dataclass(frozen=True)
class LayerSummary:
    """One layer: means over images for each value, and its score. None where there is no such number."""

    layer: str
    units: int
    height: int | None
    width: int | None
    distance: tuple[float, ...]
    normalised: tuple[float, ...]
    score: float
    low: float | None
    high: float | None
    """95% interval of the score over images."""
    unrelated: float | None
    relative: float | None
    """Score in units of ``unrelated``."""
    still: float | None
    moved: float | None
    """Means over the units, at the followed values."""


@dataclass(frozen=True)
class AnswerSummary:
    """The network's answer: mean probability of the watched class for each value, and how often the label stays."""

    watched: str
    probability: tuple[float, ...]
    consistency: float | None
    agreement: float | None


@dataclass(frozen=True)
class Summary:
    """One model under one transform."""

    model: str
    transform: str
    axis: str
    values: tuple[float, ...]
    followed: tuple[float, ...]
    images: int
    layers: tuple[LayerSummary, ...]
    answer: AnswerSummary | None
    notes: tuple[str, ...]


def summary_of(found: Invariance, model: str) -> Summary:
    """The experiment's summary under this name of its model."""
    return Summary(
        model=model,
        transform=found.transform,
        axis=found.kind.axis,
        values=_floats(found.values),
        followed=found.followed,
        images=len(found.images),
        layers=tuple(_layer_summary(found, place) for place in range(len(found.layers))),
        answer=None if found.answer is None else _answer_summary(found, found.answer),
        notes=found.notes,
    )


def _layer_summary(found: Invariance, place: int) -> LayerSummary:
    layer, change, interval = found.layers[place], found.units[place], found.score_interval
    relative = found.relative
    low, high = (None, None) if interval is None else (float(end) for end in interval[place])
    return LayerSummary(
        layer=layer.address,
        units=layer.units,
        height=layer.height,
        width=layer.width,
        distance=_floats(found.distance[:, place].mean(0, dtype=np.float64)),
        normalised=_floats(found.curve[place]),
        score=float(found.score_mean[place]),
        low=low,
        high=high,
        unrelated=None if found.unrelated is None else float(found.unrelated[place]),
        relative=None if relative is None or np.isnan(relative[place]) else float(relative[place]),
        still=unit_mean(change.still),
        moved=unit_mean(change.moved),
    )


def _answer_summary(found: Invariance, answer: Answer) -> AnswerSummary:
    return AnswerSummary(
        watched=answer.watched,
        probability=_floats(answer.probability.mean(0, dtype=np.float64)),
        consistency=None if found.consistency is None else float(found.consistency.mean()),
        agreement=None if found.agreement is None else float(found.agreement.mean()),
    )


def unit_mean(values: NDArray[np.float32] | None) -> float | None:
    """The mean over the units that ever answer; None if none does, or nothing was measured."""
    if values is None or not np.isfinite(values).any():
        return None
    return float(np.nanmean(values, dtype=np.float64))


def _floats(values: NDArray[np.floating] | Sequence[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
