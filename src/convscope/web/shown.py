"""A page at its address, as HTML and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from convscope.web.html import to_html, to_json
from convscope.web.listed import Maker
from convscope.web.urls import json_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def shown(name: str, build: Callable[[], DataclassInstance]) -> Iterator[tuple[str, Maker]]:
    """The two addresses of a page, with what makes their content; the page is built when it is asked for."""
    yield name, lambda: to_html(build())
    yield json_of(name), lambda: to_json(build())
