"""What the page says that lists all open places, where there are several."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from convscope.web.pages import Head, Link
from convscope.web.urls import INDEX, json_of


@dataclass(frozen=True)
class ShelfGroup:
    """The open places of one kind."""

    kind: str
    places: tuple[Link, ...]


@dataclass(frozen=True)
class ShelfPage:
    """All open places, by kind."""

    head: Head
    count: int  # places of all kinds
    groups: tuple[ShelfGroup, ...]


def shelf_page(places: Iterable[tuple[str, Link]]) -> ShelfPage:
    """The page of these (kind, link); kinds in the order in which they first appear."""
    listed = list(places)
    order = {kind: number for number, kind in reversed(list(enumerate(kind for kind, _ in listed)))}
    ordered = sorted(listed, key=lambda place: order[place[0]])
    return ShelfPage(
        head=Head(
            title="Places",
            style=INDEX.static("style.css"),
            script=INDEX.static("script.js"),
            json=json_of(INDEX.index()),
            trail=(),
            previous=None,
            next=None,
        ),
        count=len(listed),
        groups=tuple(
            ShelfGroup(kind, tuple(link for _, link in group))
            for kind, group in groupby(ordered, key=lambda place: place[0])
        ),
    )
