"""What a self-test found: by layer and comparison, the largest difference between two ways to the same numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

OUTPUT = "output"
"""Stands for the network's result where a layer is named."""

CHECKS: Mapping[str, tuple[str, float]] = {
    "graph": ("the exported graph gives what the network's own modules give", 1e-3),
    "deconvnet": ("DeconvNet projections are those of autograd with rewritten rectifiers", 1e-3),
    "guided_backprop": ("guided backprop projections are those of autograd with rewritten rectifiers", 1e-3),
    "gradient": ("gradient projections are those of autograd", 1e-3),
    "windows": ("projections on windows are those on whole maps", 1e-3),
    "occlusion": ("answers for an occluder on windows are those of the network on whole occluded images", 1e-3),
    "activation": ("the activations that the atlas keeps are those of the model", 1e-3),
    "peak": ("the peaks that the atlas keeps are those of the model", 1e-3),
    "projection": ("the projections that the atlas keeps are those made and packed now", 5e-2),
    "picture": ("the pictures that the atlas keeps are those made now", 1e-2),
}
"""What is compared, and the largest difference that passes, in parts of the largest value of the reference.

Rounding of float32 adds up over the ops on the way, and a packed projection has 256 levels, of which one more or less
is already 0.02 near the peak. A wrong rule, border or switch gives differences near 1.
"""


@dataclass(frozen=True)
class Check:
    """One comparison at one layer.

    ``difference``: the largest absolute difference in parts of the reference's largest absolute value, NaN if either is
    not finite.
    """

    layer: str
    check: str
    image: str
    difference: float
    units: tuple[int, ...] = ()
    """The units that were carried down, where units were."""

    @property
    def passed(self) -> bool:
        """Whether the difference is one of rounding."""
        return self.difference <= CHECKS[self.check][1]


@dataclass(frozen=True)
class Untested:
    """A comparison that could not be made, and why."""

    layer: str
    check: str
    reason: str


@dataclass(frozen=True)
class Verification:
    """All comparisons, from input to output; ``seconds`` that they took."""

    checks: tuple[Check, ...]
    untested: tuple[Untested, ...]
    images: tuple[str, ...]
    notes: tuple[str, ...]
    seconds: float

    @classmethod
    def ordered(
        cls,
        found: Sequence[Check | Untested],
        layers: Sequence[str],
        images: tuple[str, ...],
        notes: tuple[str, ...],
        seconds: float,
    ) -> Verification:
        """What was ``found``, in the order of ``layers`` (addresses, from input to output), what is of none last."""
        depth = {layer: place for place, layer in enumerate(layers)}
        rows = sorted(found, key=lambda each: depth.get(each.layer, len(layers)))
        checks = tuple(each for each in rows if isinstance(each, Check))
        untested = tuple(each for each in rows if isinstance(each, Untested))
        return cls(checks, untested, images, notes, seconds)

    @property
    def passed(self) -> bool:
        """Whether all comparisons passed, and there was one at all."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    @property
    def layers(self) -> tuple[str, ...]:
        """Addresses of the layers that were looked at, the network's result last."""
        named = [check.layer for check in self.checks] + [each.layer for each in self.untested]
        return (*dict.fromkeys(layer for layer in named if layer != OUTPUT), OUTPUT)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The comparisons that were made or left out, in the order of ``CHECKS``."""
        named = {each.check for each in self.checks} | {each.check for each in self.untested}
        return tuple(name for name in CHECKS if name in named)

    def of(self, layer: str, check: str) -> Check | None:
        """The comparison of one kind at a layer, the worst if there are several; None if there is none."""
        found = [each for each in self.checks if (each.layer, each.check) == (layer, check)]
        failed = [each for each in found if not each.passed]
        return max(failed or found, key=lambda each: each.difference, default=None)
