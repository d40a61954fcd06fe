"""A place: pages that belong together under one folder, asked for by address; a server and an export ask the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

MEDIA = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".webp": "image/webp",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".svg": "image/svg+xml",
    ".csv": "text/csv; charset=utf-8",
    ".gif": "image/gif",
    ".md": "text/markdown; charset=utf-8",
    ".parquet": "application/vnd.apache.parquet",
    ".npz": "application/zip",
    ".jsonl": "application/x-ndjson",
}
"""Media type by the suffix of an address."""


@dataclass(frozen=True)
class Answer:
    """What stands at an address."""

    content: bytes
    media: str


class Place(Protocol):
    """An atlas, an evolution, a comparison, …: everything that links in its pages, which are relative, lead to."""

    @property
    def kind(self) -> str:
        """What it is, in a word or two."""

    @property
    def title(self) -> str:
        """Its name among several."""

    @property
    def first(self) -> str:
        """The address to open first."""

    def names(self) -> Iterator[str]:
        """All addresses, as written by an export."""

    def answer(self, name: str) -> Answer | None:
        """What stands at an address, None if there is none; ``name`` may be anything, and never becomes a path."""

    def answers(self) -> Iterator[tuple[str, Answer]]:
        """Every address with what stands there, in any order; ``one_by_one`` where nothing quicker is known."""


def one_by_one(place: Place) -> Iterator[tuple[str, Answer]]:
    """Every address of a place with its answer."""
    for name in place.names():
        found = place.answer(name)
        assert found is not None, f"{place.title}: nothing stands at {name}"
        yield name, found


def answered(name: str, content: bytes | str) -> Answer:
    """An answer whose media type follows from its address."""
    # Text from JSON may hold half of a pair of surrogates, which UTF-8 has not.
    encoded = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    return Answer(encoded, MEDIA[PurePosixPath(name).suffix])
