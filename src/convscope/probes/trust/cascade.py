"""Which weights are re-initialised, from the top down: a few networks that serve the cascades of all layers.

Weights above a layer play no part in it. So one network in which everything from some depth up is re-initialised is a
step of the cascade of every layer above that depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from convscope.engine.layers import Layer
from convscope.graph.opgraph import OpGraph, OpNode
from convscope.probes.trust.weights import weighted_nodes

Item = TypeVar("Item")
NETWORKS = 16
"""Networks that may be re-initialised, to different depths; one for each layer's topmost weights, if layers are few."""


@dataclass(frozen=True)
class Step:
    """A part of one layer's cascade: its ``count`` topmost ops with weights, of ``total``, are re-initialised."""

    network: int
    count: int
    total: int
    lowest: str
    """Address of the lowest of them."""


@dataclass(frozen=True)
class Cascade:
    """``networks``: the ops that each re-initialises. ``steps``: of each layer, from its topmost op down to all."""

    networks: tuple[tuple[OpNode, ...], ...]
    steps: tuple[tuple[Step, ...], ...]


def plan_cascade(graph: OpGraph, layers: Sequence[Layer], most: int) -> Cascade:
    """The cascades of these layers, of at most that many steps; a layer below which nothing is learned has none."""
    weighted = weighted_nodes(graph, *(layer.node for layer in layers))
    place = {node.name: number for number, node in enumerate(weighted)}
    below = [[place[node.name] for node in weighted_nodes(graph, layer.node)] for layer in layers]
    starts = _starts(sorted({own[-1] for own in below if own}))
    steps = tuple(_evenly(_steps(own, starts, weighted), most) for own in below)
    return Cascade(tuple(weighted[start:] for start in starts), steps)


def _starts(tops: Sequence[int]) -> tuple[int, ...]:
    """Where networks begin to be new, counted in ops with weights: at 0, at the tops, and halfway where gaps are wide.

    More tops than there may be networks are thinned out.
    """
    if not tops:
        return ()
    found = {0, *_evenly(tops, NETWORKS)}
    while len(found) < min(NETWORKS, tops[-1] + 1):
        gap, left = max((after - before, before) for before, after in pairwise(sorted(found)))
        found.add(left + gap // 2)
    return tuple(sorted(found))


def _evenly(items: Sequence[Item], count: int) -> tuple[Item, ...]:
    """At most that many of the items, the first and then the last among them, evenly spaced."""
    if len(items) <= count:
        return tuple(items)
    return tuple(items[round(number * (len(items) - 1) / max(count - 1, 1))] for number in range(count))


def _steps(own: Sequence[int], starts: Sequence[int], weighted: Sequence[OpNode]) -> tuple[Step, ...]:
    """A layer's steps from ``own``, the places of the ops below it; networks that are alike to it count once."""
    found: dict[int, Step] = {}
    for network, start in enumerate(starts):
        new = [number for number in own if number >= start]
        if new:
            found.setdefault(len(new), Step(network, len(new), len(own), weighted[new[0]].address))
    return tuple(found[count] for count in sorted(found))


def upper(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps that make at most half of the ops new; the first if there is none.

    What is drawn last is drawn by the lowest filters: with these new every picture changes, whatever it shows. So it is
    the upper half that tells whether a picture depends on what was learned above.
    """
    return tuple(step for step in steps if 2 * step.count <= step.total) or tuple(steps[:1])
