"""Pairs worth a closer look: for each image, parts of it whose descriptor is near the whole of another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from convscope.probes.overlap.descriptor import BOXES, MIRROR, describe
from convscope.probes.overlap.index import Index, ask, build
from convscope.probes.overlap.view import Views

LIKE = 0.6
"""Similarity of descriptors from which a pair is looked at: all but 2 in 1000 of the labelled pairs have more."""
TOGETHER = 1024
"""Images whose parts are asked for in one go: 24 MB of descriptors."""
QUESTIONS = 2 * len(BOXES)
"""Asked for each image: its parts, plain and mirrored."""

Report = Callable[[int, int], None]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Candidates:
    """Of each candidate: whose part, whose whole, which part (of BOXES), mirrored or not, and the similarity.

    A part's box lies on the image as it is; where ``mirrored``, what it shows is mirrored before it is compared.
    """

    part: Numbers
    whole: Numbers
    box: Numbers
    mirrored: NDArray[np.bool_]
    similarity: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.part)

    def take(self, chosen: Numbers) -> Candidates:
        """Some of them."""
        return Candidates(*(getattr(self, field.name)[chosen] for field in fields(self)))


def index_of(views: Views, asked: Numbers, askers: int) -> Index:
    """An index of the views ``asked``, whole, for questions about ``askers`` images; its numbers count in ``asked``."""
    some = [asked[start : start + TOGETHER] for start in range(0, len(asked), TOGETHER)]
    return build(np.concatenate([describe(views[chosen]) for chosen in some]), askers * QUESTIONS)


def find_candidates(
    parts: Views,
    asking: Numbers,
    index: Index,
    neighbours: int,
    own: Numbers | None = None,
    report: Report = lambda _done, _total: None,
) -> Candidates:
    """For each of the ``parts`` that are ``asking``, wholes in the index that one of its boxes resembles.

    Each box is asked for its ``neighbours`` nearest, and an image keeps the best 2 ``neighbours``. ``own`` (asking,)
    are wholes that an image is not compared with. Views may be memory-mapped: few are in memory at a time.
    """
    found = []
    for start in range(0, len(asking), TOGETHER):
        chosen = slice(start, start + TOGETHER)
        some = _of_some(parts[asking[chosen]], index, neighbours, None if own is None else own[chosen])
        found.append(replace(some, part=asking[chosen][some.part]))
        report(min(start + TOGETHER, len(asking)), len(asking))
    return Candidates(*(np.concatenate([getattr(each, field.name) for each in found]) for field in fields(Candidates)))


def _of_some(views: Views, index: Index, neighbours: int, own: Numbers | None) -> Candidates:
    plain = np.stack([describe(views, box) for box in BOXES], 1)
    asked = np.concatenate((plain, plain * MIRROR), 1).reshape(len(views) * QUESTIONS, -1)
    similarity, whole = ask(index, asked, neighbours + (own is not None))
    near = whole.shape[1]
    part = np.repeat(np.arange(len(views)), QUESTIONS * near)
    question = np.tile(np.repeat(np.arange(QUESTIONS), near), len(views))
    found = Candidates(part, whole.ravel(), question % len(BOXES), question >= len(BOXES), similarity.ravel())
    wanted = (found.similarity >= LIKE) & (found.whole >= 0)
    if own is not None:
        wanted &= found.whole != own[part]
    kept = found.take(np.flatnonzero(wanted))
    return kept.take(_best_of_each(kept, 2 * neighbours))


def _best_of_each(found: Candidates, most: int) -> Numbers:
    """Which entries to keep: the most similar of each pair, and of these the first ``most`` of each part."""
    part, whole, similarity = found.part, found.whole, found.similarity
    order = np.lexsort((-similarity, whole, part))
    first = np.ones(len(order), np.bool_)
    first[1:] = (np.diff(part[order]) != 0) | (np.diff(whole[order]) != 0)
    pairs = order[first]
    pairs = pairs[np.lexsort((whole[pairs], -similarity[pairs], part[pairs]))]
    begins = np.searchsorted(part[pairs], part[pairs])
    return pairs[np.arange(len(pairs)) - begins < most]
