"""Normalised correlation of two views at the best place: which box of the one is the whole of the other.

The place is the one where the grey values correlate best. Whether the two are near-duplicates is decided by the
correlation of their *edges* there, the differences between neighbouring samples: grey values of any two round
objects on a light ground correlate, their edges do not (numbers in docs/method.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from convscope.probes.overlap.candidates import Candidates
from convscope.probes.overlap.descriptor import BOXES
from convscope.probes.overlap.sampling import SHORTEST, STEPS, samplers
from convscope.probes.overlap.view import Views

SAMPLES = 16
"""Samples along a side at which views are compared. Blurred like this, a crop and its enlarged box look the same."""
MOVES = ((-1, 0), (1, 0), (0, -1), (0, 1), (1, 1), (-1, -1))
"""Of the two ends of a side: each alone, and both together."""
ROUNDS = ((4, 0.5, -1), (4, 0.6, 0.3), (2, 0.7, 0.4), (2, 0.8, 0.5), (1, 0.85, 0.6), (1, 0.85, 0.6))
"""Of the search: the step, and the correlations of grey values and of edges below which a pair is given up after it."""
PLAIN = 36
"""Differences that carry the edges of a view, of 450, below which it is plain: a straight edge across all of it has
15 to 30, and any two horizons or corners resemble each other."""
_TOGETHER = 1024
"""Pairs that are aligned in one go: 12 MB."""

Boxes = NDArray[np.int64]
"""(count, 4): top, height, left, width in STEPS."""
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Aligned:
    """For each of the ``pairs`` that were not given up: the box, and the correlations of grey values and of edges.

    Where either side is PLAIN, the distance of ``edges`` from 1 counts twice.
    """

    pairs: NDArray[np.int64]
    boxes: Boxes
    correlation: Floats
    edges: Floats


def align(
    parts: Views, wholes: Views, found: Candidates, *, workers: int, report: Callable[[int, int], None]
) -> Aligned:
    """Look for the best box of each candidate, from the one that the descriptors suggest."""
    some = [np.arange(start, min(start + _TOGETHER, len(found))) for start in range(0, len(found), _TOGETHER)]
    results = []
    with ThreadPoolExecutor(workers, thread_name_prefix="align") as pool:
        for done in pool.map(lambda chosen: _align_some(parts, wholes, found, chosen), some):
            results.append(done)
            report(min(len(results) * _TOGETHER, len(found)), len(found))
    empty = Aligned(np.zeros(0, np.int64), np.zeros((0, 4), np.int64), np.zeros(0, np.float32), np.zeros(0, np.float32))
    parted = (empty, *results)
    return Aligned(*(np.concatenate([getattr(each, field.name) for each in parted]) for field in fields(Aligned)))


def _align_some(parts: Views, wholes: Views, found: Candidates, pairs: NDArray[np.int64]) -> Aligned:
    images = parts[found.part[pairs]].astype(np.float32)
    goals = boxed(wholes[found.whole[pairs]].astype(np.float32), np.tile((0, STEPS, 0, STEPS), (len(pairs), 1)))
    goals = np.where(found.mirrored[pairs][:, None, None], goals[:, :, ::-1], goals)
    boxes = np.array(BOXES)[found.box[pairs]]
    best = correlation(boxed(images, boxes), goals)
    for step, least, least_edges in ROUNDS:
        for moved in _moved(boxes, step):
            value = correlation(boxed(images, moved), goals)
            better = value > best
            best = np.where(better, value, best)
            boxes[better] = moved[better]
        edges = edge_correlation(boxed(images, boxes), goals)
        kept = (best >= least) & (edges >= least_edges)
        pairs, images, goals = pairs[kept], images[kept], goals[kept]
        boxes, best, edges = boxes[kept], best[kept], edges[kept]
    plain = np.minimum(detail(boxed(images, boxes)), detail(goals)) < PLAIN
    return Aligned(pairs, boxes, best, np.where(plain, 2 * edges - 1, edges))


def _moved(boxes: Boxes, step: int) -> Iterator[Boxes]:
    """The boxes, with an end of a side moved, one way of moving at a time; as they are when the next is asked for."""
    for side in (0, 2):
        for first, last in MOVES:
            start = np.clip(boxes[:, side] + first * step, 0, STEPS)
            end = np.clip(boxes[:, side] + boxes[:, side + 1] + last * step, 0, STEPS)
            length = np.maximum(end - start, SHORTEST)
            moved = boxes.copy()
            moved[:, side], moved[:, side + 1] = np.minimum(start, STEPS - length), length
            yield moved


def boxed(views: Floats, boxes: Boxes) -> Floats:
    """The box of each view (count, SIDE, SIDE), resampled: (count, SAMPLES, SAMPLES)."""
    table = samplers(SAMPLES)
    rows, columns = table[boxes[:, 0], boxes[:, 1]], table[boxes[:, 2], boxes[:, 3]]
    return np.asarray(np.matmul(np.matmul(rows, views), columns.transpose(0, 2, 1)))


def correlation(one: Floats, other: Floats) -> Floats:
    """Normalised correlation (count,) of two stacks of grey values."""
    return _cosine(*(each - each.mean((1, 2), keepdims=True) for each in (one, other)))


def edge_correlation(one: Floats, other: Floats) -> Floats:
    """Normalised correlation (count,) of differences between neighbours, downwards and across, with 0 for none."""
    return _cosine(*map(_differences, (one, other)))


def detail(values: Floats) -> Floats:
    """How many differences carry the edges (count,): (sum of squares)^2 / sum of fourth powers, 1 for a single one."""
    squares = _differences(values) ** 2
    return np.asarray(squares.sum((1, 2)) ** 2 / np.maximum((squares**2).sum((1, 2)), 1e-6))


def _differences(values: Floats) -> Floats:
    return np.concatenate((np.diff(values, axis=1)[:, :, :-1], np.diff(values, axis=2)[:, :-1]), 1)


def _cosine(one: Floats, other: Floats) -> Floats:
    energy = np.einsum("nyx,nyx->n", one, one) * np.einsum("nyx,nyx->n", other, other)
    return np.asarray(np.einsum("nyx,nyx->n", one, other) / np.sqrt(np.maximum(energy, 1e-6)))
