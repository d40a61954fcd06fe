"""What each page of an atlas says, as plain values."""

from __future__ import annotations

from dataclasses import dataclass

from convscope.web.atlas.drawing import Drawing
from convscope.web.atlas.histogram import Histogram
from convscope.web.atlas.pieces import LayerFacts, Method, Rule, Skip, Top, Trust, UnitCard
from convscope.web.atlas.preference import Preference
from convscope.web.atlas.spectrum import Spectrum, SpectrumPanel
from convscope.web.evolution.pages import EvolutionStrip
from convscope.web.pages import Box, Fact, Head, ImageLink, Link, Sprite


@dataclass(frozen=True)
class LayerStrip:
    """A layer on the index, with some of its units, evenly spaced by channel."""

    layer: LayerFacts
    trust: Trust | None  # None: its pictures were not tested
    spectrum: Spectrum | None  # None: nothing was projected, or the atlas is older than its table of spectra
    samples: tuple[UnitCard, ...]  # of the projected units; of those with top activations if none was projected


@dataclass(frozen=True)
class MethodPicture:
    """The strongest activation of a unit projected by one method, made when it is looked at."""

    title: str
    href: str
    width: int
    height: int


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
class UnitEvolution:
    """How a unit came about, by an evolution that the atlas's network is part of."""

    name: str  # of the evolution
    page: Link  # of the unit in it; of its layer, where the unit was not drawn
    sheet: str  # address of the style sheet of strips
    here: int  # number of the checkpoint that is the atlas's network
    method: str  # of its projections
    strip: EvolutionStrip


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
    drawing: Drawing  # the network from input to output
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
    spectrum: SpectrumPanel | None  # None: nothing was projected, or the atlas is older than its table of spectra


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
    methods: tuple[MethodPicture, ...]  # side by side; empty where no server has the model
    evolutions: tuple[UnitEvolution, ...]  # that are open beside the atlas
    method: Method
    trust: Trust | None  # None: its pictures were not tested


@dataclass(frozen=True)
class ImagePage:
    """One image and the units that it drives most."""

    head: Head
    asks: tuple[Link, ...]  # live questions about this image
    predict: str | None  # address of what the network says of it; None where no server has the model
    script: str | None  # address of the script that shows it
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
