"""Images over HTTP: too large, too slow, bombs, no images, cut off; nothing stays behind that was not whole."""

from __future__ import annotations

import io
import json
import socket
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from convscope.errors import AddressError
from convscope.serve.jobs import Jobs
from convscope.serve.live.context import Context
from convscope.serve.uploads import Bounds, Uploads
from convscope.web.shelf.place import Shelf
from tests.serve.conftest import client, eventually, notebook, serving_places
from tests.serve.tiny import TINY

SMALL = Bounds(encoded=50_000, pixels=10_000, seconds=0.5, at_once=2, images=3, decoded=20_000)


def encoded(height: int = 6, width: int = 9, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def bomb(side: int) -> bytes:
    """A PNG of a few hundred bytes that claims ``side`` squared pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def context(bounds: Bounds = SMALL) -> Context:
    return Context(TINY, {}, Jobs(), Uploads(bounds))


@contextmanager
def taking(bounds: Bounds = SMALL) -> Iterator[tuple[int, Uploads]]:
    live = context(bounds)
    with serving_places(Shelf({"notes": notebook()}), live) as port:
        yield port, live.uploads


def begin(port: int, length: int | None) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", port), timeout=20)
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    line.sendall(f"POST /live/images HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{size}\r\n\r\n".encode())
    return line


def answer(line: socket.socket) -> tuple[int, str]:
    parts = []
    while part := line.recv(65536):
        parts.append(part)
    head, _, body = b"".join(parts).partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower()
    return int(head.split()[1]), json.loads(body)["error"]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_an_image_is_kept_under_a_key(kind: str) -> None:
    live = context()
    asked = client(Shelf({"notes": notebook()}), live)
    found = asked.post("/live/images", content=encoded(kind=kind))
    assert found.status_code == 201
    assert found.json() == {"key": found.json()["key"], "width": 9, "height": 6}
    assert live.uploads.get(found.json()["key"]).shape == (6, 9, 3)
    assert asked.delete(f"/live/images/{found.json()['key']}").status_code == 204
    with pytest.raises(AddressError, match="choose or drop it again"):
        live.uploads.get(found.json()["key"])


def test_an_image_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    found = client(Shelf({}), context()).post("/live/images", content=encoded(kind="JPEG", exif=exif)).json()
    assert (found["width"], found["height"]) == (6, 9)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"GIF89a", "image"),
        (b"<svg onload=alert(1)>", "formats"),
        (b"%PDF-1.4", "formats"),
        (encoded()[:-30], "truncated or damaged"),
        (encoded(101, 100, "JPEG"), "decompression bomb"),
        (bomb(30_000), "decompression bomb"),
        (bomb(101), "decompression bomb"),
    ],
)
def test_what_is_no_usable_image_is_refused_in_a_sentence(content: bytes, says: str) -> None:
    live = context()
    found = client(Shelf({}), live).post("/live/images", content=content)
    assert found.status_code == 422
    assert says in found.json()["error"]
    assert not live.uploads._kept


@settings(max_examples=30)
@given(st.binary(max_size=300), st.integers(0, 200))
def test_any_bytes_are_an_image_or_a_sentence(junk: bytes, cut: int) -> None:
    found = ASKED.post("/live/images", content=encoded()[:cut] + junk)
    assert found.status_code in (201, 422)


ASKED = client(Shelf({}), context())


@pytest.mark.parametrize("announced", [True, False])
def test_a_hundred_megabytes_are_refused_and_never_held(announced: bool) -> None:
    block, count = bytes(1_000_000), 100
    with taking() as (port, uploads):
        line = begin(port, len(block) * count if announced else None)
        for _ in range(count):
            line.sendall(block if announced else b"%x\r\n%b\r\n" % (len(block), block))
        if not announced:
            line.sendall(b"0\r\n\r\n")
        status, sentence = answer(line)
        line.close()
    assert (status, "0.05 MB" in sentence, "--max-upload" in sentence) == (413, True, True)
    assert not uploads._kept


def test_a_slow_upload_is_ended() -> None:
    with taking() as (port, uploads):
        line = begin(port, 1000)
        line.sendall(b"x")
        assert answer(line) == (408, "The image did not arrive within 0.5 seconds.")
        line.close()
        assert uploads._receiving == 0


def test_a_closed_connection_leaves_nothing_behind() -> None:
    with taking(Bounds()) as (port, uploads):
        line = begin(port, 5000)
        line.sendall(encoded()[:100])
        assert eventually(lambda: uploads._receiving == 1)
        line.close()
        assert eventually(lambda: uploads._receiving == 0)
        assert not uploads._kept


def test_only_so_many_arrive_at_once() -> None:
    with taking(Bounds(at_once=2)) as (port, uploads):
        held = [begin(port, 1000) for _ in range(2)]
        assert eventually(lambda: uploads._receiving == 2)
        third = begin(port, 1)
        third.sendall(b"x")
        assert third.recv(100).startswith(b"HTTP/1.1 503")
        for line in (*held, third):
            line.close()


def test_two_at_once_are_both_kept() -> None:
    with taking() as (port, uploads), ThreadPoolExecutor(2) as pool:
        address = f"http://127.0.0.1:{port}/live/images"
        found = list(pool.map(lambda side: httpx.post(address, content=encoded(side, side)).json(), [5, 8]))
    assert [uploads.get(one["key"]).shape[0] for one in found] == [5, 8]


def test_the_oldest_go_when_newer_ones_need_the_room() -> None:
    uploads = Uploads(Bounds(images=3, decoded=1000))
    keys = [uploads.keep(np.zeros((10, 10, 1), np.uint8)) for _ in range(4)]
    assert list(uploads._kept) == keys[1:]
    large = uploads.keep(np.zeros((30, 30, 1), np.uint8))
    assert list(uploads._kept) == [keys[-1], large]
    uploads.keep(np.zeros((90, 90, 1), np.uint8))  # one alone is kept in any case: it was let in
    assert len(uploads._kept) == 1
    assert len(set(keys)) == 4
    assert all(len(key) >= 20 for key in keys)
