"""What an invariance experiment found: distances per image, layer and value, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from convscope.probes.invariance.transform import TRANSFORMS, Transform

Numbers = NDArray[np.float32]
Wide = NDArray[np.float64]

_DRAWS = 1000
"""Samples of the images, with replacement, for an interval."""
_TAILS = (0.025, 0.975)


@dataclass(frozen=True)
class WatchedLayer:
    """A layer whose features are compared: a map (units, height, width), or a vector of ``units`` with neither."""

    address: str
    units: int
    height: int | None
    width: int | None
    answers: bool
    """Whether it is the network's output itself."""


@dataclass(frozen=True)
class UnitChange:
    """Normalised distances of each unit of a layer, float32 (units,), means over images and values.

    Comparisons in which the unit is zero both times are left out; NaN if that is all. ``normalised`` is over all
    values; ``still`` and ``moved`` are over those that are ``followed``: ``still`` compares with the untransformed map
    as it is, ``moved`` with that map moved along with the image. A small ``still`` is invariance, a small ``moved``
    equivariance. Both are None for layers without positions.
    """

    normalised: Numbers
    still: Numbers | None
    moved: Numbers | None


@dataclass(frozen=True)
class Answer:
    """Labels int64 and probabilities float32 of the watched class, (images, values) and for the images as they are."""

    watched: str
    label: NDArray[np.int64]
    probability: Numbers
    own_label: NDArray[np.int64]
    own_probability: Numbers
    classes: tuple[str, ...]
    """Class names, empty if unknown."""

    def name(self, index: int) -> str:
        """The name of a class, or its number."""
        return self.classes[index] if self.classes else f"class {index}"


@dataclass(frozen=True)
class Invariance:
    """How far the features of transformed images are from those of the images as they are (paper, figure 5).

    ``distance`` is Euclidean, float32 (images, layers, values); ``normalised`` the same divided by
    ``sqrt(|f|^2 + |f0|^2)``: 0 the same, 1 nothing in common, sqrt 2 opposite. ``unrelated`` (layers,) is the
    normalised distance between different images of the set, at which nothing more can be lost; None for one image.
    """

    transform: str
    values: Wide
    border: str
    interpolation: str
    seed: int
    layers: tuple[WatchedLayer, ...]
    images: tuple[str, ...]
    labels: tuple[str | None, ...]
    distance: Numbers
    normalised: Numbers
    unrelated: Wide | None
    units: tuple[UnitChange, ...]
    followed: tuple[float, ...]
    """The values at which maps were also compared moved along."""
    answer: Answer | None
    """None for a network without class output."""
    skipped: tuple[tuple[str, str], ...]
    """Images that were left out, each with its reason."""
    notes: tuple[str, ...]

    @property
    def kind(self) -> Transform:
        """The transform with its words."""
        return TRANSFORMS[self.transform]

    @cached_property
    def curve(self) -> Wide:
        """Mean normalised distance over the images, (layers, values)."""
        mean: Wide = self.normalised.mean(0, dtype=np.float64)
        return mean

    @cached_property
    def score(self) -> Wide:
        """Area under each normalised curve over the length of the range, (images, layers): its mean height."""
        return _height(self.normalised, self.values)

    @cached_property
    def score_mean(self) -> Wide:
        """Mean score over the images, (layers,): 0 is invariant."""
        mean: Wide = self.score.mean(0)
        return mean

    @cached_property
    def score_interval(self) -> Wide | None:
        """95% interval of the mean score over images, (layers, 2), by a seeded bootstrap; None for one image."""
        score = self.score
        if len(score) < 2:
            return None
        draw = np.random.default_rng(self.seed)
        means = [score[draw.integers(0, len(score), len(score))].mean(0) for _ in range(_DRAWS)]
        ends: Wide = np.quantile(np.array(means), _TAILS, axis=0).T
        return ends

    @cached_property
    def relative(self) -> Wide | None:
        """Mean score in units of ``unrelated``, (layers,): at 1 the image might as well be another one.

        Layers differ in how much even unrelated images share (an offset before a rectifier, say), so this is what
        compares them. None for one image; NaN where all images are the same.
        """
        if self.unrelated is None:
            return None
        nothing = np.full(self.unrelated.shape, np.nan)
        found: Wide = np.divide(self.score_mean, self.unrelated, out=nothing, where=self.unrelated > 0)
        return found

    @property
    def consistency(self) -> Wide | None:
        """For each image the share of values, the identity left out, that leave the label as it is; (images,)."""
        moved = self.values != self.kind.identity
        if self.answer is None or not moved.any():
            return None
        same: Wide = (self.answer.label[:, moved] == self.answer.own_label[:, None]).mean(1, dtype=np.float64)
        return same

    @property
    def agreement(self) -> Wide | None:
        """For each image the share of pairs of values that get the same label (Zhang 2019); (images,)."""
        count = len(self.values)
        if self.answer is None or count < 2:
            return None
        same = [np.unique(row, return_counts=True)[1] for row in self.answer.label]
        return np.array([(n * (n - 1)).sum() / (count * (count - 1)) for n in same], np.float64)

    @property
    def shown(self) -> tuple[int, int]:
        """Places of the first layer and of the last that is not the network's answer itself, as in figure 5."""
        inner = [place for place, layer in enumerate(self.layers) if not layer.answers]
        return (inner[0], inner[-1]) if inner else (0, len(self.layers) - 1)


def _height(curves: Numbers, values: Wide) -> Wide:
    """Mean height of curves (…, values) by the trapezium rule; of a single value, that value."""
    if len(values) == 1:
        return curves[..., 0].astype(np.float64)
    area = np.trapezoid(curves.astype(np.float64), values, axis=-1)
    height: Wide = area / (values[-1] - values[0])
    return height
