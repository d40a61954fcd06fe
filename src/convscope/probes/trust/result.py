"""What the sanity tests found, for each method and layer: numbers, and what may be said because of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from convscope.errors import AddressError
from convscope.probes.trust.verdicts import (
    LIMITS,
    MIXED,
    NOT,
    READS,
    TESTS,
    UNKNOWN,
    badge_of,
    sentence_of,
    titled,
    verdict_of,
)


@dataclass(frozen=True)
class Likeness:
    """Mean similarity of ``pairs`` pictures; NaN if there is none. ``empty`` pairs had a picture without content."""

    rank: float
    """Spearman's correlation of the signed values."""
    absolute: float
    """The same of absolute values: how far the same pixels are lit, whatever the sign."""
    ssim: float
    """Structural similarity of the pictures as they are displayed (Wang et al. 2004)."""
    spread: float
    """Standard deviation of ``rank`` over the pairs."""
    pairs: int
    empty: int


@dataclass(frozen=True)
class CascadeStep:
    """Likeness to the trained network's pictures with the ``count`` topmost of ``total`` ops re-initialised.

    ``lowest`` is the address of the lowest of these.
    """

    count: int
    total: int
    lowest: str
    likeness: Likeness


@dataclass(frozen=True)
class LayerTrust:
    """The tests of one method at one layer; ``likeness`` is in the order of TESTS."""

    method: str
    layer: str
    likeness: tuple[Likeness, ...]
    cascade: tuple[CascadeStep, ...]

    @cached_property
    def ranks(self) -> dict[str, float]:
        """Mean rank correlation by test."""
        return {test: found.rank for test, found in zip(TESTS, self.likeness, strict=True)}

    def of(self, test: str) -> Likeness:
        """One test: ``weight`` (mean over the cascade), ``unit``, ``signal`` or ``image``."""
        return self.likeness[list(TESTS).index(test)]

    def verdict(self, test: str) -> str:
        """What the test says, in a word."""
        return verdict_of(test, self.ranks[test])

    @property
    def badge(self) -> str:
        """All tests in a few words: how such a picture may be read."""
        return badge_of(self.ranks)

    @property
    def sentence(self) -> str:
        """The same in plain words, with the number that decided."""
        return sentence_of(self.method, self.layer, self.ranks)


@dataclass(frozen=True)
class Trust:
    """Sanity scores of a network's pictures, method by method and from input to output."""

    rows: tuple[LayerTrust, ...]
    images: tuple[str, ...]
    """Names of the images that were used."""
    notes: tuple[str, ...]

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that were tested."""
        return tuple(dict.fromkeys(row.method for row in self.rows))

    @property
    def layers(self) -> tuple[str, ...]:
        """Addresses of the layers that were tested."""
        return tuple(dict.fromkeys(row.layer for row in self.rows))

    def of(self, method: str, layer: str) -> LayerTrust:
        """The tests of one method at one layer; raises AddressError if they were not made."""
        for row in self.rows:
            if (row.method, row.layer) == (method, layer):
                return row
        raise AddressError(
            f"no test of {method!r} at {layer!r}; the methods are {', '.join(self.methods)}, the layers "
            f"{', '.join(self.layers)}"
        )

    def sentence(self, method: str, layer: str | None = None) -> str:
        """What may be said of the pictures of one layer, or of all layers together."""
        if layer is not None:
            return self.of(method, layer).sentence
        rows = [row for row in self.rows if row.method == method]
        if not rows:
            raise AddressError(f"no test of {method!r}; the methods are {', '.join(self.methods)}")
        worst = max(rows, key=lambda row: _worst(row))
        reading, warned = (sum(row.badge == badge for row in rows) for badge in (READS, NOT))
        return (
            f"{titled(method)}: of {len(rows)} layers, {reading} read as the unit and {warned} do not. {worst.sentence}"
        )


def _worst(row: LayerTrust) -> tuple[int, float]:
    """What it is called, and how far the worst test is beyond its own limit: those of the tests differ."""
    measured = [rank / LIMITS[test][1] for test, rank in row.ranks.items() if test != "image" and not math.isnan(rank)]
    return (UNKNOWN, READS, MIXED, NOT).index(row.badge), max(measured, default=-math.inf)
