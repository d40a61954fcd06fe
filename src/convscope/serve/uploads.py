"""Images that someone drops on a page: taken in with bounds on everything, and kept in memory only."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

from anyio import CapacityLimiter, to_thread
from fastapi import HTTPException, Request

from convscope.errors import AddressError
from convscope.images.decode import decode
from convscope.images.imageset import GREY
from convscope.images.pixels import Pixels

RETRY = {"Retry-After": "5"}


@dataclass(frozen=True)
class Bounds:
    """How much is taken in and kept."""

    encoded: int = 20_000_000
    """Bytes of one file."""
    pixels: int = 40_000_000
    """Width times height of one image."""
    seconds: float = 60
    """That one file may take to arrive."""
    at_once: int = 4
    """Files that arrive at the same time."""
    images: int = 16
    """Kept; the oldest goes when one too many comes."""
    decoded: int = 400_000_000
    """Bytes of pixels that are kept."""


@dataclass(eq=False)
class Uploads:
    """The images that were received last, by a key that nobody can guess; safe to use from several threads."""

    bounds: Bounds = field(default_factory=Bounds)
    _kept: OrderedDict[str, Pixels] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _receiving: int = 0
    _decoder: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(1))

    def get(self, key: str) -> Pixels:
        """The image under ``key``, uint8 [height, width, 1 or 3]; AddressError if it is not, or no longer, there."""
        with self._lock:
            if (found := self._kept.get(key)) is not None:
                return found
        raise AddressError("this image is not kept any more, or never was: choose or drop it again")

    def keep(self, pixels: Pixels) -> str:
        """Keep an image; returns its key."""
        key = secrets.token_urlsafe(16)
        with self._lock:
            self._kept[key] = pixels
            while len(self._kept) > self.bounds.images or (self._size() > self.bounds.decoded and len(self._kept) > 1):
                self._kept.popitem(last=False)
        return key

    def drop(self, key: str) -> None:
        """Forget an image, if it is there."""
        with self._lock:
            self._kept.pop(key, None)

    def _size(self) -> int:
        return sum(pixels.nbytes for pixels in self._kept.values())

    async def receive(self, request: Request) -> tuple[str, Pixels]:
        """Take in the body of a request; the image and its key.

        Raises ImageError for what is no image, HTTPException 413, 408 or 503 for what is too large, too slow or too
        many, and ClientDisconnect. What was received until then is gone.
        """
        if self._receiving >= self.bounds.at_once:
            raise HTTPException(503, f"{self._receiving} images are arriving already. Try again in a moment.", RETRY)
        self._receiving += 1
        try:
            encoded = await _body(request, self.bounds)
            pixels = await to_thread.run_sync(decode, encoded, GREY, self.bounds.pixels, limiter=self._decoder)
        finally:
            self._receiving -= 1
        return self.keep(pixels), pixels


async def _body(request: Request, bounds: Bounds) -> bytes:
    parts = request.stream()
    try:
        async with asyncio.timeout(bounds.seconds):
            return await _bounded(parts, bounds.encoded, request.headers.get("content-length", ""))
    except TimeoutError:
        raise HTTPException(
            408, f"The image did not arrive within {bounds.seconds:g} seconds.", {"Connection": "close"}
        ) from None


async def _bounded(parts: AsyncIterator[bytes], limit: int, announced: str) -> bytes:
    received = bytearray()
    too_large = announced.isascii() and announced.isdigit() and int(announced[:20]) > limit
    if not too_large:
        async for part in parts:
            received += part
            if too_large := len(received) > limit:
                break
    if not too_large:
        return bytes(received)
    received.clear()
    await _drain(parts)
    raise HTTPException(
        413,
        f"The image is larger than the {limit / 1e6:g} MB that this server takes. Make it smaller, or start the server "
        "with a larger --max-upload.",
        {"Connection": "close"},
    )


async def _drain(parts: AsyncIterator[bytes], seconds: float = 5) -> None:
    """Takes the rest in and forgets it: a client that still sends when the connection closes never reads why."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            async for _ in parts:
                pass
