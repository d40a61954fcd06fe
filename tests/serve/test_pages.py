"""Pages of places over HTTP: addresses, what is not there, conditional requests, packing, hostile paths."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convscope.atlas.reader import Atlas
from convscope.errors import AtlasFormatError
from convscope.serve.app import make_app
from convscope.serve.gate import gate_of
from convscope.serve.opening import open_folders
from convscope.web.atlas.place import AtlasPlace
from convscope.web.place import Answer
from convscope.web.shelf.place import Shelf, names_of
from tests.atlas.make import make_atlas
from tests.atlas.version1 import make_version_1
from tests.serve.conftest import PAGE, Notebook, client, notebook, serving

ONE = Shelf({"notes": notebook()})
TWO = Shelf({"notes": notebook(), "more-notes": notebook("more <b>notes</b>"), "atlas": notebook("vgg", "atlas")})
PACKED = {"Accept-Encoding": "gzip"}
PLAIN = {"Accept-Encoding": "identity"}


@given(st.lists(st.text(max_size=60)))
def test_names_are_short_safe_and_differ(folders: list[str]) -> None:
    names = names_of(folders)
    assert len(set(names)) == len(names) == len(folders)
    assert all(0 < len(name) < 50 and set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for name in names)


def test_names_are_made_from_folders() -> None:
    assert names_of(["My Atlas!", "my_atlas", "my-atlas-2", "…", ""]) == (
        "my-atlas",
        "my-atlas-2",
        "my-atlas-2-2",
        "place",
        "place-2",
    )


def test_the_first_page_is_the_only_place_or_the_list() -> None:
    assert client(ONE).get("/").headers["location"] == "/at/notes/index.html"
    assert client(TWO).get("/").headers["location"] == "/index.html"


def test_the_list_groups_and_counts_and_escapes() -> None:
    page = client(TWO).get("/index.json").json()
    assert page["count"] == 3
    found = [(group["kind"], [place["link"]["href"] for place in group["places"]]) for group in page["groups"]]
    notebooks = ("notebook", ["at/notes/index.html", "at/more-notes/index.html"])
    assert found == [notebooks, ("atlas", ["at/atlas/index.html"])]
    shown = client(TWO).get("/index.html").text
    assert "more &lt;b&gt;notes&lt;/b&gt;" in shown
    assert 'href="at/more-notes/index.html"' in shown


@pytest.mark.parametrize(
    ("address", "text"),
    [("index.html", "hello"), ("static/style.css", "p {}"), ("a%20b/%C3%BC.html", "odd"), ("a b/ü.html", "odd")],
)
def test_what_a_place_answers_is_shown(address: str, text: str) -> None:
    found = client(ONE).get(f"/at/notes/{address}")
    assert found.status_code == 200
    assert text in found.text
    head = client(ONE).head(f"/at/notes/{address}", headers=PLAIN)
    assert head.headers["content-length"] == str(len(found.content))


def test_the_beginning_of_a_place() -> None:
    assert client(ONE).get("/at/notes/").headers["location"] == "/at/notes/index.html"


@pytest.mark.parametrize(
    ("address", "says"),
    [("/at/notes/gone.html", "/at/notes/index.html"), ("/at/none/index.html", "first page"), ("/none", "No page")],
)
def test_what_is_not_there_is_said_as_page_and_as_json(address: str, says: str) -> None:
    page, data = client(ONE).get(address, headers=PAGE), client(ONE).get(address)
    assert (page.status_code, data.status_code) == (404, 404)
    assert page.headers["content-type"].startswith("text/html")
    assert "There is nothing here" in page.text
    assert says in data.json()["error"]


@pytest.mark.parametrize("accept", [PAGE, {}])
def test_a_folder_whose_name_is_not_utf8_is_named_by_escapes(accept: dict[str, str]) -> None:
    found = client(Shelf({"notes": notebook("caf\udce9")})).get("/at/notes/nowhere.html", headers=accept)
    assert found.status_code == 404
    assert "udce9 has nothing at" in found.text


def test_a_damaged_place_says_what_is_damaged() -> None:
    class Damaged(Notebook):
        def answer(self, name: str) -> Answer | None:
            raise AtlasFormatError("top.parquet: is cut off. Make the atlas again.")

    found = client(Shelf({"notes": Damaged({})})).get("/at/notes/index.html")
    assert (found.status_code, found.json()["error"]) == (500, "top.parquet: is cut off. Make the atlas again.")


@pytest.mark.parametrize("headers", [PACKED, PLAIN])
def test_what_the_client_has_is_not_sent_again(headers: dict[str, str]) -> None:
    asked = client(ONE)
    first = asked.get("/at/notes/index.html", headers=headers)
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "no-cache"
    for kept in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = asked.get("/at/notes/index.html", headers=headers | {"If-None-Match": kept})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert asked.get("/at/notes/index.html", headers=headers | {"If-None-Match": '"other"'}).status_code == 200


def test_tags_follow_content_and_packing() -> None:
    asked = client(Shelf({"one": notebook(), "two": notebook(), "odd": Notebook({"index.html": "x" * 1200})}))
    tags = [asked.get(f"/at/{name}/index.html", headers=PLAIN).headers["etag"] for name in ("one", "two", "odd")]
    assert tags[0] == tags[1] != tags[2]
    assert asked.get("/at/one/index.html", headers=PACKED).headers["etag"] != tags[0]


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [("gzip", True), ("br, gzip;q=0.5", True), ("*", True), ("gzip;q=0", False), ("br", False), ("", False)],
)
def test_text_is_packed_for_who_takes_it(accepted: str, packed: bool) -> None:
    with serving(make_app(ONE, gate_of("127.0.0.1", 0))) as port:  # a client that unpacks nothing
        head, body = raw(port, f"GET /at/notes/index.html HTTP/1.1\r\nHost: localhost:0\r\nAccept-Encoding: {accepted}")
    assert ("content-encoding: gzip" in head) == packed
    assert "vary: Accept-Encoding" in head
    assert (gzip.decompress(body) if packed else body) == b"<p>hello " * 200


def raw(port: int, request: str) -> tuple[str, bytes]:
    """Head and body of the answer to a request, byte by byte as written."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        line.sendall(f"{request}\r\nConnection: close\r\n\r\n".encode("utf-8", "surrogateescape"))
        parts = []
        while part := line.recv(65536):
            parts.append(part)
    head, _, body = b"".join(parts).partition(b"\r\n\r\n")
    return head.decode("latin-1"), body


TRICKS = [
    "/at/notes/../../etc/passwd",
    "/at/../../../../etc/passwd",
    "/../../etc/passwd",
    "//etc/passwd",
    "/at/notes/..%2f..%2f..%2fetc%2fpasswd",
    "/at/notes/%2e%2e/%2e%2e/etc/passwd",
    "/at/notes/%252e%252e%252fetc%252fpasswd",
    "/at/notes/..\\..\\etc\\passwd",
    "/at/notes/..%5c..%5cetc%5cpasswd",
    "/at/notes/%00",
    "/at/notes/index.html%00.css",
    "/at/notes//etc/passwd",
    "/at/notes/%2fetc%2fpasswd",
    "/at/%2e%2e/index.html",
    "/at/notes/" + "a" * 20000,
    "/at/notes/%e2%80%ae%ff%fe%c0%af",
    "/at/notes/%f0%9f%a7%a0.html",
    "/static/../../../etc/passwd",
    "/static/%2e%2e/templates/base.html",
    "/static/..%2fhtml.py",
]


def test_no_path_leads_to_a_file(tmp_path: Path) -> None:
    shelf = open_folders([make_atlas(tmp_path / "notes", images=4)]).shelf
    with serving(make_app(shelf, gate_of("127.0.0.1", 0))) as port:
        for trick in TRICKS:
            head, body = raw(port, f"GET {trick} HTTP/1.1\r\nHost: localhost:0")
            assert head.startswith("HTTP/1.1 404"), trick
            assert json.loads(body)["status"] == 404
            assert b"root:" not in body


ASKED = client(ONE)


@settings(max_examples=50)
@given(st.text())
def test_any_address_is_answered_in_a_sentence(address: str) -> None:
    quoted = "".join(f"%{byte:02x}" for byte in address.encode("utf-8", "surrogatepass"))
    found = ASKED.get(f"/at/notes/{quoted}")
    assert found.status_code in (200, 307, 404)


def test_an_answer_is_made_once_for_all_who_ask() -> None:
    class Slow(Notebook):
        def answer(self, name: str) -> Answer | None:
            gate.wait(30)
            return super().answer(name)

    gate, place = threading.Event(), Slow({"index.html": "<p>hello"})
    app = make_app(Shelf({"slow": place, "notes": notebook()}), gate_of("127.0.0.1", 0))
    with serving(app) as port, ThreadPoolExecutor(5) as pool:
        ask = "GET /at/{}/index.html HTTP/1.1\r\nHost: localhost:0"
        waiting = [pool.submit(raw, port, ask.format("slow")) for _ in range(4)]
        assert "200 OK" in raw(port, ask.format("notes"))[0]  # a slow answer holds up nobody else
        gate.set()
        assert {future.result()[1] for future in waiting} == {b"<p>hello"}
    assert place.made == ["index.html"]


def test_an_atlas_is_served_as_it_is_exported(tmp_path: Path) -> None:
    folder = make_atlas(tmp_path / "My atlas", images=6)
    asked, place = client(open_folders([folder]).shelf), AtlasPlace(Atlas.open(folder))
    for name, answer in place.answers():
        found = asked.get(f"/at/my-atlas/{name}")
        assert (found.status_code, found.content) == (200, answer.content)
        assert found.headers["content-type"] == answer.media


def test_an_atlas_of_version_1_is_served(tmp_path: Path) -> None:
    place = AtlasPlace(Atlas.open(make_version_1(tmp_path / "a")))
    pages = client(Shelf({"old": place}))
    names = list(place.names())
    assert len(names) > 20
    for name in names:
        assert pages.get(f"/at/old/{name}").status_code == 200, name
