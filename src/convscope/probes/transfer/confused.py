"""The pairs of classes that a classifier confuses most, with the images that it got wrong. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convscope.probes.transfer.result import Transfer


@dataclass(frozen=True)
class Pair:
    """``count`` of ``of`` test images of ``first`` were taken for ``second``.

    ``mistaken`` are indices of such images, the surest mistakes first, and ``other`` of images that show ``second`` and
    were recognised, the surest first.
    """

    first: str
    second: str
    count: int
    of: int
    mistaken: tuple[int, ...]
    other: tuple[int, ...]

    @property
    def share(self) -> float:
        """Of the images of ``first``."""
        return self.count / self.of


def most_confused(found: Transfer, most: int = 6, images: int = 5) -> tuple[Pair, ...]:
    """By the best layer and classifier, over all folds; at most ``most`` pairs, those of the largest share first."""
    layer, classifier = found.best
    count = found.per_class[-1]
    table = found.confusion(layer, classifier, count)
    totals = table.sum(1)
    shares = np.where(totals[:, None] > 0, table / np.maximum(totals[:, None], 1), 0.0)
    np.fill_diagonal(shares, 0.0)
    places = [divmod(int(cell), len(found.classes)) for cell in np.argsort(-shares, axis=None, kind="stable")[:most]]
    sure = _surest(found, layer, classifier, count)
    return tuple(
        Pair(
            first=found.classes[true],
            second=found.classes[taken],
            count=int(table[true, taken]),
            of=int(totals[true]),
            mistaken=tuple(sure.get((true, taken), ())[:images]),
            other=tuple(sure.get((taken, taken), ())[:images]),
        )
        for true, taken in places
        if shares[true, taken] > 0
    )


def _surest(found: Transfer, layer: str, classifier: str, count: int) -> dict[tuple[int, int], list[int]]:
    """Images by (class, predicted class), those with the largest margin first, each once."""
    listed: dict[tuple[int, int], dict[int, float]] = {}
    for cell in found.of(layer, classifier, count):
        test = found.fold(cell).test
        truth = found.marks[test].argmax(1)
        for index, true, taken, margin in zip(test, truth, cell.predicted, cell.margin, strict=True):
            margins = listed.setdefault((int(true), int(taken)), {})
            margins[int(index)] = max(float(margin), margins.get(int(index), -np.inf))
    return {place: sorted(margins, key=lambda index: -margins[index]) for place, margins in listed.items()}
