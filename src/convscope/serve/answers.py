"""Answers of places as responses: made in threads, kept while there is room, sent only if new to the client."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from anyio import CapacityLimiter, to_thread
from starlette.datastructures import Headers
from starlette.responses import Response

from convscope.web.place import Answer

SMALLEST_PACKED = 500
"""Bytes; below that, packing saves nothing."""
TEXT = ("text/", "application/json", "image/svg+xml")


@dataclass(frozen=True)
class Ready:
    """An answer with all that sending it takes."""

    answer: Answer
    digest: str
    packed: bytes | None
    """Gzip; None where that saves nothing."""

    @property
    def size(self) -> int:
        """Bytes that it takes to keep it."""
        return len(self.answer.content) + len(self.packed or b"")


def ready(answer: Answer) -> Ready:
    """An answer made ready to be sent any number of times."""
    digest = hashlib.sha256(answer.content).hexdigest()[:32]
    if len(answer.content) < SMALLEST_PACKED or not answer.media.startswith(TEXT):
        return Ready(answer, digest, None)
    # Without a time of its own, or equal answers would be packed differently.
    return Ready(answer, digest, gzip.compress(answer.content, compresslevel=5, mtime=0))


def response_of(found: Ready, headers: Headers) -> Response:
    """The response to a request with these headers: 304 without content if the client has it already."""
    packs = found.packed is not None and _takes_gzip(headers.get("accept-encoding", ""))
    # A strong tag stands for the very bytes, and those differ when packed.
    tag = f'"{found.digest}-gzip"' if packs else f'"{found.digest}"'
    sent = {"ETag": tag, "Cache-Control": "no-cache"}
    if found.packed is not None:
        sent["Vary"] = "Accept-Encoding"
    if _has(headers.getlist("if-none-match"), tag):
        return Response(status_code=304, headers=sent)
    if packs:
        sent["Content-Encoding"] = "gzip"
    return Response(found.packed if packs else found.answer.content, 200, sent, found.answer.media)


def _takes_gzip(accepted: str) -> bool:
    offers = (offer.replace(" ", "").lower().partition(";") for offer in accepted.split(","))
    return any(name in ("gzip", "*") and weight not in ("q=0", "q=0.0") for name, _, weight in offers)


def _has(kept: list[str], tag: str) -> bool:
    names = [name.strip().removeprefix("W/") for line in kept for name in line.split(",")]
    return tag in names or "*" in names


@dataclass(eq=False)
class Kept:
    """The answers that were asked for last, up to ``limit`` bytes."""

    limit: int
    _found: OrderedDict[str, Ready] = field(default_factory=OrderedDict)
    size: int = 0

    def get(self, key: str) -> Ready | None:
        """The answer, if it is still there."""
        if key in self._found:
            self._found.move_to_end(key)
        return self._found.get(key)

    def put(self, key: str, found: Ready) -> None:
        """Keep an answer; those that were not asked for in the longest time go."""
        if found.size > self.limit // 4 or key in self._found:
            return
        self._found[key] = found
        self.size += found.size
        while self.size > self.limit:
            self.size -= self._found.popitem(last=False)[1].size


@dataclass(eq=False)
class Answers:
    """Makes answers in at most ``threads`` threads, each only once however many ask for it at the same time.

    For use inside one event loop; ``limit`` is in bytes.
    """

    limit: int = 64_000_000
    threads: int = 4
    _kept: Kept = field(init=False)
    _making: dict[str, asyncio.Task[Ready | None]] = field(default_factory=dict)
    _room: CapacityLimiter = field(init=False)

    def __post_init__(self) -> None:
        self._kept, self._room = Kept(self.limit), CapacityLimiter(self.threads)

    async def get(self, key: str, make: Callable[[], Answer | None], *, keep: bool = True) -> Ready | None:
        """The answer under ``key``, from ``make`` if it is not kept; None if there is none."""
        if (found := self._kept.get(key)) is not None:
            return found
        if key not in self._making:
            self._making[key] = asyncio.create_task(self._make(key, make, keep))
        # Others may wait for the same answer: that one of them leaves must not stop it.
        return await asyncio.shield(self._making[key])

    async def _make(self, key: str, make: Callable[[], Answer | None], keep: bool) -> Ready | None:
        try:
            found = await to_thread.run_sync(partial(_made, make), limiter=self._room)
        finally:
            del self._making[key]
        if found is not None and keep:
            self._kept.put(key, found)
        return found


def _made(make: Callable[[], Answer | None]) -> Ready | None:
    answer = make()
    return None if answer is None else ready(answer)
