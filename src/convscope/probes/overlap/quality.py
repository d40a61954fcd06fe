"""Precision and recall of the search: on labelled pairs, at every threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convscope.errors import ImageError
from convscope.images import ImageSet
from convscope.images.pixels import Pixels
from convscope.images.spread import spread
from convscope.probes.overlap.labelled import LabelledSet, make_labelled
from convscope.probes.overlap.match import match
from convscope.probes.overlap.view import Views, grey_view

WANTED = 0.99
"""The precision for which a threshold is recommended."""


@dataclass(frozen=True)
class Quality:
    """Pairs found among labelled ones: ``edges``, ``correlation`` and ``true`` (found,), ``kind`` of true ones or -1.

    ``kinds`` names the changes, ``made`` (kinds,) is how many pairs of each there are to be found.
    """

    edges: NDArray[np.float32]
    correlation: NDArray[np.float32]
    true: NDArray[np.bool_]
    kind: NDArray[np.int64]
    kinds: tuple[str, ...]
    made: tuple[int, ...]
    photographs: int
    among: int
    """Images among which each copy was searched."""

    def precision(self, threshold: float) -> float | None:
        """True pairs among those found at a threshold; None where none is found."""
        found = self.edges >= threshold
        return float(self.true[found].mean()) if found.any() else None

    def recall(self, threshold: float, kind: int | None = None) -> float:
        """Found pairs among the true ones, or among those of a kind."""
        found = self.true & (self.edges >= threshold)
        if kind is None:
            return float(found.sum() / sum(self.made))
        return float((found & (self.kind == kind)).sum() / self.made[kind])

    def lowest(self, precision: float = WANTED) -> float | None:
        """The lowest correlation that, as a threshold, gives this precision; None if none of those found does."""
        order = np.argsort(-self.edges, kind="stable")
        edges = self.edges[order]
        last_of_equals = np.append(edges[1:] < edges[:-1], True)[: len(edges)]
        reached = np.cumsum(self.true[order]) >= precision * np.arange(1, len(edges) + 1)
        good = np.flatnonzero(reached & last_of_equals)
        return float(edges[good[-1]]) if len(good) else None


def quality_of(labelled: LabelledSet, *, workers: int = 2) -> Quality:
    """Search the second pictures of a labelled set among its first."""
    return _searched(_views(labelled.first), labelled, np.arange(len(labelled.first)), workers)


def check(images: ImageSet, views: Views, count: int, seed: int = 0, *, workers: int = 2) -> Quality | None:
    """Search changed copies of ``count`` images, spread over a set, among all of the set, whose ``views`` are known.

    So the look-alikes are the set's own, as many as there are. A copy that finds another image than its own counts as
    wrong, also where the two are duplicates indeed: a set with many of them is better than its precision here. None if
    no image can be read.
    """
    photographs, places = [], []
    for index in spread(len(images), count):
        try:
            photographs.append(images.read(index))
            places.append(index)
        except ImageError:
            continue
    if not photographs:
        return None
    labelled = make_labelled(photographs, seed, pieces=False)
    return _searched(views, labelled, np.array(places), workers)


def _views(pictures: Sequence[Pixels]) -> Views:
    return np.stack([grey_view(picture) for picture in pictures])


def _searched(first: Views, labelled: LabelledSet, places: NDArray[np.int64], workers: int) -> Quality:
    found = match(first, _views(labelled.second), workers=workers).matches
    own = np.where(labelled.of < 0, -1, places[labelled.of])
    true = own[found.second] == found.first
    kinds = tuple(dict.fromkeys(kind for kind, of in zip(labelled.kinds, labelled.of, strict=True) if of >= 0))
    number = {kind: place for place, kind in enumerate(kinds)}
    kind = np.array([number.get(each, -1) for each in labelled.kinds], np.int64)[found.second]
    made = tuple(sum(kind == each for each in labelled.kinds) for kind in kinds)
    return Quality(found.edges, found.correlation, true, np.where(true, kind, -1), kinds, made, len(places), len(first))
