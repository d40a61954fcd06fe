"""What each page says, as plain values: a page is one of these, shown as HTML or as JSON.

Numbers stay numbers (templates format them), links are made by ``urls``, and nothing here reads a file.
"""

from __future__ import annotations

from dataclasses import dataclass

from convscope.web.histogram import Histogram
from convscope.web.preference import Preference


@dataclass(frozen=True)
class Link:
    """A place to go: shown text and address."""

    text: str
    href: str


@dataclass(frozen=True)
class Head:
    """What all pages share."""

    title: str  # of the browser's tab
    style: str  # address of the style sheet
    script: str  # address of the script
    json: str  # address of the same page as JSON
    trail: tuple[Link, ...]  # the way here from the index, without the page itself
    previous: Link | None  # neighbour on the left, also on the arrow key
    next: Link | None  # neighbour on the right


@dataclass(frozen=True)
class Sprite:
    """One picture that holds a unit's tiles in equal cells, row by row."""

    href: str
    width: int  # of the whole sprite in pixels
    height: int
    pixelated: bool  # true where a cell is so small that smoothing would invent detail


@dataclass(frozen=True)
class UnitCard:
    """A unit in a list of units."""

    unit: int
    href: str
    sprite: Sprite | None  # None: no activation of it was kept, as of a dead unit
    projected: bool  # false: the sprite shows patches only
    peak_max: float
    peak_mean: float
    active: float
    dead: bool
    best_class: str | None
    selectivity: float | None
    sparseness: float | None  # over a unit's life, 0 to 1; None: its mean peak is not above zero


@dataclass(frozen=True)
class LayerFacts:
    """A layer in words and numbers."""

    address: str
    href: str
    op: str
    units: int
    dead: int
    height: int  # of the map
    width: int
    field_height: int  # receptive field in input pixels
    field_width: int
    stride_y: int
    stride_x: int
    whole: bool  # the receptive field covers the whole input
    gated: bool


@dataclass(frozen=True)
class LayerStrip:
    """A layer on the index, with some of its units, evenly spaced by channel."""

    layer: LayerFacts
    samples: tuple[UnitCard, ...]  # of the projected units; of those with top activations if none was projected


@dataclass(frozen=True)
class Method:
    """How the pictures were made."""

    name: str
    title: str
    sentence: str  # what the method does, in one sentence
    limits: tuple[str, ...]  # what its pictures do not show
    scaling: str  # how numbers became colours
    notes: tuple[str, ...]  # such as that the network has no switches


@dataclass(frozen=True)
class TrustTest:
    """One sanity test of a layer's pictures."""

    name: str
    question: str
    rank: float | None  # mean rank correlation of the pairs; None without pairs
    pairs: int
    verdict: str


@dataclass(frozen=True)
class Trust:
    """How the pictures of a layer may be read, from the sanity tests that were made of them."""

    badge: str
    mark: str  # a sign that says the same without colour
    level: str  # good, fair, poor or unknown: for the style sheet
    sentence: str
    tests: tuple[TrustTest, ...]


@dataclass(frozen=True)
class Fact:
    """A labelled value in a list of facts."""

    name: str
    value: str


@dataclass(frozen=True)
class Rule:
    """Which rule was applied to which op of the model, and how often."""

    op: str
    kind: str
    rule: str
    count: int


@dataclass(frozen=True)
class Skip:
    """An image that was left out."""

    image: int
    name: str
    reason: str


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels of the model's view."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class Picture:
    """What the model saw of an image."""

    href: str
    width: int
    height: int


@dataclass(frozen=True)
class ImageLink:
    """An image, wherever it is mentioned."""

    image: int
    name: str
    label: str | None
    href: str
    picture: Picture | None  # None: the atlas holds no picture of it


@dataclass(frozen=True)
class Top:
    """One of a unit's strongest activations."""

    rank: int  # 0 is the strongest
    value: float
    y: int  # position in the map
    x: int
    image: ImageLink
    window: Box  # what the unit sees, inside the image
    frame: Box  # what a tile shows: the window, or for a clipped one a full-sized box moved inside the image
    clipped: bool  # the receptive window reaches past the image
    cell: Box | None  # of the projection in the unit's sprite; None: not projected


@dataclass(frozen=True)
class ClassTops:
    """A unit's strongest activations among the images of one class."""

    name: str
    tops: tuple[Top, ...]


@dataclass(frozen=True)
class SimilarUnit:
    """A unit of the same layer whose peaks rise and fall with those of the page's unit."""

    unit: int
    href: str
    sprite: Sprite | None  # None: no activation of it was kept
    correlation: float  # Pearson's, over the sampled images
    twin: bool  # so high that it is nearly a duplicate


@dataclass(frozen=True)
class UnitPeaks:
    """What a unit's peaks say, over a sample of the images."""

    images: int  # of the sample
    histogram: Histogram | None  # None: all peaks are zero
    preference: Preference | None  # None: fewer than two classes, or all peaks are zero
    similar: tuple[SimilarUnit, ...]  # the most similar first
    twin: float  # from what correlation on a unit counts as nearly a duplicate
    chance: float  # a correlation that unrelated units reach; up to it none is listed
    alone: str | None  # why there are no similar units


@dataclass(frozen=True)
class Appearance:
    """A unit for which an image is among the strongest."""

    unit: int
    href: str
    rank: int
    value: float
    window: Box
    frame: Box
    whole: bool  # the unit sees the whole picture, which needs no second look
    projection: Sprite | None  # the unit's small sprite; None: not projected
    place: int | None  # of the projection in that sprite, from 0 and row by row
    pixelated: bool


@dataclass(frozen=True)
class LayerAppearances:
    """The units of one layer for which an image is among the strongest."""

    layer: Link
    units: tuple[Appearance, ...]  # that have something of their own to show: a projection, or a part of the image
    others: tuple[Appearance, ...]  # that see the whole image and were not projected


@dataclass(frozen=True)
class IndexPage:
    """The atlas: model, method, layers, data, provenance."""

    head: Head
    name: str  # the model, as the user named it
    units: int  # in all layers
    partial: bool  # some units with top activations were projected, others not
    layers: tuple[LayerStrip, ...]
    method: Method
    model: tuple[Fact, ...]
    data: tuple[Fact, ...]
    notes: tuple[str, ...]  # what was remarked about the model
    rules: tuple[Rule, ...]
    provenance: tuple[Fact, ...]
    images: Link
    skips: tuple[Skip, ...]  # the first ones
    skipped: int  # how many in all


@dataclass(frozen=True)
class LayerPage:
    """All units of a layer."""

    head: Head
    script: str  # address of the script that sorts, filters and finds
    layer: LayerFacts
    units: tuple[UnitCard, ...]
    driven: int  # units that have top activations
    projected: int  # units that have projections
    labelled: bool  # units have a best class
    sheet: str | None  # address of the layer's contact sheet, a PNG
    method: Method
    trust: Trust | None  # None: its pictures were not tested


@dataclass(frozen=True)
class UnitPage:
    """One unit: statistics, projections, patches, whole images."""

    head: Head
    address: str  # layer:unit
    snippet: str  # Python that gets the same values
    command: str | None  # shell command that projects the strongest activation; None if that is in the atlas
    projected_before: Link | None  # nearest projected units, where the layer has others between them
    projected_after: Link | None
    layer: LayerFacts
    unit: UnitCard
    images: int  # that the statistics are over
    peak_std: float
    projections: Sprite | None  # None: this unit was not projected
    pixelated: bool  # patches are so small that smoothing would invent detail
    tops: tuple[Top, ...]
    peaks: UnitPeaks | None  # None: the atlas is older than its table of peaks
    classes: tuple[ClassTops, ...]
    class_limit: int  # no more classes than so many are shown
    method: Method
    trust: Trust | None  # None: its pictures were not tested


@dataclass(frozen=True)
class ImagePage:
    """One image and the units that it drives most."""

    head: Head
    image: ImageLink
    size: str  # of the file, before resizing
    count: int  # of units
    layers: tuple[LayerAppearances, ...]


@dataclass(frozen=True)
class ImagesPage:
    """Part of the list of images that appear in the atlas, and all that were skipped."""

    head: Head
    part: int  # from 1
    parts: int
    count: int  # images in all parts
    images: tuple[ImageLink, ...]
    skips: tuple[Skip, ...]  # on the first part only


Page = IndexPage | LayerPage | UnitPage | ImagePage | ImagesPage
