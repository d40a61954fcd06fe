"""How good scores are: by class, and their mean over classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convscope.errors import ImageSetError

Marks = NDArray[np.int8]
"""(images, classes): 1 the class is there, 0 it is not, -1 undecided."""
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """``by_class`` float64 (classes,), NaN for a class without images to judge by."""

    by_class: NDArray[np.float64]

    @property
    def mean(self) -> float:
        """Over the classes that could be judged, each counting the same; raises ImageSetError if none could."""
        if np.isnan(self.by_class).all():
            raise ImageSetError(
                f"none of {len(self.by_class)} classes has an image to judge by; look at the labels of the images"
            )
        return float(np.nanmean(self.by_class))


def accuracy(marks: Marks, scores: Scores) -> Measured:
    """Share of each class's images whose highest score is that class's (Griffin et al. 2007; paper, tables 4 and 5)."""
    labels, predicted = marks.argmax(1), scores.argmax(1)
    counts = np.bincount(labels, minlength=marks.shape[1])
    right = np.bincount(labels[labels == predicted], minlength=marks.shape[1])
    return Measured(np.where(counts > 0, right / np.maximum(counts, 1), np.nan))


def average_precision(marks: Marks, scores: Scores) -> Measured:
    """Area under each class's precision against recall, every positive image a step; undecided images are left out."""
    return Measured(np.array([_area(own, column) for own, column in zip(marks.T, scores.T, strict=True)]))


def _area(marks: Marks, scores: Scores) -> float:
    decided = marks >= 0
    positive, values = marks[decided] == 1, scores[decided]
    if not positive.any():
        return float("nan")
    order = np.argsort(-values, kind="stable")
    values, positive = values[order], positive[order]
    last = np.append(values[1:] != values[:-1], True)  # images of equal score count together
    found, seen = np.cumsum(positive)[last], (np.arange(len(values)) + 1)[last]
    precision, recall = found / seen, found / positive.sum()
    return float((np.diff(recall, prepend=0.0) * precision).sum())


METRICS: Mapping[str, Callable[[Marks, Scores], Measured]] = {
    "accuracy": accuracy,
    "average-precision": average_precision,
}
TITLES = {"accuracy": "mean per-class accuracy", "average-precision": "mean average precision"}
