"""What the pages of an evolution say, as plain values."""

from __future__ import annotations

from dataclasses import dataclass

from convscope.web.chart import Chart
from convscope.web.pages import Box, Fact, Head, Picture, Sprite
from convscope.web.results.values import Download


@dataclass(frozen=True)
class Mark:
    """A checkpoint under the slider."""

    label: str
    short: str  # without the word that all labels begin with
    named: bool  # there is room for its short name
    jumped: int  # units whose winner is another image than at the checkpoint before
    compared: int  # units that had a winner at both; 0 for the first checkpoint
    height: float  # of its bar, from 0 to 100: the share that jumped


@dataclass(frozen=True)
class Measure:
    """How like its final self a layer is, by one measure."""

    name: str
    question: str  # that it answers
    settled: float | None  # the position from which the median stays near the end; None where nothing can be compared
    when: str  # the same in words
    units: int  # that have something to compare
    unrelated: float | None  # the same between different units
    median: tuple[float | None, ...]  # by checkpoint


@dataclass(frozen=True)
class Tile:
    """A unit that was drawn."""

    unit: int
    href: str  # of its strip
    sprite: Sprite  # small: columns are checkpoints, projections above patches
    large: str  # address of the same in large
    peaks: tuple[float | None, ...]  # strongest activation by checkpoint; None where the unit is silent
    jumps: tuple[int, ...]  # numbers of the checkpoints at which its winner is another image than before


@dataclass(frozen=True)
class Bare:
    """A unit of which numbers are known, but no pictures."""

    unit: int
    silent: tuple[int, ...]  # numbers of the checkpoints at which no activation is above zero
    jumps: tuple[int, ...]


@dataclass(frozen=True)
class EvolutionLayerPage:
    """Every unit of a layer at a checkpoint, with a scrubber over all of them."""

    head: Head
    scrubber: str  # address of the script
    address: str
    units: int
    silent: int  # units without an activation above zero in the end
    word: str  # that all checkpoints' labels begin with
    marks: tuple[Mark, ...]
    tiles: tuple[Tile, ...]
    bare: tuple[Bare, ...]
    large: Sprite  # what large sprites are like; its address is empty
    measures: tuple[Measure, ...]
    chart: Chart
    method: str
    file: str  # address of the table with the numbers of all units


@dataclass(frozen=True)
class Step:
    """A unit at one checkpoint."""

    label: str
    short: str
    value: float | None  # strongest activation; None where none is above zero
    image: str | None  # the winner: where it is
    y: int | None
    x: int | None
    jump: bool  # another image than at the checkpoint before
    overlap: float | None  # share of the final strongest images among the strongest
    ranking: float | None  # rank correlation with the final checkpoint
    projection: Box | None  # cell of the sprite; None where nothing was drawn
    patch: Box | None


@dataclass(frozen=True)
class EvolutionStrip:
    """A unit over all checkpoints."""

    layer: str
    unit: int
    href: str  # its own page
    word: str  # that all checkpoints' labels begin with
    sprite: Sprite | None  # None: it was not among the units that were drawn
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class UnitInAtlas:
    """The same unit in an atlas that was made from one of the checkpoints."""

    name: str  # of the atlas's model
    label: str  # of the checkpoint
    href: str


@dataclass(frozen=True)
class EvolutionStripPage:
    """A strip with a page of its own."""

    head: Head
    strip: EvolutionStrip
    jumps: int
    method: str
    atlases: tuple[UnitInAtlas, ...]  # that are open beside it


@dataclass(frozen=True)
class LayerLine:
    """A layer on the page of the evolution."""

    address: str
    href: str
    units: int
    drawn: int
    silent: int  # in the end
    measures: tuple[Measure, ...]
    dots: tuple[float | None, ...]  # the measures' settling points, in percent of the way through training
    samples: tuple[Tile, ...]  # a few of its units, evenly spaced by channel


@dataclass(frozen=True)
class EvolutionPage:
    """The evolution as a whole: when each layer came about."""

    head: Head
    scrubber: str  # address of the script
    name: str
    word: str  # that all checkpoints' labels begin with
    marks: tuple[Mark, ...]  # of all layers together
    layers: tuple[LayerLine, ...]
    large: Sprite  # what large sprites are like; its address is empty
    orders: tuple[Fact, ...]  # whether lower layers settle first, by each measure
    method: str
    film: Picture | None  # None: there is none, or it is too large for a page
    still: str | None  # address of the figure in place of the film, for who wants no movement
    downloads: tuple[Download, ...]
    facts: tuple[Fact, ...]
    skipped: tuple[Fact, ...]  # images that were left out, with the reasons
    notes: tuple[str, ...]
