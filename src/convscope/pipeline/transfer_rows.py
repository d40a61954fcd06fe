"""A transfer as the rows of tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from convscope.atlas.schema import column
from convscope.probes.transfer.result import Transfer

_LAYER = "address of the features; input for pixels; from scratch"
_FOLD = "number of the draw"
_CLASSIFIER = "softmax or svm; the recipe's name for networks trained from scratch"
_PER_CLASS = "training images of each class; 0: all that there are"


@dataclass(frozen=True)
class ScoreRow:
    """``scores.csv``: one row per layer, classifier, number of training images, and fold."""

    layer: str = column(_LAYER, "string")
    dimensions: int = column("numbers per image; parameters of a network from scratch", "int64")
    classifier: str = column(_CLASSIFIER, "string")
    per_class: int = column(_PER_CLASS, "int32")
    fold: int = column(_FOLD, "int32")
    value: float = column("mean per-class accuracy, or mean average precision; 0 to 1", "double")
    c: float | None = column("weight of the errors against the penalty", "double")
    chosen: bool = column("whether c was chosen by cross-validation inside the training images", "bool")
    training: int = column("images trained on", "int32")
    test: int = column("images judged", "int32")


@dataclass(frozen=True)
class SummaryRow:
    """``summary.csv``: one row per layer, classifier and number of training images, over the folds."""

    layer: str = column(_LAYER, "string")
    classifier: str = column(_CLASSIFIER, "string")
    per_class: int = column(_PER_CLASS, "int32")
    folds: int = column("draws", "int32")
    mean: float = column("of the values", "double")
    deviation: float | None = column("standard deviation over the folds, as papers print it", "double")
    low: float | None = column("lower end of the 95% interval of the mean (Student's t)", "double")
    high: float | None = column("upper end", "double")


@dataclass(frozen=True)
class ClassRow:
    """``classes.csv``: one row per layer, classifier, number of training images, and class, over the folds."""

    layer: str = column(_LAYER, "string")
    classifier: str = column(_CLASSIFIER, "string")
    per_class: int = column(_PER_CLASS, "int32")
    label: str = column("name of the class", "string")
    value: float | None = column("accuracy or average precision; null without test images", "double")


@dataclass(frozen=True)
class PredictionRow:
    """``predictions.parquet``: one row per judged image of every fold and classifier."""

    layer: str = column(_LAYER, "string")
    classifier: str = column(_CLASSIFIER, "string")
    per_class: int = column(_PER_CLASS, "int32")
    fold: int = column(_FOLD, "int32")
    image: str = column("name of the image", "string")
    predicted: str = column("class with the highest score", "string")
    right: bool = column("whether the image shows that class", "bool")
    margin: float = column("highest score less the second", "float")


@dataclass(frozen=True)
class FoldRow:
    """``folds.parquet``: one row per image of every fold."""

    per_class: int = column(_PER_CLASS, "int32")
    fold: int = column(_FOLD, "int32")
    image: str = column("name of the image", "string")
    part: str = column("training or test", "string")


def score_rows(found: Transfer) -> Iterator[ScoreRow]:
    """Every cell."""
    for cell in found.cells:
        fold = found.fold(cell)
        yield ScoreRow(
            layer=cell.layer,
            dimensions=cell.columns,
            classifier=cell.classifier,
            per_class=cell.per_class,
            fold=cell.fold,
            value=cell.value,
            c=cell.strength,
            chosen=cell.validated,
            training=len(fold.training),
            test=len(fold.test),
        )


def summary_rows(found: Transfer) -> Iterator[SummaryRow]:
    """Every mean over folds."""
    for layer, classifier, count in found.measured:
        row = found.summary(layer, classifier, count)
        assert row is not None
        span = row.interval
        yield SummaryRow(layer, classifier, count, span.count, span.mean, row.deviation, span.low, span.high)


def class_rows(found: Transfer) -> Iterator[ClassRow]:
    """Every class's mean over folds."""
    for layer, classifier, count in found.measured:
        for label, value in zip(found.classes, found.by_class(layer, classifier, count).tolist(), strict=True):
            yield ClassRow(layer, classifier, count, label, None if np.isnan(value) else value)


def prediction_columns(found: Transfer) -> Iterator[dict[str, object]]:
    """Whole columns for each cell."""
    for cell in found.cells:
        test = found.fold(cell).test
        places = cell.predicted.astype(np.int64)
        yield {
            "layer": cell.layer,
            "classifier": cell.classifier,
            "per_class": cell.per_class,
            "fold": cell.fold,
            "image": [found.names[index] for index in test.tolist()],
            "predicted": [found.classes[place] for place in places.tolist()],
            "right": found.marks[test, places] == 1,
            "margin": cell.margin,
        }


def fold_columns(found: Transfer) -> Iterator[dict[str, object]]:
    """Whole columns for each part of each fold."""
    for fold in found.folds:
        for part, indices in (("training", fold.training), ("test", fold.test)):
            names = [found.names[index] for index in indices.tolist()]
            yield {"per_class": fold.per_class, "fold": fold.number, "image": names, "part": part}
