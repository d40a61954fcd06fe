"""What an evolution is: for every layer and checkpoint the winners, the pictures, and the curves towards the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convscope.probes.evolution.likeness import Curve, rank_correlation, ranked
from convscope.probes.evolution.record import NONE, Drawn, Numbers, Place

FINAL, FIRST = "final", "first"
"""Whose winners are the fixed places at which projections are compared: the last checkpoint's, or the first one's."""
CLEAR = 0.5
"""Rank correlation of depth and settling from which an order is called one."""


@dataclass(frozen=True)
class LayerEvolution:
    """A layer over all checkpoints. Arrays over units are (checkpoints, units), for *all* units of the layer.

    ``image`` int64 is the index of the winner, the image with the unit's strongest activation, NONE where no activation
    is above zero; ``value`` float32, ``y``, ``x`` int64 its activation and position. ``jump`` bool: the winner is
    another image than at the checkpoint before, both having one. ``overlap`` float32: share of the final strongest
    images that are among the strongest already. ``ranking`` has a number for each unit, ``projection`` for each one
    ``shown``.
    """

    address: str
    units: int
    height: int
    width: int
    field: tuple[int, int]
    image: NDArray[np.int64]
    value: Numbers
    y: NDArray[np.int64]
    x: NDArray[np.int64]
    jump: NDArray[np.bool_]
    overlap: Numbers
    ranking: Curve
    projection: Curve
    shown: tuple[int, ...]
    probes: tuple[Place | None, ...]
    """For each unit shown, the fixed place at which its projections are compared."""
    drawn: tuple[tuple[Drawn | None, ...], ...]
    """By checkpoint, then by unit shown; None where no activation is above zero."""

    @property
    def jumps(self) -> NDArray[np.float64]:
        """Share of the units whose winner changed, among those that had one before and after; (checkpoints,)."""
        both = np.zeros(self.image.shape, bool)
        both[1:] = (self.image[1:] != NONE) & (self.image[:-1] != NONE)
        share = np.full(len(both), np.nan)
        return np.asarray(np.divide(self.jump.sum(1), both.sum(1), out=share, where=both.any(1)))


def jumps_of(image: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Where a unit's winner is another image than one checkpoint before, (checkpoints, units)."""
    jump = np.zeros(image.shape, np.bool_)
    jump[1:] = (image[1:] != image[:-1]) & (image[1:] != NONE) & (image[:-1] != NONE)
    return jump


@dataclass(frozen=True)
class Order:
    """Whether lower layers settle first: the rank correlation of depth and settling, and the same in words."""

    correlation: float | None
    sentence: str


@dataclass(frozen=True)
class Evolution:
    """How features came about: ``labels`` and ``positions`` of the checkpoints, and ``layers`` from input to output.

    ``images`` are the names of the set, which the layers' indices refer to; ``sampled`` is the number of them by which
    rankings are compared. ``probed`` is ``final`` or ``first``: whose winners the fixed places are.
    """

    labels: tuple[str, ...]
    positions: tuple[float, ...]
    images: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    sampled: int
    method: str
    probed: str
    layers: tuple[LayerEvolution, ...]
    notes: tuple[str, ...]

    def layer(self, address: str) -> LayerEvolution:
        """The layer of this address; KeyError if it was not looked at."""
        for layer in self.layers:
            if layer.address == address:
                return layer
        raise KeyError(address)

    @property
    def ranking_order(self) -> Order:
        """Whether lower layers settle first, by the ranking of images."""
        return order_of([layer.ranking for layer in self.layers], self.positions)

    @property
    def projection_order(self) -> Order:
        """Whether lower layers settle first, by projections."""
        return order_of([layer.projection for layer in self.layers], self.positions)


def order_of(curves: Sequence[Curve], positions: Sequence[float]) -> Order:
    """Spearman's correlation of depth and settling over the layers that settle.

    The sentence also says how many of them prove little: those that never moved, and those that moved to the end.
    """
    found = [(depth, curve.settled) for depth, curve in enumerate(curves) if curve.settled is not None]
    count = len(found)
    if count < 3:
        return Order(None, f"too few layers have a settling point ({count}) to say which settle first")
    rows = ranked(np.array(found, np.float64).T)
    (correlation,) = rank_correlation(rows[:1], rows[1:]).tolist()
    if np.isnan(correlation):
        return Order(None, f"all {count} layers settle at the same point")
    return Order(
        correlation,
        f"{_words(correlation)}: rank correlation of settling with depth {correlation:+.2f} over {count} layers"
        f"{_doubts([at for _, at in found], positions)}",
    )


def _doubts(points: Sequence[float], positions: Sequence[float]) -> str:
    still = sum(at == positions[0] for at in points)
    moving = sum(at > positions[-2] for at in points)
    counted = ((still, "settled from the first checkpoint on"), (moving, "not before the last"))
    return "".join(f", {count} {where}" for count, where in counted if count)


def _words(correlation: float) -> str:
    if correlation >= CLEAR:
        return "lower layers settle first"
    return "upper layers settle first" if correlation <= -CLEAR else "layers settle in no clear order"
