"""Images with the same content, by its digest: found whatever they show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def identical_pairs(first: Sequence[str], second: Sequence[str] | None) -> Iterator[tuple[int, int]]:
    """Places of images with equal content digests, each image of a group with the first one of the other set.

    Not all with all: a thousand copies of a blank image would be a million pairs. Within one set (``second`` is None)
    all others with the first.
    """
    known = _first_places(first)
    if second is None:
        yield from ((known[content], place) for place, content in enumerate(first) if known.get(content, place) < place)
        return
    others = _first_places(second)
    pairs = {(place, others[content]) for place, content in enumerate(first) if content in others}
    pairs |= {(known[content], place) for place, content in enumerate(second) if content in known}
    yield from sorted(pairs)


def _first_places(contents: Sequence[str]) -> dict[str, int]:
    places: dict[str, int] = {}
    for place, content in enumerate(contents):
        if not content.startswith("unreadable"):
            places.setdefault(content, place)
    return places
