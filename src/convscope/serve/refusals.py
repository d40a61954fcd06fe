"""What each kind of exception becomes on its way to the client."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from convscope.errors import ConvscopeError
from convscope.serve.problem import problem_response, status_of

NOBODY_WAITS = 499
SAID_BY_STATUS = {
    404: "No page and no question stands at this address.",
    405: "This address does not take requests of this kind.",
}
"""Where the framework says no more than the name of a status."""


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    bare = error.detail == HTTPStatus(error.status_code).phrase
    sentence = SAID_BY_STATUS.get(error.status_code, error.detail) if bare else error.detail
    return _problem(request, error.status_code, sentence, error.headers)


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _problem(request, 422, " ".join(map(_sentence, error.errors())))


def _sentence(found: dict[str, Any]) -> str:
    """One finding of the validation, such as: unit: input should be greater than 0; it is '-1'."""
    place, *names = map(str, found["loc"])
    if found["type"] == "json_invalid":
        return f"The question is not valid JSON: {found['ctx']['error']}, at character {found['loc'][-1]}."
    name = ".".join(names) or place
    said = found["msg"][:1].lower() + found["msg"][1:]
    met = "" if found["type"] == "missing" else f"; it is {str(found['input'])[:80]!r}"
    return f"{name}: {said}{met}."


def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, ConvscopeError)
    return _problem(request, status_of(error), str(error))


def _gone(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return Response(status_code=NOBODY_WAITS)


def _problem(request: Request, status: int, sentence: str, headers: Any = None) -> Response:
    return problem_response(request.headers.get("accept", ""), status, sentence, headers)


HANDLERS: dict[int | type[Exception], Callable[[Request, Exception], Any]] = {
    HTTPException: _http,
    RequestValidationError: _invalid,
    ConvscopeError: _ours,
    ClientDisconnect: _gone,
}
