"""What several pages of an atlas are made of, as plain values."""

from __future__ import annotations

from dataclasses import dataclass

from convscope.web.pages import Box, ImageLink, Sprite


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
