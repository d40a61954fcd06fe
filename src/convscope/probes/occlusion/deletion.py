"""Deletion and insertion: one number for a map, by removing or adding the pixels that it ranks highest first.

Petsiuk, Das, Saenko: "RISE: Randomized Input Sampling for Explanation of Black-box Models", 2018. A good map has a
small area under the deletion curve and a large one under the insertion curve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from convscope.engine.allowance import images_at_once
from convscope.engine.changed import Changed
from convscope.engine.forward import prepare
from convscope.errors import SettingError
from convscope.models import Model
from convscope.probes.fills import View, fill_name, fill_picture
from convscope.probes.occlusion.map import OcclusionMap
from convscope.probes.occlusion.occlude import Watched, watch
from convscope.probes.targets import Target, TargetSpec

STEPS = 32
BATCH = 16


@dataclass(frozen=True)
class Curve:
    """The target, float32 (steps + 1), after a fraction of all pixels was removed (or added); ``area`` is below it."""

    fractions: NDArray[np.float64]
    values: NDArray[np.float32]
    fill: str

    @property
    def area(self) -> float:
        """Area under the curve by the trapezoid rule; for a probability between 0 and 1."""
        return float(np.trapezoid(self.values.astype(np.float64), self.fractions))


@dataclass(frozen=True)
class Scores:
    """Both curves of a map."""

    deletion: Curve
    insertion: Curve


def scores(
    model: Model,
    picture: View,
    found: OcclusionMap | NDArray[np.floating],
    *,
    target: TargetSpec | None = None,
    steps: int = STEPS,
    removed: str | View = "grey",
    start: str | View = "blur",
    device: str = "cpu",
) -> Scores:
    """Deletion and insertion curves for a map: an OcclusionMap, or scores per pixel (height, width) of the view.

    Pixels go in the order of falling score, equal ones in reading order, in ``steps`` equal portions. Deletion replaces
    them by the fill ``removed``, insertion puts them into the picture ``start``. The target is that of the map unless
    given. Raises SettingError and the errors of ``occlude``.
    """
    watched = target if target is not None else _target_of(found)
    seen = watch(model, picture, watched, [], device)
    order = pixel_order(found.grid.spread(found.drop) if isinstance(found, OcclusionMap) else found, seen.view)
    if not 1 <= steps <= len(order):
        raise SettingError(f"steps is {steps}; choose from 1 to the number of pixels, {len(order)}")
    curves = []
    for fill, whole_first in ((removed, True), (start, False)):
        other = fill_picture(fill, seen.view, model.preprocessing)
        before, after = (seen.view, other) if whole_first else (other, seen.view)
        curves.append(_curve(model, seen, order, (before, after), steps, fill_name(fill)))
    return Scores(*curves)


def pixel_order(score: NDArray[np.floating], view: View) -> NDArray[np.int64]:
    """All pixels, as positions in reading order, by falling score; pixels without one (NaN) come last."""
    if score.shape != view.shape[:2]:
        raise SettingError(
            f"the map has shape {list(score.shape)}, expected one score per pixel of the view, {list(view.shape[:2])}"
        )
    flat = np.where(np.isnan(score), -np.inf, score).ravel()
    return np.argsort(-flat, kind="stable")


def _target_of(found: OcclusionMap | NDArray[np.floating]) -> TargetSpec:
    if not isinstance(found, OcclusionMap):
        return "predicted"
    return spec_of(found.target)


def spec_of(target: Target) -> TargetSpec:
    """A spec that is resolved to the same target again, whatever is predicted."""
    return target.function or target.unit or list(target.classes)


def _curve(
    model: Model, seen: Watched, order: NDArray[np.int64], pictures: tuple[View, View], steps: int, fill: str
) -> Curve:
    """The target while the first picture becomes the second, pixel by pixel in this order."""
    counts = np.rint(np.linspace(0, len(order), steps + 1)).astype(np.int64)
    run = prepare(seen.graph, [seen.reading.node], seen.image.device)
    values: list[float] = []

    def keep(_: str, value: Tensor) -> None:
        read = seen.reading.read(None, Changed(value))
        values.extend(seen.reading.score(read).float().tolist())

    batch = images_at_once(BATCH)
    for first in range(0, len(counts), batch):
        views = np.stack([_mixed(*pictures, order[:count]) for count in counts[first : first + batch]])
        run(model.preprocessing.normalise(torch.from_numpy(views)), keep)
    return Curve(counts / len(order), np.array(values, np.float32), fill)


def _mixed(before: View, after: View, changed: NDArray[np.int64]) -> View:
    mixed = before.copy().reshape(-1, before.shape[2])
    mixed[changed] = after.reshape(-1, after.shape[2])[changed]
    return mixed.reshape(before.shape)
