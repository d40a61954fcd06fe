"""The tables of an invariance experiment: their columns, and how results fill them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.atlas.schema import column
from convscope.probes.invariance.result import Invariance
from convscope.probes.invariance.summary import Summary


@dataclass(frozen=True)
class CurveRow:
    """``curves.parquet``: one row per image, layer and value."""

    model: str = column("how the model was named", "string")
    transform: str = column("translate-x, translate-y, scale or rotate", "string")
    image: str = column("name of the image in its set", "string")
    layer: str = column("address of the layer", "string")
    depth: int = column("order of the layer from the input, from 0", "int32")
    value: float = column("pixels, factor or degrees", "double")
    distance: float = column("Euclidean distance to the features of the image as it is", "float")
    normalised: float = column("distance / sqrt(|f|^2 + |f0|^2): 0 the same, 1 nothing in common", "float")


@dataclass(frozen=True)
class LabelRow:
    """``labels.parquet``: one row per image and value, and one of value null for the image as it is."""

    model: str = column("how the model was named", "string")
    transform: str = column("translate-x, translate-y, scale or rotate", "string")
    image: str = column("name of the image in its set", "string")
    value: float | None = column("pixels, factor or degrees; null: the image as it is", "double")
    label: int = column("index of the most probable class", "int32")
    name: str = column("its name, or its number", "string")
    probability: float = column("probability of the watched class", "float")


@dataclass(frozen=True)
class UnitRow:
    """``units.parquet``: one row per unit; means over images and values, null where the unit never answers."""

    model: str = column("how the model was named", "string")
    transform: str = column("translate-x, translate-y, scale or rotate", "string")
    layer: str = column("address of the layer", "string")
    unit: int = column("channel of the layer", "int32")
    normalised: float | None = column("normalised distance over all values", "float")
    still: float | None = column("the same over the followed values; null without positions", "float")
    moved: float | None = column("distance to the map moved along, over the followed values", "float")


@dataclass(frozen=True)
class ScoreRow:
    """``scores.csv``: one row per layer."""

    model: str = column("how the model was named", "string")
    transform: str = column("translate-x, translate-y, scale or rotate", "string")
    layer: str = column("address of the layer", "string")
    depth: int = column("order of the layer from the input, from 0", "int32")
    units: int = column("units of the layer", "int32")
    score: float = column("mean height of the normalised curve: 0 is invariant", "double")
    low: float | None = column("lower end of its 95% interval over images", "double")
    high: float | None = column("upper end", "double")
    unrelated: float | None = column("normalised distance between different images", "double")
    relative: float | None = column("score / unrelated: at 1 the image might as well be another one", "double")
    still: float | None = column("mean of the units at the followed values", "double")
    moved: float | None = column("the same, compared with the map moved along", "double")


def curve_columns(found: Invariance, model: str) -> Mapping[str, Any]:
    """The curves of one experiment."""
    images, layers, values = found.distance.shape
    return {
        "model": model,
        "transform": found.transform,
        "image": np.repeat(np.array(found.images, object), layers * values),
        "layer": np.tile(np.repeat(np.array([layer.address for layer in found.layers], object), values), images),
        "depth": np.tile(np.repeat(np.arange(layers), values), images),
        "value": np.tile(found.values, images * layers),
        "distance": found.distance.ravel(),
        "normalised": found.normalised.ravel(),
    }


def label_columns(found: Invariance, model: str) -> Iterator[Mapping[str, Any]]:
    """The answers of one experiment; nothing for a network without class output."""
    answer = found.answer
    if answer is None:
        return
    count = len(found.values)
    label = np.column_stack([answer.own_label, answer.label]).ravel()
    yield {
        "model": model,
        "transform": found.transform,
        "image": np.repeat(np.array(found.images, object), 1 + count),
        "value": [None, *found.values.tolist()] * len(found.images),
        "label": label,
        "name": [answer.name(int(index)) for index in label],
        "probability": np.column_stack([answer.own_probability, answer.probability]).ravel(),
    }


def unit_columns(found: Invariance, model: str) -> Iterator[Mapping[str, Any]]:
    """The units of one experiment, layer by layer."""
    for layer, change in zip(found.layers, found.units, strict=True):
        yield {
            "model": model,
            "transform": found.transform,
            "layer": layer.address,
            "unit": np.arange(layer.units),
            "normalised": _with_nulls(change.normalised),
            "still": None if change.still is None else _with_nulls(change.still),
            "moved": None if change.moved is None else _with_nulls(change.moved),
        }


def _with_nulls(values: NDArray[np.float32]) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


def score_rows(summary: Summary) -> Iterator[ScoreRow]:
    """The scores of one experiment."""
    for depth, layer in enumerate(summary.layers):
        yield ScoreRow(
            summary.model,
            summary.transform,
            layer.layer,
            depth,
            layer.units,
            layer.score,
            layer.low,
            layer.high,
            layer.unrelated,
            layer.relative,
            layer.still,
            layer.moved,
        )
