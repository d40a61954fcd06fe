"""What a diagnosis found: per-layer figures, raw per filter and unit, and findings. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convscope.probes.diagnosis.bands import Spectra
from convscope.probes.diagnosis.filters import VANISHING, Sizes, Twins
from convscope.probes.diagnosis.finding import Finding

Numbers = NDArray[np.float32]


@dataclass(frozen=True)
class FilterLayer:
    """The filters of one convolution, a batch normalisation behind it folded in: what acts, not what is stored."""

    address: str
    units: int
    inputs: int
    """Maps that a filter reads."""
    kernel: tuple[int, int]
    stride: tuple[int, int]
    groups: int
    sizes: Sizes
    twins: Twins | None
    """None where filters cannot be compared: each reads another map, or has one weight."""
    activity: str | None
    """Address of the layer whose units these filters make, channel by channel; None behind a sum or without images."""

    @property
    def largest(self) -> float:
        """RMS of the largest filter in units of the median."""
        return float(self.sizes.ratio.max())

    @property
    def vanishing(self) -> NDArray[np.bool_]:
        """The filters that hardly have any weight."""
        return np.asarray(self.sizes.ratio < VANISHING)


@dataclass(frozen=True)
class FirstLayer:
    """The filters that see pixels, as they act on the normalised image."""

    address: str
    filters: Numbers
    """(units, rows, columns, channels)."""
    stride: tuple[int, int]
    spectra: Spectra | None
    """None for filters of one pixel, which answer to all frequencies alike."""


@dataclass(frozen=True)
class ActivityLayer:
    """How the units of a layer answered; all arrays are (units,)."""

    address: str
    op: str
    units: int
    floor: float | None
    """What a silent unit gives behind a rectifier; None: no rectifier, and a dead unit is one that never changes."""
    limits: tuple[float | None, float | None]
    """Values at or beyond which a unit is saturated, below and above."""
    gate: bool
    """Only looked at for saturation: no layer of feature maps and no hidden vector."""
    dead: NDArray[np.bool_]
    density: Numbers
    """Share of a unit's values, over all positions and images, that lie above the floor (above 0 without one)."""
    images: Numbers
    """Share of the images on which it has such a value."""
    saturated: Numbers
    """Share of its values at a limit."""
    lowest: Numbers
    highest: Numbers

    @property
    def can_saturate(self) -> bool:
        """Whether the op has a limit at which it no longer answers to a change, apart from a rectifier's zero."""
        return self.limits != (None, None)


@dataclass(frozen=True)
class StridedOp:
    """An op that drops positions, and what that does to the maps that it thins."""

    address: str
    op: str
    kernel: tuple[int, int]
    stride: tuple[int, int]
    units: int
    measured: tuple[int, ...]
    """The channels that were measured."""
    size: tuple[int, int]
    """Rows and columns before positions are dropped."""
    above: float
    """Share of the maps' energy above the new Nyquist limit, which the thinned map shows as something else."""
    per_unit: Numbers
    """The same for each measured channel; NaN for one that is constant."""
    agreement: float | None
    """Shift consistency: correlation of the thinned maps of a moved input with the thinned maps, moved; 1 is perfect.

    None where the thinned map is too small to be moved."""


@dataclass(frozen=True)
class ShiftConsistency:
    """How often the predicted class stays when the image moves, down and to the right, by each number of pixels."""

    pixels: tuple[int, ...]
    same: Numbers
    """Share of the images that keep their class, for each of ``pixels``."""
    classes: int
    """Different classes among the predictions: of 1, that it stays says nothing."""

    @property
    def mean(self) -> float:
        """Over all shifts."""
        return float(self.same.mean())


@dataclass(frozen=True)
class LeftOut:
    """Something that was not measured, and why."""

    what: str
    reason: str


@dataclass(frozen=True)
class Diagnosis:
    """A network's diagnosis; layers are in the order of execution. ``images`` is 0 if only weights were looked at."""

    model: str
    filters: tuple[FilterLayer, ...]
    first: FirstLayer | None
    activity: tuple[ActivityLayer, ...]
    strided: tuple[StridedOp, ...]
    shifts: ShiftConsistency | None
    images: int
    findings: tuple[Finding, ...]
    """Worst first; those without trouble too."""
    left_out: tuple[LeftOut, ...]
    skipped: tuple[tuple[str, str], ...]
    """Images that could not be used, each with its reason."""
    notes: tuple[str, ...]
