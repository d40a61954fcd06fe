"""What a transfer found: how well classifiers on each layer do, with how many images, in every fold. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from convscope.interval import Interval, interval
from convscope.probes.transfer.draws import Fold
from convscope.probes.transfer.metrics import Marks
from convscope.probes.transfer.protocol import Protocol

SCRATCH = "from scratch"
"""Stands for a layer where a whole network was trained on the target's images alone."""


@dataclass(frozen=True)
class Cell:
    """One classifier on one layer in one fold.

    ``strength`` is C and ``validated`` whether cross-validation chose it; None and False for a network from scratch.
    ``at_end``: C is an end of its range, and strictly better than the value beside it.
    ``by_class`` float64 (classes,), NaN where a class had no test image; ``predicted`` int16 (test images,) is the
    class of the highest score, ``margin`` float32 (test images,) how far it is above the second.
    """

    layer: str
    columns: int
    classifier: str
    fold: int
    per_class: int
    value: float
    strength: float | None
    validated: bool
    by_class: NDArray[np.float64]
    predicted: NDArray[np.int16]
    margin: NDArray[np.float32]
    at_end: bool = False


@dataclass(frozen=True)
class Summary:
    """Over folds: mean with its 95% interval, and the standard deviation that papers print (None for one fold).

    The interval ends at 0 and 1, where every metric does; Student's t knows nothing of that.
    """

    interval: Interval
    deviation: float | None


@dataclass(frozen=True)
class Transfer:
    """``names`` and ``marks`` are of all images of the target set, which folds refer to by index."""

    model: str
    data: str
    protocol: Protocol
    form: str
    classes: tuple[str, ...]
    names: tuple[str, ...]
    marks: Marks
    folds: tuple[Fold, ...]
    cells: tuple[Cell, ...]
    skipped: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()

    @property
    def layers(self) -> tuple[str, ...]:
        """Addresses in the order of the network, with ``from scratch`` last if it was trained."""
        return tuple(dict.fromkeys(cell.layer for cell in self.cells))

    @property
    def classifiers(self) -> tuple[str, ...]:
        """Names in the order asked for, those of whole networks left out."""
        return tuple(dict.fromkeys(cell.classifier for cell in self.cells if cell.layer != SCRATCH))

    @property
    def per_class(self) -> tuple[int, ...]:
        """Numbers of training images per class, ascending; 0 for all there are."""
        return tuple(sorted({cell.per_class for cell in self.cells}))

    @property
    def measured(self) -> tuple[tuple[str, str, int], ...]:
        """Layer, classifier and number of training images of every summary, in the order of the cells."""
        return tuple(dict.fromkeys((cell.layer, cell.classifier, cell.per_class) for cell in self.cells))

    def of(self, layer: str, classifier: str | None, per_class: int) -> tuple[Cell, ...]:
        """The cells of all folds; ``classifier`` None: any."""
        return tuple(
            cell
            for cell in self.cells
            if cell.layer == layer and cell.per_class == per_class and classifier in (None, cell.classifier)
        )

    def summary(self, layer: str, classifier: str | None, per_class: int) -> Summary | None:
        """Over the folds; None where nothing was measured."""
        values = [cell.value for cell in self.of(layer, classifier, per_class)]
        if not values:
            return None
        return Summary(_possible(interval(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None)

    def by_class(self, layer: str, classifier: str | None, per_class: int) -> NDArray[np.float64]:
        """The mean of each class over the folds that could judge it, NaN where none could; (classes,)."""
        values = np.stack([cell.by_class for cell in self.of(layer, classifier, per_class)])
        judged = (~np.isnan(values)).sum(0)
        return np.where(judged > 0, np.nansum(values, axis=0) / np.maximum(judged, 1), np.nan)

    @property
    def best(self) -> tuple[str, str]:
        """Layer and classifier with the highest mean at the largest number of training images."""
        most = self.per_class[-1]
        means = {
            (layer, name): found.interval.mean
            for layer in self.layers
            for name in self.classifiers
            if layer != SCRATCH and (found := self.summary(layer, name, most)) is not None
        }
        return max(means, key=lambda place: means[place])

    def fold(self, cell: Cell) -> Fold:
        """The images of a cell."""
        return next(each for each in self.folds if (each.number, each.per_class) == (cell.fold, cell.per_class))

    def confusion(self, layer: str, classifier: str | None, per_class: int) -> NDArray[np.int64]:
        """Test images of a class (row) that were taken for a class (column), over all folds; (classes, classes)."""
        count = len(self.classes)
        table = np.zeros((count, count), np.int64)
        for cell in self.of(layer, classifier, per_class):
            truth = self.marks[self.fold(cell).test].argmax(1)
            np.add.at(table, (truth, cell.predicted.astype(np.int64)), 1)
        return table


def _possible(found: Interval) -> Interval:
    if found.low is None or found.high is None:
        return found
    return replace(found, low=max(0.0, found.low), high=min(1.0, found.high))
