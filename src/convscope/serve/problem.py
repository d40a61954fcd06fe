"""Errors as answers: a page for a browser, JSON for everyone else."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel
from starlette.responses import HTMLResponse, JSONResponse, Response

from convscope.errors import (
    AddressError,
    AtlasError,
    AtlasMismatchError,
    ConvscopeError,
    MissingExtraError,
    ModelError,
)
from convscope.images.entry import printable
from convscope.web.html import to_html
from convscope.web.problem import problem_page

STATUS: tuple[tuple[type[ConvscopeError], int], ...] = (
    (AddressError, 404),
    (AtlasMismatchError, 409),
    (AtlasError, 500),
    (ModelError, 500),
    (MissingExtraError, 500),
    (ConvscopeError, 422),
)
"""The status of an error; the first entry that fits."""

UNEXPECTED = "The server met an error that it did not expect. Its console says more."


class Problem(BaseModel):
    """Why there is no answer."""

    status: int
    error: str


def status_of(error: ConvscopeError) -> int:
    """The HTTP status that says the same as an error of convscope's."""
    return next(status for kind, status in STATUS if isinstance(error, kind))


def wants_page(accept: str) -> bool:
    """Whether a request with this Accept header comes from someone who reads: browsers name HTML, programs do not."""
    return "text/html" in accept.lower()


def problem_response(accept: str, status: int, error: str, headers: Mapping[str, str] | None = None) -> Response:
    """The answer that says why there is none."""
    sent, error = {"Cache-Control": "no-store", **(headers or {})}, printable(error)
    if wants_page(accept):
        return HTMLResponse(to_html(problem_page(status, error)), status, sent)
    return JSONResponse(Problem(status=status, error=error).model_dump(), status, sent)
