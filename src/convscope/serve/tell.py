"""What a job says to its client while it works, and how it hears that nobody listens any more."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

AHEAD = 4_000_000
"""Bytes that a job may be ahead of its client; then it waits."""


class Cancelled(Exception):  # noqa: N818 (it is no error)
    """The work is no longer wanted: its client is gone, its time is over, or the server stops."""


@dataclass(eq=False)
class Tell:
    """Called with an event, from the thread of the job: sends it as a line of JSON; raises Cancelled.

    All numbers of an event must be finite. ``over`` may come from any thread, everything else belongs to the loop.
    """

    loop: asyncio.AbstractEventLoop
    ahead: int = AHEAD
    _lines: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _held: int = 0
    _over: bool = False

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Send an event; waits while the client is far behind."""
        line = line_of(event)
        with self._changed:
            self._changed.wait_for(lambda: self._over or not self._held or self._held + len(line) <= self.ahead)
            self.check()
            self._held += len(line)
            self._put(line)

    def check(self) -> None:
        """Raise Cancelled if the work is no longer wanted; for long work between events."""
        if self._over:
            raise Cancelled

    def over(self, last: Mapping[str, Any] | None = None) -> bool:
        """Nothing more is said but ``last``; false if it was over before, which then stays as it was."""
        with self._changed:
            if self._over:
                return False
            self._over = True
            self._changed.notify_all()
            if last is not None:
                self._put(line_of(last))
            self._put(None)
            return True

    async def lines(self) -> AsyncIterator[bytes]:
        """What is said, until it is over."""
        while (line := await self._lines.get()) is not None:
            yield line
            with self._changed:
                self._held -= len(line)
                self._changed.notify_all()

    def _put(self, line: bytes | None) -> None:
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._lines.put_nowait, line)


def line_of(event: Mapping[str, Any]) -> bytes:
    """An event as one line of JSON; ValueError if a number is not finite."""
    return json.dumps(event, ensure_ascii=False, allow_nan=False).encode() + b"\n"
