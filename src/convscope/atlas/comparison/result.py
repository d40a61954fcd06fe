"""What a comparison of two atlases found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convscope.atlas.comparison.chance import USUAL, Chance
from convscope.atlas.comparison.matching import NOBODY, Matches
from convscope.atlas.schema import LayerRow

ASKED, ADDRESS, ALIKE = "asked", "address", "alike"
"""Why two layers were compared: the user said so, they have one address and op, or no other is more alike."""
CORRELATION, OVERLAP = "correlation", "overlap"
"""What units were matched by: their peaks, or only the images that drive them most."""


@dataclass(frozen=True)
class CompareAsk:
    """What is asked: pairs of layers by address (None: found), what chance is, and whether to match one to one."""

    layers: tuple[tuple[str, str], ...] | None = None
    chance: Chance = USUAL
    one_to_one: bool = False


@dataclass(frozen=True)
class LayerPair:
    """A layer of the first atlas and the layer of the second that it is compared with."""

    first: LayerRow
    second: LayerRow
    why: str


@dataclass(frozen=True)
class PairResult:
    """The units of a layer, matched to those of another; arrays are (units of the first,)."""

    pair: LayerPair
    basis: str
    matches: Matches
    overlap: NDArray[np.float32]
    """Top images shared with the best match, of all that either has; NaN without a match."""
    expected: NDArray[np.float32]
    """The same for units that draw as many images by chance."""
    dead: tuple[NDArray[np.bool_], NDArray[np.bool_]]
    """Units of either that no image drives."""
    cka: float | None


@dataclass(frozen=True)
class PairSummary:
    """A pair of layers in numbers; shares are of the units that could be compared, None where there are none."""

    first: str
    second: str
    why: str
    basis: str
    units: int
    others: int
    compared: int
    """Units of the first whose peaks vary, or that have top images."""
    median: float | None
    """Median score of the best matches."""
    half: float | None
    """Share with a score above 0.5."""
    most: float | None
    """Share with a score above 0.8."""
    mutual: float | None
    unmatched: int
    """Units of the first, of those compared, without a counterpart."""
    lonely: int
    """The same of the second."""
    dead: int
    others_dead: int
    overlap: float | None
    """Median of the shared top images, and below of what chance would give."""
    expected: float | None
    cka: float | None


@dataclass(frozen=True)
class Comparison:
    """Two atlases over the same images, layer by layer."""

    images: int
    """Used by both."""
    sampled: int | None
    """Of these, those with peaks in both; None without peaks."""
    top: int
    """Top activations of each unit that count."""
    ask: CompareAsk
    layers: tuple[tuple[str, ...], tuple[str, ...]]
    cka: NDArray[np.float64] | None
    """(layers of the first, of the second), NaN where a layer does not vary; None without peaks."""
    pairs: tuple[PairResult, ...]
    notes: tuple[str, ...]


def summary_of(result: PairResult) -> PairSummary:
    """The numbers of a pair of layers."""
    matches = result.matches
    compared = matches.comparable
    score = np.where(matches.best == NOBODY, 0, matches.score)[compared]
    return PairSummary(
        first=result.pair.first.layer,
        second=result.pair.second.layer,
        why=result.pair.why,
        basis=result.basis,
        units=result.pair.first.units,
        others=result.pair.second.units,
        compared=int(compared.sum()),
        median=_median(score),
        half=_share(score > 0.5),
        most=_share(score > 0.8),
        mutual=_share(matches.mutual[compared]),
        unmatched=int((compared & ~matches.counterpart).sum()),
        lonely=matches.lonely,
        dead=int(result.dead[0].sum()),
        others_dead=int(result.dead[1].sum()),
        overlap=_median(result.overlap[~np.isnan(result.overlap)]),
        expected=_median(result.expected[~np.isnan(result.expected)]),
        cka=result.cka,
    )


def _median(values: NDArray[np.floating]) -> float | None:
    return float(np.median(values)) if len(values) else None


def _share(values: NDArray[np.bool_]) -> float | None:
    return float(values.mean()) if len(values) else None
