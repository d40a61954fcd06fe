"""What a server says of a request that it does not answer."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

TITLES = {
    400: "This request is not understood",
    401: "This server asks for its token",
    403: "This request is refused",
    404: "There is nothing here",
    405: "This cannot be done here",
    408: "This took too long to arrive",
    409: "These do not belong together",
    413: "This is too large",
    422: "This cannot be asked",
    500: "Something went wrong",
    503: "Too much is being asked at once",
}
STYLE = "/static/style.css"


@dataclass(frozen=True)
class ProblemPage:
    """Why there is no answer, and what to do."""

    status: int
    title: str
    error: str  # a sentence or two
    style: str  # address of the style sheet
    home: str  # where to go on


def problem_page(status: int, error: str) -> ProblemPage:
    """The page for an HTTP status; its links are absolute, because it may stand at any address."""
    title = TITLES.get(status) or HTTPStatus(status).phrase
    return ProblemPage(status, title, error, STYLE, "/")
