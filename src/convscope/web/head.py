"""The head of a page of any kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from convscope.web.pages import Head, Link

Around = tuple[Link | None, Link | None]
"""The neighbours on the left and on the right."""


def make_head(
    static: Callable[[str], str],
    title: str,
    json: str,
    trail: Sequence[Link] = (),
    around: Around = (None, None),
    sheets: Sequence[str] = (),
) -> Head:
    """A head with the program's own files, whose addresses ``static`` makes of their names; ``json`` is an address."""
    return Head(
        title=title,
        style=static("style.css"),
        script=static("script.js"),
        take=static("take.js"),
        json=json,
        trail=tuple(trail),
        previous=around[0],
        next=around[1],
        sheets=tuple(map(static, sheets)),
    )
