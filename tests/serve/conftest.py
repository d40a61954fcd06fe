"""A small real place, and a real server on loopback."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, Page
from starlette.testclient import TestClient

from convscope.atlas.reader import Atlas
from convscope.serve.app import make_app
from convscope.serve.gate import gate_of
from convscope.serve.jobs import Jobs
from convscope.serve.listen import listen, make_server
from convscope.serve.live.context import Context
from convscope.serve.uploads import Bounds, Uploads
from convscope.web.asks import Asks
from convscope.web.atlas.place import AtlasPlace
from convscope.web.place import Answer, answered, one_by_one
from convscope.web.shelf.place import Shelf
from tests.serve.asked import CLASSIFIER, asked_atlas

OWN = "http://127.0.0.1:8000"
PAGE = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}


@dataclass
class Notebook:
    """A place that holds texts, and counts how often each was made."""

    texts: dict[str, str]
    title: str = "notes"
    kind: str = "notebook"
    first: str = "index.html"
    made: list[str] = field(default_factory=list)

    def names(self) -> Iterator[str]:
        yield from self.texts

    def answer(self, name: str) -> Answer | None:
        if name not in self.texts:
            return None
        self.made.append(name)
        return answered(name, self.texts[name])

    def answers(self) -> Iterator[tuple[str, Answer]]:
        return one_by_one(self)


def notebook(title: str = "notes", kind: str = "notebook") -> Notebook:
    return Notebook({"index.html": "<p>hello " * 200, "static/style.css": "p {}", "a b/ü.html": "<p>odd"}, title, kind)


def client(shelf: Shelf, live: Context | None = None, token: str | None = None) -> TestClient:
    """A client that asks the application itself, without a connection."""
    app = make_app(shelf, gate_of("127.0.0.1", 8000, token=token), live)
    return TestClient(app, base_url=OWN, follow_redirects=False)


@contextmanager
def serving(app: FastAPI, taken: socket.socket | None = None) -> Iterator[int]:
    """A real server with this application, in a thread; gives its port."""
    sock = taken or listen("127.0.0.1", 0).socket
    ready = threading.Event()
    server = make_server(app, ready.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
    thread.start()
    try:
        assert ready.wait(30)
        yield sock.getsockname()[1]
    finally:
        stop(server, thread)


@contextmanager
def serving_places(shelf: Shelf, live: Context | None = None) -> Iterator[int]:
    """A real server with these places, under its own name; gives its port."""
    sock = listen("127.0.0.1", 0).socket
    with serving(make_app(shelf, gate_of("127.0.0.1", sock.getsockname()[1]), live), sock) as port:
        yield port


def stop(server: uvicorn.Server, thread: threading.Thread) -> None:
    server.should_exit = True
    thread.join(30)
    assert not thread.is_alive()


def eventually(holds: object, seconds: float = 30) -> bool:
    """Whether something callable comes to hold; tests say what, not how quickly."""
    assert callable(holds)
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture(scope="session")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    return asked_atlas(tmp_path_factory.mktemp("asked"))


@pytest.fixture
def context(atlas: Atlas) -> Iterator[Context]:
    jobs = Jobs()
    yield Context(CLASSIFIER, {"a": atlas}, jobs, Uploads(Bounds(encoded=100_000)))
    assert jobs.close(10)


@pytest.fixture
def asked(context: Context) -> TestClient:
    return client(Shelf({"a": AtlasPlace(context.atlases["a"], Asks("a"))}), context)


@pytest.fixture
def opened(context: Context) -> Iterator[str]:
    listening = listen("127.0.0.1", 0)
    app = make_app(
        Shelf({"a": AtlasPlace(context.atlases["a"], Asks("a"))}), gate_of("127.0.0.1", listening.port), context
    )
    with serving(app, listening.socket) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def complaints() -> list[str]:
    """What the browser said of ``page``; a test takes out what it provoked, and nothing may be left."""
    return []


@pytest.fixture
def page(browser: Browser, opened: str, complaints: list[str]) -> Iterator[Page]:
    page = browser.new_page()
    requests: list[str] = []
    page.on("console", lambda message: complaints.append(f"{message.text} {message.location['url']}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    yield page
    page.close()
    assert complaints == []
    assert all(url.startswith((opened, "data:", "blob:")) for url in requests), requests
