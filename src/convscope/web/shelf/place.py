"""Several places side by side, each under a name of its own: what a server shows, and an export of more than one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from urllib.parse import quote

from convscope.web.html import to_html, to_json
from convscope.web.pages import Link
from convscope.web.place import Answer, Place, answered
from convscope.web.shelf.page import ShelfPlace, shelf_page
from convscope.web.sources import COMMON, static_file
from convscope.web.urls import INDEX, json_of

LONGEST = 40
AT = "at"
"""The folder of the places."""


@dataclass(frozen=True)
class Shelf:
    """Places by name, and what stands before them; a place itself, whose pages are the list and all of theirs."""

    places: Mapping[str, Place]

    @property
    def kind(self) -> str:
        """What it is."""
        return "shelf"

    @property
    def title(self) -> str:
        """How many there are."""
        return f"{len(self.places)} places"

    @property
    def first(self) -> str:
        """The list of all places."""
        return INDEX.index()

    @property
    def entrance(self) -> str:
        """Where ``/`` leads on a server: into the only place, or to the list of all."""
        if len(self.places) == 1:
            return f"/{address_of(*next(iter(self.places.items())))}"
        return f"/{self.first}"

    def names(self) -> Iterator[str]:
        """The addresses of the list, then of all places."""
        yield from self.front
        for name, place in self.places.items():
            yield from (f"{AT}/{name}/{address}" for address in place.names())

    def answer(self, name: str) -> Answer | None:
        """What stands at an address, None if there is none."""
        at, _, rest = name.partition("/")
        within, _, address = rest.partition("/")
        if at == AT and within in self.places:
            found = self.places[within].answer(address)
            return None if found is None else self._framed(address, found)
        return self.front.get(name)

    def answers(self) -> Iterator[tuple[str, Answer]]:
        """Every address with what stands there."""
        yield from self.front.items()
        for name, place in self.places.items():
            yield from ((f"{AT}/{name}/{address}", self._framed(address, each)) for address, each in place.answers())

    def _framed(self, address: str, answer: Answer) -> Answer:
        """A page of a place with the way back to the list of all, if there are several: places know nothing of it.

        Also pages that were written long ago, by an export or a comparison, have the slot.
        """
        if len(self.places) == 1 or not address.endswith(".html"):
            return answer
        up = "../" * (address.count("/") + 2)
        link = f'<li><a href="{up}{self.first}" rel="up">Places</a></li>'
        return replace(answer, content=answer.content.replace(SLOT, link.encode(), 1))

    @cached_property
    def front(self) -> Mapping[str, Answer]:
        """What stands outside all places, by address: the list of them, and what error pages look like."""
        page = shelf_page(
            ShelfPlace(place.kind, name, Link(place.title, address_of(name, place)))
            for name, place in self.places.items()
        )
        return {
            INDEX.index(): answered(INDEX.index(), to_html(page)),
            json_of(INDEX.index()): answered(json_of(INDEX.index()), to_json(page)),
            **{INDEX.static(name): answered(INDEX.static(name), static_file(name)) for name in COMMON},
        }


SLOT = b"<!-- places -->"
"""Where a page has room for the way to what holds its place."""


def names_of(folders: Iterable[str]) -> tuple[str, ...]:
    """A short, safe name for each place, made from the name of its folder; no two are the same."""
    found: dict[str, None] = {}
    for folder in folders:
        found[next(name for name in _names(folder) if name not in found)] = None
    return tuple(found)


def _names(folder: str) -> Iterator[str]:
    """Names for a folder, the best first, without end."""
    plain = re.sub(r"[^a-z0-9]+", "-", folder.lower()).strip("-")[:LONGEST].strip("-") or "place"
    yield plain
    number = 2
    while True:
        yield f"{plain}-{number}"
        number += 1


def address_of(name: str, place: Place) -> str:
    """Where a place begins, from the list of all."""
    return f"{AT}/{name}/{quote(place.first)}"
