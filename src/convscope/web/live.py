"""What pages say on which live questions are asked: the choices. Answers are filled in by their scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from convscope.web.atlas.catalogue import Catalogue
from convscope.web.atlas.parts import image_link
from convscope.web.head import make_head
from convscope.web.pages import Head, ImageLink, Link
from convscope.web.urls import Urls

THUMBS = 300
"""Images offered of an atlas; others are reached from their own pages."""
HERE = Urls("../")
"""Live pages lie in a folder of their own, beside that of the places."""


@dataclass(frozen=True)
class Offer:
    """The images of one atlas that may be asked about."""

    at: str  # name of the atlas's place
    title: str
    images: tuple[ImageLink, ...]  # that have a picture
    more: Link | None  # where the others are, if there are more


@dataclass(frozen=True)
class Asked:
    """What all live pages offer: images of the open atlases, and a file of one's own."""

    model: str
    height: int  # of what the model sees
    width: int
    megabytes: float  # largest file
    offers: tuple[Offer, ...]


@dataclass(frozen=True)
class OcclusionPage:
    """Where an occluder is slid over an image: figure 7 of Zeiler & Fergus 2013, filled in as it is computed."""

    head: Head
    asked: Asked
    patch: int  # side, by default
    stride: int
    fills: tuple[str, ...]
    layers: tuple[str, ...]
    layer: str  # by default
    classes: tuple[str, ...]
    colours: tuple[str, ...]  # from the smallest to the largest number, #rrggbb
    marks: tuple[str, ...]  # of the most frequent labels
    others: str  # of all other labels


@dataclass(frozen=True)
class Movement:
    """A transform that may be chosen."""

    name: str
    axis: str


@dataclass(frozen=True)
class InvariancePage:
    """Where an image is shifted, magnified or turned: figure 5 of Zeiler & Fergus 2013 for one image."""

    head: Head
    asked: Asked
    transforms: tuple[Movement, ...]
    borders: tuple[str, ...]
    colours: tuple[str, ...]  # of layers, from the first to the last, #rrggbb


@dataclass(frozen=True)
class Most:
    """How much one question may hold."""

    images: int
    parts: int
    boxes: int
    draws: int
    dropped: int  # images of one's own that are kept at a time


@dataclass(frozen=True)
class CorrespondencePage:
    """Where parts are marked on images and compared: table 1 of Zeiler & Fergus 2013."""

    head: Head
    asked: Asked
    parts: tuple[str, ...]  # to begin with: the paper's
    colours: tuple[str, ...]  # of parts, in turn, #rrggbb
    draws: int  # by default
    wheres: tuple[str, ...]
    fills: tuple[str, ...]
    layers: tuple[str, ...]
    most: Most


def offer_of(catalogue: Catalogue, at: str) -> Offer:
    """The images of an atlas that have a picture, at most ``THUMBS``."""
    urls = Urls(f"{HERE.root}at/{at}/")
    images = tuple(image_link(catalogue, image, urls) for image in sorted(catalogue.shots)[:THUMBS])
    more = Link(f"all {len(catalogue.shots)} images", urls.images()) if len(catalogue.shots) > THUMBS else None
    return Offer(at, catalogue.atlas.manifest.model.spec, images, more)


def live_head(title: str, name: str, trail: Sequence[Link]) -> Head:
    """What all live pages share; ``name`` is that of the page."""
    # What only live pages use lies beside them, on the server alone.
    return replace(make_head(HERE.static, title, f"{name}.json", trail), sheets=("static/live.css",))
