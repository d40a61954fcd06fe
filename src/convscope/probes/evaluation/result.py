"""How often networks are right about labelled images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Evaluation:
    """``probabilities`` float32 (images, classes): of one network, or the mean of several; ``labels`` int64 (images,).

    ``images`` are the names of those that were used, in order; ``skipped`` names with reasons.
    """

    models: tuple[str, ...]
    classes: tuple[str, ...]
    crops: str
    images: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float32]

    @property
    def error(self) -> float:
        """Share of images whose most probable class is another (top-1)."""
        return self.error_of(1)

    @property
    def error_5(self) -> float | None:
        """Share of images whose class is not among the five most probable (top-5); None for five classes or fewer."""
        return self.error_of(5) if len(self.classes) > 5 else None

    def error_of(self, best: int) -> float:
        """Share of images whose class is not among the ``best`` most probable; of equals the earlier class counts."""
        return float((self.ranks >= best).mean())

    @property
    def ranks(self) -> NDArray[np.int64]:
        """How many classes come before the true one, for each image; (images,)."""
        own = self.probabilities[np.arange(len(self.labels)), self.labels][:, None]
        earlier = np.arange(len(self.classes)) < self.labels[:, None]
        before: NDArray[np.int64] = ((self.probabilities > own) | ((self.probabilities == own) & earlier)).sum(1)
        return before

    @property
    def confusion(self) -> NDArray[np.int64]:
        """Images of a class (row) that were taken for a class (column); (classes, classes)."""
        count = len(self.classes)
        cells = self.labels * count + self.probabilities.argmax(1)
        return np.bincount(cells, minlength=count * count).reshape(count, count)

    def error_by_class(self) -> dict[str, float | None]:
        """Top-1 error of each class; None without images."""
        table = self.confusion
        totals = table.sum(1)
        return {
            name: float(1 - table[row, row] / totals[row]) if totals[row] else None
            for row, name in enumerate(self.classes)
        }
