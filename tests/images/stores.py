"""Stores on this machine: a web server, and one that speaks as much of S3 as reading takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, quote, unquote, urlsplit

Files = dict[str, bytes]


class _Handler(BaseHTTPRequestHandler):
    """Serves ``server.files``, ``/path`` to bytes; ``server.ranges`` says whether in part, ``server.failing`` fails."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # headers and content in one packet
    server: Store

    def log_message(self, format: str, *values: object) -> None: ...

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.server.asked.append((self.command, self.path, self.headers.get("Range")))
        status, headers, content = self.server.answer(self.path, self.headers)
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if status == 200 and wanted and self.server.ranges:
            start, end = int(wanted[1]), int(wanted[2]) + 1
            if start >= len(content):
                status, content = 416, b""
            else:
                headers["Content-Range"] = f"bytes {start}-{min(end, len(content)) - 1}/{len(content)}"
                status, content = 206, content[start:end]
        self.send_response(status)
        for name, value in (*headers.items(), ("Content-Length", str(len(content)))):
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)


class Store(ThreadingHTTPServer):
    """A web server of some files."""

    daemon_threads = True
    answering: tuple[int, str] | None = None
    """A status, and an S3 error code, that is given to everything."""
    ranges = True

    def __init__(self, files: Files) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.asked = files, list[tuple[str, str, str | None]]()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, path: str, headers: Message) -> tuple[int, dict[str, str], bytes]:
        path = unquote(path.partition("?")[0])
        if self.answering:
            return self.answering[0], {}, b""
        if path in self.files:
            return 200, {"ETag": f'"{hash(self.files[path])}"'}, self.files[path]
        if path.endswith("/"):
            inside = {name.removeprefix(path) for name in self.files if name.startswith(path)}
            links = {name.partition("/")[0] + ("/" if "/" in name else "") for name in inside}
            page = "".join(f'<a class=x href="{quote(link)}">{escape(link)}</a>' for link in ["../", *sorted(links)])
            return (200, {"Content-Type": "text/html"}, page.encode()) if links else (404, {}, b"")
        return 404, {}, b""


class Buckets(Store):
    """As a web server, but lists like S3: ``/BUCKET?list-type=2&prefix=…``; refuses who does not sign as ``key``."""

    page = 2
    """Keys of an answer, so that listings go on."""

    def answer(self, path: str, headers: Message) -> tuple[int, dict[str, str], bytes]:
        where, query = urlsplit(path).path, parse_qs(urlsplit(path).query, keep_blank_values=True)
        bucket = where.split("/")[1]
        signed = "Credential=key/" in headers.get("Authorization", "")
        if self.answering:
            return _refusal(*self.answering)
        if not signed:
            return _refusal(403, "InvalidAccessKeyId")
        if not any(name.startswith(f"/{bucket}/") for name in self.files):
            return _refusal(404, "NoSuchBucket")
        if "list-type" in query:
            return 200, {"Content-Type": "application/xml"}, self._listed(bucket, query)
        if unquote(where) not in self.files:
            return _refusal(404, "NoSuchKey")
        content = self.files[unquote(where)]
        return 200, {"ETag": f'"{len(content)}"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}, content

    def _listed(self, bucket: str, query: dict[str, list[str]]) -> bytes:
        prefix, delimiter = query.get("prefix", [""])[0], query.get("delimiter", [""])[0]
        below = [
            name.removeprefix(f"/{bucket}/{prefix}") for name in self.files if name.startswith(f"/{bucket}/{prefix}")
        ]
        keys = sorted(prefix + key for key in below if not (delimiter and "/" in key))
        folders = sorted({f"{prefix}{key.partition('/')[0]}/" for key in below if delimiter and "/" in key})
        first = int(query.get("continuation-token", ["0"])[0])
        last = first + self.page
        more, shown = last < len(keys), keys[first:last]
        contents = "".join(
            f"<Contents><Key>{escape(quote(key))}</Key><Size>{len(self.files[f'/{bucket}/{key}'])}</Size>"
            '<LastModified>2024-01-01T00:00:00.000Z</LastModified><ETag>"1"</ETag></Contents>'
            for key in shown
        )
        prefixes = "".join(
            f"<CommonPrefixes><Prefix>{escape(quote(name))}</Prefix></CommonPrefixes>" for name in folders
        )
        token = f"<NextContinuationToken>{last}</NextContinuationToken>" if more else ""
        return (
            f"<ListBucketResult><Name>{bucket}</Name><EncodingType>url</EncodingType><KeyCount>{len(shown)}</KeyCount>"
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{contents}{prefixes}</ListBucketResult>"
        ).encode()


def _refusal(status: int, code: str) -> tuple[int, dict[str, str], bytes]:
    content = f"<Error><Code>{code}</Code><Message>secret-in-message</Message></Error>"
    return status, {"Content-Type": "application/xml"}, content.encode()


@contextmanager
def running(store: Store) -> Iterator[Store]:
    """The store, answering in a thread."""
    thread = Thread(target=store.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield store
    finally:
        store.shutdown()
        store.server_close()
        thread.join()
