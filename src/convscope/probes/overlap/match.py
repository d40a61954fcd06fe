"""From the views of two sets to the pairs that resemble each other, each with its best place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from convscope.probes.overlap.align import Aligned, Boxes, Floats, align
from convscope.probes.overlap.candidates import Candidates, find_candidates, index_of
from convscope.probes.overlap.index import Index
from convscope.probes.overlap.view import Views, is_flat

Report = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Matches:
    """Pairs that were compared and not given up, each once; ``first`` and ``second`` (count,) are places in the sets.

    ``boxes`` (count, 4) is the part, top, height, left, width in STEPS, of the second image where ``on_second``,
    else of the first, that shows the whole of the other image; mirrored first where ``mirrored``.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    correlation: Floats
    edges: Floats
    boxes: Boxes
    on_second: NDArray[np.bool_]
    mirrored: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.first)

    def take(self, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> Matches:
        """Some of them."""
        return Matches(*(getattr(self, field.name)[chosen] for field in fields(self)))


@dataclass(frozen=True)
class Searched:
    """What a search found, and how: the kinds of its indexes and their memory in bytes together."""

    matches: Matches
    candidates: int
    indexes: tuple[str, ...]
    memory: int


NEIGHBOURS = (5, 40, 320)
"""Wholes that are asked for each part; more where an image has that many copies."""
COPY = 0.95
"""Correlation of edges that makes a neighbour count as a copy, for that."""


def match(
    first: Views, second: Views | None, *, workers: int = 2, report: Report = lambda _stage, _done, _total: None
) -> Searched:
    """Compare two sets of views, or one with itself; flat views match nothing.

    Each image of either set asks for the wholes of the other that one of its parts resembles, so an image is found
    in its crop and the other way round; within one set asking once does both.
    """
    ways = [(first, first, True)] if second is None else [(second, first, True), (first, second, False)]
    total, done = sum(len(parts) for parts, _, _ in ways), 0
    found, indexes, memory, candidates = [], [], 0, 0
    for parts, wholes, on_second in ways:
        asking, asked = (np.flatnonzero(~_flat(views)) for views in (parts, wholes))
        if len(asking) and len(asked):
            index = index_of(wholes, asked, len(asking))
            way = _Way(parts, wholes, asked, index, second is None, on_second, workers, _later(report, done, total))
            matches, compared = _ask(way, asking)
            found.append(matches)
            indexes.append(index.kind)
            memory, candidates = max(memory, index.memory), candidates + compared
        done += len(parts)
    joined = _joined(found)
    return Searched(joined if second is not None else _each_way_once(joined), candidates, tuple(indexes), memory)


def _later(report: Report, before: int, total: int) -> Report:
    return lambda stage, done, all_: report(stage, *((before + done, total) if stage == "search" else (done, all_)))


@dataclass(frozen=True)
class _Way:
    """Whose parts are looked up among whose wholes; ``asked`` are the places of those in the index."""

    parts: Views
    wholes: Views
    asked: NDArray[np.int64]
    index: Index
    same: bool
    on_second: bool
    workers: int
    report: Report


def _ask(way: _Way, asking: NDArray[np.int64]) -> tuple[Matches, int]:
    """Matches of the images ``asking``, and how many candidates they had; who finds only copies asks for more."""
    found, compared = [], 0
    for neighbours in NEIGHBOURS:
        own = np.searchsorted(way.asked, asking) if way.same else None
        told = partial(way.report, "search") if neighbours == NEIGHBOURS[0] else (lambda _done, _total: None)
        found_here = find_candidates(way.parts, asking, way.index, neighbours, own, told)
        near = replace(found_here, whole=way.asked[found_here.whole])
        compared += len(near)
        aligned = align(way.parts, way.wholes, near, workers=way.workers, report=partial(way.report, "align"))
        copies = np.bincount(near.part[aligned.pairs], aligned.edges >= COPY, minlength=len(way.parts))
        more = np.zeros(len(way.parts), np.bool_) if neighbours == NEIGHBOURS[-1] else copies >= neighbours
        found.append(_matches(way, near, aligned, ~more))
        asking = np.flatnonzero(more)
        if not len(asking):
            break
    return _joined(found), compared


def _matches(way: _Way, near: Candidates, aligned: Aligned, settled: NDArray[np.bool_]) -> Matches:
    """Of the parts that need not be asked for again."""
    part, whole = near.part[aligned.pairs], near.whole[aligned.pairs]
    ends = (whole, part) if way.on_second else (part, whole)
    kind = np.full(len(part), way.on_second), near.mirrored[aligned.pairs]
    return Matches(*ends, aligned.correlation, aligned.edges, aligned.boxes, *kind).take(settled[part])


def _flat(views: Views) -> NDArray[np.bool_]:
    return np.concatenate([is_flat(views[start : start + 8192]) for start in range(0, len(views), 8192)])


def _joined(found: list[Matches]) -> Matches:
    nothing = np.zeros(0, np.int64)
    none = np.zeros(0, np.bool_)
    empty = Matches(nothing, nothing, nothing.astype("f4"), nothing.astype("f4"), np.zeros((0, 4), int), none, none)
    return _best(Matches(*(np.concatenate([getattr(m, f.name) for m in (empty, *found)]) for f in fields(Matches))))


def _best(found: Matches) -> Matches:
    """The surest way of each pair, in the order of the pairs."""
    order = np.lexsort((-found.edges, found.second, found.first))
    first = np.ones(len(order), np.bool_)
    first[1:] = (np.diff(found.first[order]) != 0) | (np.diff(found.second[order]) != 0)
    return found.take(order[first])


def _each_way_once(found: Matches) -> Matches:
    """Within one set: the earlier image first, so that a pair and its reverse are one."""
    turn = found.first > found.second
    ends = np.where(turn, found.second, found.first), np.where(turn, found.first, found.second)
    return _best(replace(found, first=ends[0], second=ends[1], on_second=found.on_second ^ turn))
