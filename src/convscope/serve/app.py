"""The application: pages of places, live questions, errors as sentences, all behind the guard."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from starlette.responses import RedirectResponse

from convscope.serve.answers import Answers, ready, response_of
from convscope.serve.gate import Gate
from convscope.serve.guard import Guard
from convscope.serve.live.context import Context
from convscope.serve.live.questions import QUESTIONS
from convscope.serve.problem import Problem
from convscope.serve.refusals import HANDLERS
from convscope.version import installed_version
from convscope.web.listed import ChangingPlace
from convscope.web.place import MEDIA
from convscope.web.shelf.place import AT, Shelf, address_of

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem} for status in (400, 401, 403, 404, 405, 408, 409, 413, 422, 500, 503)
}
PAGE: dict[int | str, dict[str, Any]] = {
    200: {"content": {media: {} for media in sorted(set(MEDIA.values()))}},
    304: {"description": "What the client has is what it would get."},
    307: {"description": "To the first page."},
}
UNCHECKED = {"Cache-Control": "no-cache"}
Endpoint = Callable[..., Coroutine[Any, Any, Response]]


def make_app(shelf: Shelf, gate: Gate, live: Context | None = None) -> FastAPI:
    """The application that shows the places on a shelf to whom the gate lets in, and asks the model if there is one."""
    app = FastAPI(
        title="convscope",
        version=installed_version(),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=PROBLEMS,
        exception_handlers=HANDLERS,
    )
    app.add_middleware(Guard, gate=gate)
    app.include_router(_front(shelf))
    app.include_router(_places(shelf))
    app.include_router(_unasked() if live is None else _asked(live))
    return app


def _front(shelf: Shelf) -> APIRouter:
    """What stands outside all places; made ready once."""
    router = APIRouter()
    answers = {f"/{address}": ready(answer) for address, answer in shelf.front.items()}

    async def first() -> Response:
        """To the only place, or the list of all."""
        return RedirectResponse(shelf.entrance, 307, UNCHECKED)

    async def front(request: Request) -> Response:
        """The list of places, and style and script of error pages."""
        return response_of(answers[request.url.path], request.headers)

    _reading(router, "/", first, {307: PAGE[307]})
    for address in answers:
        _reading(router, address, front, {200: {"content": {answers[address].answer.media: {}}}, 304: PAGE[304]})
    return router


def _places(shelf: Shelf) -> APIRouter:
    router, answers = APIRouter(), Answers()

    async def page(request: Request, name: str, address: str) -> Response:
        """What stands at an address of a place."""
        place = shelf.places.get(name)
        if place is None:
            raise HTTPException(404, f"Nothing is open under the name {name[:80]!r}. The first page lists what is.")
        if not address:
            return RedirectResponse(f"/{address_of(name, place)}", 307, UNCHECKED)
        key = f"{AT}/{name}/{address}"
        found = await answers.get(key, partial(shelf.answer, key), keep=not isinstance(place, ChangingPlace))
        if found is None:
            begin = f"/{address_of(name, place)}"
            raise HTTPException(404, f"{place.title} has nothing at {address[:80]!r}. It begins at {begin}")
        return response_of(found, request.headers)

    _reading(router, "/at/{name}/{address:path}", page, PAGE)
    return router


def _asked(live: Context) -> APIRouter:
    router = APIRouter()
    for register in QUESTIONS:
        register(router, live)
    return router


def _unasked() -> APIRouter:
    router = APIRouter()

    async def unasked() -> Response:
        raise HTTPException(
            404, "This server has no model to ask. Start it with --model MODEL, the model that the atlas was made from."
        )

    methods = ["GET", "HEAD", "POST", "DELETE"]
    router.add_api_route("/live/{rest:path}", unasked, methods=methods, include_in_schema=False)
    return router


def _reading(router: APIRouter, path: str, endpoint: Endpoint, answers: dict[int | str, dict[str, Any]]) -> None:
    """A route for GET, and for HEAD, which goes without saying."""
    status = 200 if 200 in answers else 307
    router.add_api_route(path, endpoint, response_class=Response, responses=answers, status_code=status)
    router.add_api_route(path, endpoint, methods=["HEAD"], response_class=Response, include_in_schema=False)
