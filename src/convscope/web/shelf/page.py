"""What the page says that lists all open places, where there are several."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from convscope.web.head import make_head
from convscope.web.pages import Head, Link
from convscope.web.urls import INDEX, json_of


@dataclass(frozen=True)
class ShelfPlace:
    """An open place."""

    kind: str
    name: str  # of its folder, made safe: tells apart what has one title
    link: Link


@dataclass(frozen=True)
class ShelfGroup:
    """The open places of one kind."""

    kind: str
    places: tuple[ShelfPlace, ...]


@dataclass(frozen=True)
class ShelfPage:
    """All open places, by kind."""

    head: Head
    count: int  # places of all kinds
    groups: tuple[ShelfGroup, ...]


def shelf_page(places: Iterable[ShelfPlace]) -> ShelfPage:
    """The page of these; kinds in the order in which they first appear."""
    groups: dict[str, list[ShelfPlace]] = {}
    for place in places:
        groups.setdefault(place.kind, []).append(place)
    return ShelfPage(
        head=make_head(INDEX.static, "Places", json_of(INDEX.index())),
        count=sum(map(len, groups.values())),
        groups=tuple(ShelfGroup(kind, tuple(group)) for kind, group in groups.items()),
    )
