"""Compares two atlases over the same images, unit by unit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convscope.atlas.comparison.chance import expected_jaccard
from convscope.atlas.comparison.layers import Matrix
from convscope.atlas.comparison.matching import NOBODY, Matches, match
from convscope.atlas.comparison.pairing import pair_layers
from convscope.atlas.comparison.result import CORRELATION, OVERLAP, CompareAsk, Comparison, LayerPair, PairResult
from convscope.atlas.comparison.rows import correlation, jaccard, peak_rows, top_rows
from convscope.atlas.comparison.sample import Sample, check_same_images, sample_of, sample_remark
from convscope.atlas.reader import Atlas

USUAL = CompareAsk()
Tops = Sequence[frozenset[int]]
Report = Callable[[str, int, int], None]
"""Told the stage, how many units were matched, and of how many."""


@dataclass(frozen=True)
class _Pair:
    """Two atlases, and what all pairs of their layers share."""

    first: Atlas
    second: Atlas
    ask: CompareAsk
    sample: Sample | None
    cka: Matrix | None

    @property
    def top(self) -> int:
        """Top activations of each unit that count."""
        return min(self.first.manifest.settings.top, self.second.manifest.settings.top)

    @property
    def used(self) -> int:
        """Images that neither atlas left out."""
        both = zip(self.first.images(), self.second.images(), strict=True)
        return sum(one.skipped is None and other.skipped is None for one, other in both)


def compare_atlases(
    first: Atlas,
    second: Atlas,
    ask: CompareAsk = USUAL,
    report: Report = lambda stage, done, total: None,  # noqa: ARG005
) -> Comparison:
    """Match the units of each layer of ``first`` to those of a layer of ``second``.

    By the correlation of their peaks; where an atlas has no peaks, by the top images they share. Raises
    AtlasMismatchError if the atlases are not over the same images or no layers can be paired, AddressError for a
    layer that is not there.
    """
    check_same_images(first, second)
    sample = sample_of(first, second)
    two = _Pair(first, second, ask, sample, None if sample is None else sample.cka())
    pairs, notes = pair_layers(first, second, ask.layers, two.cka)
    return Comparison(
        images=two.used,
        sampled=None if sample is None else len(sample.images),
        top=two.top,
        ask=ask,
        layers=(_names(first), _names(second)),
        cka=two.cka,
        pairs=tuple(_results(two, pairs, report)),
        notes=(*_remarks(two), *notes),
    )


def _results(two: _Pair, pairs: Sequence[LayerPair], report: Report) -> Iterator[PairResult]:
    done, total = 0, sum(pair.first.units for pair in pairs)
    for pair in pairs:
        yield _result(two, pair)
        done += pair.first.units
        report("match", done, total)


def _result(two: _Pair, pair: LayerPair) -> PairResult:
    tops = _tops(two.first, pair.first.layer, two.top), _tops(two.second, pair.second.layer, two.top)
    matches = _matches(two, pair, tops)
    overlap, expected = _overlaps(matches, tops, two.used)
    return PairResult(
        pair=pair,
        basis=OVERLAP if two.sample is None else CORRELATION,
        matches=matches,
        overlap=overlap,
        expected=expected,
        dead=(_dead(two.first, pair.first.layer), _dead(two.second, pair.second.layer)),
        cka=_cka(two, pair),
    )


def _matches(two: _Pair, pair: LayerPair, tops: tuple[Tops, Tops]) -> Matches:
    chance, assign = two.ask.chance, two.ask.one_to_one
    if two.sample is None:
        rows = [top_rows(each, len(two.first.images())) for each in tops]
        return match(rows[0], rows[1], jaccard, chance, assign=assign)
    rows = [peak_rows(each) for each in two.sample.peaks(pair.first.layer, pair.second.layer)]
    return match(rows[0], rows[1], correlation, chance, assign=assign)


def _tops(atlas: Atlas, layer: str, top: int) -> Tops:
    """The images that drive each unit most."""
    return [frozenset(row.image for row in rows[:top]) for rows in atlas.top_of_layer(layer).values()]


def _overlaps(
    matches: Matches, tops: tuple[Tops, Tops], images: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    found = np.full((2, len(tops[0])), np.nan, np.float32)
    for unit, best in enumerate(matches.best.tolist()):
        if best != NOBODY and tops[0][unit] | tops[1][best]:
            one, other = tops[0][unit], tops[1][best]
            found[:, unit] = len(one & other) / len(one | other), expected_jaccard(len(one), len(other), images)
    return found[0], found[1]


def _dead(atlas: Atlas, layer: str) -> NDArray[np.bool_]:
    return np.array([unit.dead for unit in atlas.units(layer)], np.bool_)


def _cka(two: _Pair, pair: LayerPair) -> float | None:
    if two.cka is None:
        return None
    place = _names(two.first).index(pair.first.layer), _names(two.second).index(pair.second.layer)
    value = float(two.cka[place])
    return None if np.isnan(value) else value


def _names(atlas: Atlas) -> tuple[str, ...]:
    return tuple(row.layer for row in atlas.layers())


def _remarks(two: _Pair) -> Iterator[str]:
    if two.sample is None:
        yield sample_remark(two.first, two.second)
    if two.first.manifest.model.digest == two.second.manifest.model.digest:
        yield "Both atlases are of the same network with the same weights."
