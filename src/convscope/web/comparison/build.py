"""Makes the pages of a comparison from what was found."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from convscope.atlas.comparison.matching import NOBODY
from convscope.atlas.comparison.result import Comparison, LayerPair, PairResult, summary_of
from convscope.web.atlas.catalogue import Catalogue
from convscope.web.atlas.parts import card_sprite, layer_facts, neighbours
from convscope.web.comparison.pages import (
    ComparedLayerPage,
    ComparisonPage,
    DiagnosisPart,
    Heat,
    HeatCell,
    Match,
    MatchedUnit,
    PairLine,
    Side,
)
from convscope.web.comparison.urls import OVERVIEW, PAIR, ComparisonUrls
from convscope.web.comparison.words import LIMITS, WHY, method_of
from convscope.web.head import Around, make_head
from convscope.web.pages import Fact, Head, Link
from convscope.web.urls import json_of

FILES = {
    "matches.csv": "Matches (CSV)",
    "matches.parquet": "Matches (Parquet)",
    "comparison.json": "Summary (JSON)",
}
"""What can be taken away, beside the pages."""
SAMPLES = 8
"""Matches of a pair of layers on the overview."""
_WIDEST = 640
"""Pixels of the heat map's cells side by side, at most, as long as they stay large enough to point at."""
_CELL = (12, 40)
_NUMBERED = 30


@dataclass(frozen=True)
class Compared:
    """Two atlases, what was found, and their diagnoses if they were given."""

    catalogues: tuple[Catalogue, Catalogue]
    comparison: Comparison
    diagnosis: DiagnosisPart | None = None

    @cached_property
    def specs(self) -> tuple[str, str]:
        """The models, as their users named them."""
        first, second = (catalogue.atlas.manifest.model.spec for catalogue in self.catalogues)
        return first, second

    @property
    def basis(self) -> str:
        """What units were matched by."""
        return self.comparison.pairs[0].basis


def overview(compared: Compared) -> ComparisonPage:
    """The page of the whole comparison."""
    found = compared.comparison
    return ComparisonPage(
        head=_head(compared, OVERVIEW, "Comparison", OVERVIEW.index()),
        sides=(_side(compared, 0), _side(compared, 1)),
        basis=compared.basis,
        method=method_of(found, compared.basis),
        heat=None if found.cka is None else _heat(found, found.cka),
        lines=tuple(_line(compared, result) for result in found.pairs),
        notes=found.notes,
        limits=LIMITS,
        diagnosis=compared.diagnosis,
        files=tuple(Link(text, OVERVIEW.file(name)) for name, text in FILES.items()),
    )


def compared_layer(compared: Compared, number: int) -> ComparedLayerPage:
    """The page of the pair of layers with this number."""
    pairs = compared.comparison.pairs
    result = pairs[number]
    page, title = _href(PAIR, result.pair), _title(result.pair)
    around = neighbours(pairs, number, lambda near: Link(_title(near.pair), _href(PAIR, near.pair)))
    rows = result.pair.first, result.pair.second
    matches = tuple(_match(compared, result, unit, PAIR) for unit in _ordered(result))
    facts = tuple(
        layer_facts(catalogue, row, PAIR.side(side))
        for side, (catalogue, row) in enumerate(zip(compared.catalogues, rows, strict=True))
    )
    return ComparedLayerPage(
        head=_head(compared, PAIR, title, page, (Link("Comparison", PAIR.index()),), around),
        script=PAIR.static("units.js"),
        names=compared.specs,
        layers=(facts[0], facts[1]),
        summary=summary_of(result),
        basis=result.basis,
        method=method_of(compared.comparison, result.basis),
        assigned=result.matches.partner is not None,
        broad=2 * sum(_is_broad(match) for match in matches) > len(matches),
        matches=matches,
    )


def _head(
    compared: Compared,
    urls: ComparisonUrls,
    title: str,
    page: str,
    trail: tuple[Link, ...] = (),
    around: Around = (None, None),
) -> Head:
    shown = f"{title} \N{MIDDLE DOT} {' | '.join(compared.specs)}"
    return make_head(urls.static, shown, json_of(page), trail, around, ["atlas.css", "comparison.css"])


def _href(urls: ComparisonUrls, pair: LayerPair) -> str:
    return urls.pair(pair.first.layer, pair.second.layer)


def _title(pair: LayerPair) -> str:
    first, second = pair.first.layer, pair.second.layer
    return first if first == second else f"{first} | {second}"


def _side(compared: Compared, number: int) -> Side:
    manifest = compared.catalogues[number].atlas.manifest
    rows = compared.catalogues[number].atlas.layers()
    facts = (
        Fact("Architecture", manifest.model.architecture),
        Fact("Layers", str(len(rows))),
        Fact("Units", str(sum(row.units for row in rows))),
        Fact("Weights and ops", manifest.model.digest[:12]),
        Fact("Images", f"{manifest.data.images} of {manifest.data.name}"),
        Fact("Made", manifest.created[:10]),
    )
    return Side("AB"[number], manifest.model.spec, facts)


def _heat(found: Comparison, cka: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Heat:
    rows, columns = found.layers
    paired = {(result.pair.first.layer, result.pair.second.layer) for result in found.pairs}
    smallest, largest = _CELL
    side = min(max(_WIDEST // len(columns), smallest), largest)
    cells = tuple(
        HeatCell(row, column, None if math.isnan(value) else float(value), (rows[row], columns[column]) in paired)
        for (row, column), value in np.ndenumerate(cka)
    )
    return Heat(rows, columns, cells, side, numbers=side >= _NUMBERED)


def _line(compared: Compared, result: PairResult) -> PairLine:
    matched = [unit for unit in _ordered(result) if result.matches.best[unit] != NOBODY]
    count = min(SAMPLES, len(matched))
    chosen = [matched[round(place * (len(matched) - 1) / max(count - 1, 1))] for place in range(count)]
    samples = tuple(_match(compared, result, unit, OVERVIEW) for unit in chosen)
    return PairLine(_href(OVERVIEW, result.pair), WHY[result.pair.why], summary_of(result), samples)


def _ordered(result: PairResult) -> list[int]:
    """The most alike units first."""
    score = np.nan_to_num(result.matches.score, nan=-1)
    return sorted(range(len(score)), key=lambda unit: (-score[unit], unit))


def _match(compared: Compared, result: PairResult, unit: int, urls: ComparisonUrls) -> Match:
    found, best = result.matches, int(result.matches.best[unit])
    return Match(
        first=_unit(compared, result, 0, unit, urls),
        second=None if best == NOBODY else _unit(compared, result, 1, best, urls),
        score=_known(found.score[unit]),
        chance=_known(found.chance[unit]),
        counterpart=bool(found.counterpart[unit]),
        mutual=bool(found.mutual[unit]),
        overlap=_known(result.overlap[unit]),
        expected=_known(result.expected[unit]),
        partner=None if found.partner is None or found.partner[unit] == NOBODY else int(found.partner[unit]),
        partner_score=None if found.partner_score is None else _known(found.partner_score[unit]),
    )


def _unit(compared: Compared, result: PairResult, side: int, unit: int, urls: ComparisonUrls) -> MatchedUnit:
    catalogue, layer = compared.catalogues[side], (result.pair.first, result.pair.second)[side]
    key = layer.layer, unit
    sprite = card_sprite(catalogue, layer, unit, urls.side(side)) if key in catalogue.driven else None
    return MatchedUnit(unit, sprite, key in catalogue.projected, bool(result.dead[side][unit]))


def _is_broad(match: Match) -> bool:
    return match.first.projected and match.second is not None and match.second.projected


def _known(value: np.floating) -> float | None:
    return None if np.isnan(value) else float(value)
