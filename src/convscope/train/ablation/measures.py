"""What is measured on a finished network beside its errors: one table of names, each a number of (model, images)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from convscope.engine.graphs import graph_of
from convscope.images import ImageSet
from convscope.models import Model
from convscope.probes.diagnosis.diagnose import diagnose
from convscope.probes.diagnosis.result import Diagnosis
from convscope.probes.invariance.invariance import invariance
from convscope.probes.invariance.result import Answer, Invariance
from convscope.probes.invariance.watched import watched_layers

SHIFTS = (-3.0, -2.0, -1.0, 1.0, 2.0, 3.0)
"""Pixels."""
TURNS = tuple(float(angle) for angle in range(-180, 181, 15))
"""Degrees."""
SLIGHT = 30.0
"""Turns of up to so many degrees, which leave most things what they are."""


@dataclass(frozen=True)
class Seen:
    """A finished network and the images it is measured on; what several measures need is worked out once."""

    model: Model
    images: ImageSet

    @cached_property
    def turned(self) -> Invariance:
        """The network's answers to turned images, all the way round."""
        return invariance(self.model, self.images, "rotate", TURNS, follow=0)

    @cached_property
    def diagnosis(self) -> Diagnosis:
        """Filters, units and ops with a stride; shifts are measured by ``shifted``."""
        return diagnose(self.model, self.images, shifts=0)

    @cached_property
    def shifted(self) -> tuple[Invariance, Invariance]:
        """Its answers to images moved by a few pixels, sideways and up and down."""
        answer = [watched_layers(graph_of(self.model), None)[-1].address]  # no other layer is looked at
        across, down = (
            invariance(self.model, self.images, f"translate-{axis}", SHIFTS, answer, follow=0) for axis in "xy"
        )
        return across, down


def kept(answer: Answer) -> NDArray[np.bool_]:
    """Where an image has the class that it has as it is; (images, values)."""
    same: NDArray[np.bool_] = answer.label == answer.own_label[:, None]
    return same


def wrong(found: Invariance) -> NDArray[np.bool_]:
    """Where a labelled image gets another class than its own; (images, values)."""
    answer = answer_of(found)
    true = np.array([answer.classes.index(str(label)) for label in found.labels])
    missed: NDArray[np.bool_] = answer.label != true[:, None]
    return missed


def answer_of(found: Invariance) -> Answer:
    """The answers of a classifier, which a trained network is."""
    assert found.answer is not None
    return found.answer


def _shift_consistency(seen: Seen) -> float:
    return float(np.mean([kept(answer_of(found)) for found in seen.shifted]))


def _turn_consistency(seen: Seen) -> float:
    angles = np.abs(seen.turned.values)
    return float(kept(answer_of(seen.turned))[:, (angles > 0) & (angles <= SLIGHT)].mean())


def _turn_error(seen: Seen) -> float:
    return float(wrong(seen.turned).mean())


def _dead(seen: Seen) -> float | None:
    layers = seen.diagnosis.activity
    units = sum(layer.units for layer in layers)
    return sum(int(layer.dead.sum()) for layer in layers) / units if units else None


def _mid_band(seen: Seen) -> float | None:
    first = seen.diagnosis.first
    return None if first is None or first.spectra is None else first.spectra.covered


def _aliasing(seen: Seen) -> float | None:
    shares = [op.above for op in seen.diagnosis.strided]
    return sum(shares) / len(shares) if shares else None


@dataclass(frozen=True)
class Measure:
    """``title`` heads a column, ``note`` says what the number is; None where a network has no such number."""

    title: str
    note: str
    of: Callable[[Seen], float | None]


MEASURES: Mapping[str, Measure] = {
    "shift": Measure(
        "shift consistency", "share of images that keep their class when moved by 1 to 3 pixels", _shift_consistency
    ),
    "turn": Measure(
        "turn consistency",
        f"share of images that keep their class when turned by 15 or {SLIGHT:g} degrees",
        _turn_consistency,
    ),
    "turn-error": Measure(
        "error when turned", "share of images that get a wrong class, over turns all the way round", _turn_error
    ),
    "dead": Measure("dead units", "share of the units of all layers that never answered", _dead),
    "mid-band": Measure(
        "mid band covered",
        "share of 1/8 to 1/4 cycles per pixel that some filter of layer 1 covers, all directions",
        _mid_band,
    ),
    "aliasing": Measure(
        "aliasing",
        "share of the maps' energy above the new Nyquist limit, mean over the ops that drop positions",
        _aliasing,
    ),
}
"""Another measure is one more line; all are shares."""
