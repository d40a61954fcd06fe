"""Reading over HTTP: each answer bounded in bytes and time, and folders as file servers list them.

fsspec's own calls read an answer however long it is, and take a server's failure for a missing file.
"""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import urljoin

from convscope.errors import ImageError

PAGE_LIMIT = 1 << 26
"""Bytes of a page that lists a folder."""
DEPTH = 16
"""Folders in folders that are looked into."""
FOLDERS = 100_000
CHUNK = 1 << 20

_LINK = re.compile(r"""<a\s[^>]*?href\s*=\s*["']([^"'?#]+)["']""", re.IGNORECASE)
_TOTAL = re.compile(r"bytes \d+-\d+/(\d+)")
PARTIAL = 206
BEYOND = 416


def options() -> dict[str, Any]:
    """Options of fsspec's HTTP file system: no request takes for ever."""
    import aiohttp

    limits = aiohttp.ClientTimeout(total=600, sock_connect=20, sock_read=60)
    return {"client_kwargs": {"timeout": limits}, "simple_links": False}


class Web:
    """Files of a web server; those that are read in part need one that answers range requests."""

    def span(self, system: Any, url: str, start: int, length: int) -> bytes:
        """See ``File.span``."""
        try:
            with _answer(system, url, start, start + length) as answer:
                if start and answer.r.status != PARTIAL:
                    raise ImageError("the server does not answer range requests, so no part of a file can be read")
                return _at_most(answer, length)
        except Exception as error:
            if _lies_beyond(error):
                return b""
            raise

    def state(self, system: Any, url: str) -> tuple[int, str]:
        """See ``File.state``; the content is taken to be the same while its tag or date is."""
        try:
            with _answer(system, url, 0, 1) as answer:
                return self._state(answer.r)
        except Exception as error:
            if _lies_beyond(error):
                return 0, ""
            raise

    def _state(self, answer: Any) -> tuple[int, str]:
        total = _TOTAL.fullmatch(answer.headers.get("Content-Range", ""))
        size = total[1] if total and answer.status == PARTIAL else answer.headers.get("Content-Length", "")
        if not size.isdigit() or len(size) > 18:
            raise ImageError("the server does not say how large the file is")
        return int(size), answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""

    def find(self, system: Any, url: str) -> list[str]:
        """Paths of all files below that pages link to, as they stand in addresses."""
        root = url.rstrip("/") + "/"
        found, folders, seen = set[str](), [(root, DEPTH)], {root}
        while folders:
            folder, depth = folders.pop()
            for link in _links(system, folder):
                if not link.startswith(root) or link in seen or ".." in link.removeprefix(root).split("/"):
                    continue
                seen.add(link)
                if not link.endswith("/"):
                    found.add(link.removeprefix(root))
                elif depth and len(seen) - len(found) <= FOLDERS:
                    folders.append((link, depth - 1))
                else:
                    raise ImageError(f"more than {FOLDERS} folders, or folders in folders more than {DEPTH} deep")
        return sorted(found)


def _links(system: Any, folder: str) -> list[str]:
    with _answer(system, folder) as answer:
        page = _at_most(answer, PAGE_LIMIT + 1)
    if len(page) > PAGE_LIMIT:
        raise ImageError(f"a page of more than {PAGE_LIMIT} bytes instead of a folder")
    return [urljoin(folder, html.unescape(link)) for link in _LINK.findall(page.decode(errors="replace"))]


def _answer(system: Any, url: str, start: int | None = None, end: int | None = None) -> Any:
    headers = {} if start is None or end is None else {"Range": f"bytes={start}-{end - 1}"}
    # Of size 1 so that none is asked for first, and in blocks of 0 so that the answer is a stream.
    return system.open(url, block_size=0, size=1, headers=headers)


def _lies_beyond(error: Exception) -> bool:
    """Whether a range was refused since the file ends before it, as an empty one does."""
    return getattr(error, "status", None) == BEYOND


def _at_most(answer: Any, limit: int) -> bytes:
    pieces = bytearray()
    while len(pieces) < limit and (piece := answer.read(min(CHUNK, limit - len(pieces)))):
        pieces += piece
    return bytes(pieces)
