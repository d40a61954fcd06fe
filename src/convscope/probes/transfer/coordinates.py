"""Features of any width as few coordinates, so that a linear classifier with an L2 penalty is exactly the same one.

Such a classifier looks at training images through their inner products alone (the representer theorem). So 290,400
numbers an image may be replaced by as many coordinates as there are training images, if these have the same inner
products: the rows of a Cholesky factor of the training images' Gram matrix. It is summed over blocks of columns, within
any limit on memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular

from convscope.probes.transfer.stored import Rows, Stored

Coordinates = NDArray[np.float64]
JITTER = 1e-10
"""Of the mean diagonal, added to it: features less their mean always leave one direction empty."""


@dataclass(frozen=True)
class Split:
    """Coordinates float64 of the training images (n, k), and of the test images (m, k)."""

    training: Coordinates
    test: Coordinates


def standardised(stored: Stored, training: Rows, test: Rows, memory: int) -> Split:
    """Features by their mean and deviation over the training images (never the test images), over sqrt(dimensions).

    Rows are of ``stored``; at most about ``memory`` bytes are held at once, besides the result. A column without
    variation is left out. The mean squared length of a training image becomes at most one, so that a penalty means the
    same for every layer.
    """
    rows = np.concatenate([training, test])
    narrow = stored.columns <= len(training)
    parts: list[Coordinates] = []
    gram = np.zeros((len(rows), 0 if narrow else len(training)))
    for block in stored.blocks(len(rows), memory // 6):  # two blocks as float64, and their deviations
        scaled = _scaled(stored.read(rows, block).astype(np.float64), len(training))
        scaled /= np.sqrt(stored.columns)
        if narrow:
            parts.append(scaled)
        else:
            gram += scaled @ scaled[: len(training)].T
    if narrow:
        every = np.concatenate(parts, axis=1)
        return Split(every[: len(training)], every[len(training) :])
    return _factored(gram, len(training))


def _scaled(values: Coordinates, training: int) -> Coordinates:
    """In place: another copy would count against the limit on memory."""
    known = values[:training]
    deviation = known.std(0)
    values -= known.mean(0)
    values /= np.where(deviation > 0, deviation, np.inf)  # what never varies becomes 0
    return values


def _factored(gram: Coordinates, training: int) -> Split:
    own, others = gram[:training], gram[training:]
    size = float(np.trace(own)) / training
    lower = cholesky(own + np.eye(training) * JITTER * max(size, np.finfo(np.float64).tiny), lower=True)
    return Split(lower, solve_triangular(lower, others.T, lower=True).T)
