"""What the pages of a comparison say, as plain values."""

from __future__ import annotations

from dataclasses import dataclass

from convscope.atlas.comparison.result import PairSummary
from convscope.web.atlas.pieces import LayerFacts
from convscope.web.pages import Fact, Head, Link, Sprite


@dataclass(frozen=True)
class Side:
    """One of the two atlases."""

    mark: str  # A or B
    name: str  # the model, as the user named it
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class HeatCell:
    """How alike two layers are."""

    row: int
    column: int
    value: float | None  # None: one of the two does not vary
    paired: bool  # their units are compared


@dataclass(frozen=True)
class Heat:
    """How alike each layer of the first atlas (rows) is to each of the second (columns)."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[HeatCell, ...]
    side: int  # of a cell in pixels
    numbers: bool  # cells are large enough for their numbers


@dataclass(frozen=True)
class MatchedUnit:
    """A unit beside another."""

    unit: int
    sprite: Sprite | None  # None: no activation of it was kept
    projected: bool  # the sprite shows projections beside the patches
    dead: bool


@dataclass(frozen=True)
class Match:
    """A unit of the first atlas and its best match in the second."""

    first: MatchedUnit
    second: MatchedUnit | None  # None: no unit is like it at all
    score: float | None
    chance: float | None  # the best score with permuted images
    counterpart: bool  # the score is above chance
    mutual: bool
    overlap: float | None  # top images that both have, of all that either has
    expected: float | None  # the same by chance
    partner: int | None  # unit in the one-to-one assignment
    partner_score: float | None


@dataclass(frozen=True)
class PairLine:
    """A pair of layers in a list of them."""

    href: str
    why: str  # they were paired, in words
    summary: PairSummary
    samples: tuple[Match, ...]  # from the most to the least alike, evenly spaced, not chosen by looks


@dataclass(frozen=True)
class MeasureLine:
    """A number of both networks; None where one does not have it."""

    name: str
    better: str  # low or high; empty where neither is
    numbers: tuple[float | None, float | None]


@dataclass(frozen=True)
class FilterSheet:
    """A picture of all first-layer filters of a network."""

    href: str
    width: int
    height: int
    words: str  # how many, and how they are scaled


@dataclass(frozen=True)
class DiagnosisPart:
    """Two diagnoses side by side."""

    measures: tuple[MeasureLine, ...]
    images: tuple[int, int]  # that either looked at; 0: weights alone
    filters: tuple[tuple[FilterSheet, ...], tuple[FilterSheet, ...]]  # none without a layer that sees pixels


@dataclass(frozen=True)
class ComparisonPage:
    """The overview: the two networks, their layers, what was left out."""

    head: Head
    sides: tuple[Side, Side]
    basis: str  # what units were matched by: correlation or overlap
    method: str  # how, in words
    heat: Heat | None  # None without peaks
    lines: tuple[PairLine, ...]
    notes: tuple[str, ...]
    limits: tuple[str, ...]  # what a match does not show
    diagnosis: DiagnosisPart | None  # None: no diagnoses were given
    files: tuple[Link, ...]


@dataclass(frozen=True)
class ComparedLayerPage:
    """The units of a layer, each beside its match."""

    head: Head
    script: str  # address of the script that sorts, filters and finds
    names: tuple[str, str]  # of the two models
    layers: tuple[LayerFacts, LayerFacts]
    summary: PairSummary
    basis: str
    method: str
    assigned: bool  # units were also assigned one to one
    broad: bool  # most units and matches were projected
    matches: tuple[Match, ...]  # the most alike first
