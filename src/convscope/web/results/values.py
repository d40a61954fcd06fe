"""Values that pages of several kinds of results have."""

from __future__ import annotations

from dataclasses import dataclass

from convscope.web.pages import Picture


@dataclass(frozen=True)
class Download:
    """A file of the result."""

    name: str
    href: str
    holds: str
    size: str


@dataclass(frozen=True)
class Figure:
    """A picture of the result."""

    title: str
    picture: Picture
