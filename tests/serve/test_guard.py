"""The guard before a real application: headers on every answer, the token's way into a cookie."""

from __future__ import annotations

import re
from http.cookies import SimpleCookie
from typing import Annotated

import pytest
from fastapi import Body
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from convscope.serve.app import make_app
from convscope.serve.gate import gate_of
from convscope.serve.guard import HEADERS
from convscope.web.place import Answer
from convscope.web.shelf.place import Shelf
from tests.serve.conftest import OWN, PAGE, Notebook, client, notebook

TOKEN = "a-token-that-nobody-guesses"
SHELF = Shelf({"notes": notebook()})


class Broken(Notebook):
    def answer(self, name: str) -> Answer | None:
        raise RuntimeError(f"a secret, met at {name}")


@pytest.mark.parametrize(
    ("method", "address", "headers", "status"),
    [
        ("GET", "/at/notes/index.html", {}, 200),
        ("HEAD", "/at/notes/index.html", {}, 200),
        ("GET", "/", {}, 307),
        ("GET", "/nothing", {}, 404),
        ("GET", "/nothing", PAGE, 404),
        ("PUT", "/at/notes/index.html", {}, 405),
        ("GET", "/at/notes/index.html", {"Host": "evil.example"}, 403),
        ("POST", "/live/images", {"Origin": "http://evil.example"}, 403),
        ("GET", "/openapi.json", {}, 200),
    ],
)
def test_every_answer_has_the_headers(method: str, address: str, headers: dict[str, str], status: int) -> None:
    answer = client(SHELF).request(method, address, headers=headers)
    assert answer.status_code == status
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]


def test_an_unexpected_error_tells_nothing_but_has_the_headers(caplog: pytest.LogCaptureFixture) -> None:
    found = client(Shelf({"broken": Broken({})})).get("/at/broken/index.html", headers=PAGE)
    assert found.status_code == 500
    assert "secret" not in found.text
    assert "console" in found.text
    assert found.headers["x-content-type-options"] == "nosniff"
    assert "a secret, met at index.html" in caplog.text


def test_the_token_goes_from_the_address_to_a_strict_cookie() -> None:
    asked = client(SHELF, token=TOKEN)
    assert asked.get("/at/notes/index.html").status_code == 401
    welcome = asked.get(f"/at/notes/index.html?token={TOKEN}&sort=peak")
    assert (welcome.status_code, welcome.headers["location"]) == (303, "/at/notes/index.html?sort=peak")
    (kept,) = SimpleCookie(welcome.headers["set-cookie"]).values()
    assert (kept.key, kept.value, kept["path"]) == ("convscope-8000", TOKEN, "/")
    assert (kept["httponly"], kept["samesite"]) == (True, "strict")
    assert welcome.headers["cache-control"] == "no-store"
    assert asked.get("/at/notes/index.html").status_code == 200  # the client kept the cookie


def test_who_follows_a_link_is_sent_on_by_a_page() -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    welcome = client(SHELF, token=TOKEN).get(f'/x?token={TOKEN}&q="><script>', headers=headers)
    assert welcome.status_code == 200
    assert "set-cookie" in welcome.headers
    assert re.search(r'content="0;url=/x\?q=[^"<>]*"', welcome.text)
    assert "<script" not in welcome.text


def test_programs_send_a_header() -> None:
    asked = client(SHELF, token=TOKEN)
    assert asked.get("/at/notes/index.html", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    refused = asked.get("/at/notes/index.html", headers={"Authorization": "Bearer no"})
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert "?token=" in refused.json()["error"]


def test_the_page_that_asks_for_the_token_can_be_read() -> None:
    asked = client(SHELF, token=TOKEN)
    page = asked.get("/", headers=PAGE)
    assert page.status_code == 401
    assert "?token=" in page.text
    (style,) = re.findall(r'rel="stylesheet" href="([^"]+)"', page.text)
    assert asked.get(style).status_code == 200
    assert asked.get(style, headers={"Host": "evil.example"}).status_code == 403


def test_a_question_that_is_too_long_is_not_read() -> None:
    app, read = make_app(SHELF, gate_of("127.0.0.1", 8000)), []

    async def question(words: Annotated[list[str], Body()]) -> int:
        read.append(words)
        return len(words)

    app.router.routes.insert(0, APIRoute("/live/words", question, methods=["POST"]))
    asked = TestClient(app, base_url=OWN)
    assert asked.post("/live/words", json=["short"]).json() == 1
    found = asked.post("/live/words", json=["long " * 300_000])
    assert (found.status_code, found.json()["error"]) == (413, "A question may be 1 MB long.")
    assert read == [["short"]]


def test_without_a_token_nobody_is_redirected() -> None:
    assert client(SHELF).get("/at/notes/index.html?token=left-over-from-before").status_code == 200


def test_a_name_of_the_server_behind_a_proxy() -> None:
    app = make_app(SHELF, gate_of("127.0.0.1", 8000, ["lens.example"]))
    asked = TestClient(app, base_url=OWN)
    headers = {"Host": "lens.example", "Origin": "https://lens.example"}
    assert asked.post("/live/images", headers=headers).status_code == 404  # let in: there is no model
    headers["Origin"] = "https://evil.example"
    assert asked.post("/live/images", headers=headers).status_code == 403
