"""Two diagnoses side by side: measures of the whole, and layers matched by their order from the input."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from convscope.probes.diagnosis.finding import MILD, STRONG
from convscope.probes.diagnosis.result import Diagnosis

Measure = Callable[[Diagnosis], float | None]


@dataclass(frozen=True)
class Difference:
    """A measure of two networks, or of two layers; None where one does not have it."""

    measure: str
    better: str
    """``low`` or ``high``; empty if neither is."""
    layers: tuple[str | None, str | None]
    """Addresses; empty for a whole network."""
    numbers: tuple[float | None, float | None]

    @property
    def difference(self) -> float | None:
        """The second minus the first."""
        first, second = self.numbers
        return None if first is None or second is None else second - first


def compare(first: Diagnosis, second: Diagnosis) -> tuple[Difference, ...]:
    """All measures of the two as wholes, then layer by layer: filters, strided ops."""
    whole = (
        Difference(name, better, ("", ""), (measure(first), measure(second))) for name, better, measure in MEASURES
    )
    return (*whole, *_layers(first, second))


def _layers(first: Diagnosis, second: Diagnosis) -> Iterator[Difference]:
    pairs: list[tuple[str, str, Iterable[tuple[str, float | None]], Iterable[tuple[str, float | None]]]] = [
        ("largest filter / median", "low", _sizes(first), _sizes(second)),
        ("aliasing", "low", _above(first), _above(second)),
        ("shift consistency", "high", _agreement(first), _agreement(second)),
    ]
    for measure, better, one, other in pairs:
        for (a, x), (b, y) in zip_longest(one, other, fillvalue=(None, None)):
            yield Difference(measure, better, (a, b), (x, y))


def _sizes(found: Diagnosis) -> Iterable[tuple[str, float | None]]:
    return [(layer.address, layer.largest) for layer in found.filters]


def _above(found: Diagnosis) -> Iterable[tuple[str, float | None]]:
    return [(op.address, op.above) for op in found.strided]


def _agreement(found: Diagnosis) -> Iterable[tuple[str, float | None]]:
    return [(op.address, op.agreement) for op in found.strided]


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _findings(severity: str) -> Measure:
    return lambda found: float(sum(each.severity == severity for each in found.findings))


def _band(number: int) -> Measure:
    def share(found: Diagnosis) -> float | None:
        return None if found.first is None or found.first.spectra is None else found.first.spectra.mean_shares[number]

    return share


def _class_kept(found: Diagnosis) -> float | None:
    # A class that is always the same stays, whatever moves.
    return None if found.shifts is None or found.shifts.classes < 2 else found.shifts.mean


def dead(found: Diagnosis) -> float | None:
    """Share of all units that never answered; None without images."""
    layers = [layer.dead for layer in found.activity if not layer.gate]
    return float(np.concatenate(layers).mean()) if layers else None


def repeated(found: Diagnosis) -> float | None:
    """Share of the filters that repeat another one, of those that can be compared."""
    layers = [layer.twins.of >= 0 for layer in found.filters if layer.twins is not None]
    return float(np.concatenate(layers).mean()) if layers else None


def covered(found: Diagnosis) -> float | None:
    """Share of the mid band that first-layer filters cover."""
    return None if found.first is None or found.first.spectra is None else found.first.spectra.covered


MEASURES: tuple[tuple[str, str, Measure], ...] = (
    ("strong findings", "", _findings(STRONG)),
    ("mild findings", "", _findings(MILD)),
    ("dead units", "low", dead),
    ("duplicate filters", "low", repeated),
    ("largest filter / median, first layer", "low", lambda found: found.filters[0].largest if found.filters else None),
    ("mid-band coverage, first layer", "high", covered),
    ("low-band power, first layer", "", _band(0)),
    ("mid-band power, first layer", "", _band(1)),
    ("high-band power, first layer", "", _band(2)),
    ("aliasing, mean over ops", "low", lambda found: _mean(op.above for op in found.strided)),
    ("shift consistency, mean over ops", "high", lambda found: _mean(op.agreement for op in found.strided)),
    ("class under shifts", "high", _class_kept),
)
"""Measures of a whole network: name, whether low or high is better, and how it is worked out."""
