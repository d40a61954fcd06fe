"""The pages on which live questions are asked, and their scripts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import PurePosixPath

from fastapi import APIRouter, Request, Response

from convscope.serve.answers import Answers, response_of
from convscope.serve.live.choices import correspondence_page, invariance_page, occlusion_page
from convscope.serve.live.context import Context
from convscope.web.html import to_html, to_json
from convscope.web.pages import Page
from convscope.web.place import MEDIA, Answer, answered
from convscope.web.sources import static_file

PAGES: Mapping[str, Callable[[Context], Page]] = {
    "occlusion": occlusion_page,
    "invariance": invariance_page,
    "correspondence": correspondence_page,
}
MARKING = ("correspondence.js", "elements.js", "marks.js", "marked.js", "partsfile.js", "parttable.js")
FILES = ("live.css", "live.js", "occlusion.js", "invariance.js", "image.js", *MARKING)


def register(router: APIRouter, context: Context) -> None:
    """``GET /live/occlusion.html``, … and the scripts and the style sheet of these pages."""
    answers = Answers()

    async def stands(request: Request) -> Response:
        """A page on which a live question is asked, or a file of it."""
        address = request.url.path
        found = await answers.get(address, makers[address])
        assert found is not None
        return response_of(found, request.headers)

    makers = {f"/live/{name}": make for name, make in _makers(context).items()}
    for address in makers:
        media = MEDIA[PurePosixPath(address).suffix]
        router.add_api_route(address, stands, response_class=Response, responses={200: {"content": {media: {}}}})


def _makers(context: Context) -> Mapping[str, Callable[[], Answer]]:
    pages = {f"{name}.html": partial(_page, f"{name}.html", make, context) for name, make in PAGES.items()}
    twins = {f"{name}.json": partial(_page, f"{name}.json", make, context) for name, make in PAGES.items()}
    files = {f"static/{name}": partial(_file, name) for name in FILES}
    return {**pages, **twins, **files}


def _page(name: str, make: Callable[[Context], Page], context: Context) -> Answer:
    show = to_html if name.endswith(".html") else to_json
    return answered(name, show(make(context)))


def _file(name: str) -> Answer:
    return answered(name, static_file(name))
