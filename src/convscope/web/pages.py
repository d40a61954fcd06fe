"""What pages of every kind are made of, as plain values: a page is one of them, shown as HTML or as JSON.

Numbers stay numbers (templates format them), links are made by ``urls``, and nothing here reads a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol


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
    take: str  # address of the script that saves figures and tables
    json: str  # address of the same page as JSON
    trail: tuple[Link, ...]  # the way here from the index, without the page itself
    previous: Link | None  # neighbour on the left, also on the arrow key
    next: Link | None  # neighbour on the right
    sheets: tuple[str, ...] = ()  # addresses of the style sheets of this kind of page, after the common one
    asks: tuple[Link, ...] = ()  # pages on which live questions are asked, where a server has the model


@dataclass(frozen=True)
class Fact:
    """A labelled value in a list of facts."""

    name: str
    value: str


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels of the model's view."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class Sprite:
    """One picture that holds a unit's tiles in equal cells, row by row."""

    href: str
    width: int  # of the whole sprite in pixels
    height: int
    pixelated: bool  # true where a cell is so small that smoothing would invent detail


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


class Page(Protocol):
    """Any page: a frozen dataclass whose template ``web.html`` lists."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
