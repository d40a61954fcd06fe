"""Live questions are jobs: few at once, some waiting, each with a time limit, and stopped when nobody listens."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from convscope.errors import ConvscopeError
from convscope.serve.problem import UNEXPECTED
from convscope.serve.tell import Cancelled, Tell

T = TypeVar("T")
Work = Callable[[Tell], None]
Check = Callable[[], None]
"""To be called now and then; raises Cancelled once nobody waits for the result any more."""

LINES = "application/x-ndjson"
RETRY = {"Retry-After": "10"}
"""Seconds after which a client that was refused may ask again."""
STOPPED = "The server is being stopped, and the question with it."

logger = logging.getLogger("convscope.serve")


@dataclass(eq=False)
class Jobs:
    """At most ``running`` jobs work at once, each for at most ``seconds``, and ``waiting`` more wait in a queue.

    A job that is over for its client keeps its place until it next tells or checks: the bound is on threads.
    """

    running: int = 1
    waiting: int = 8
    seconds: float = 600
    _open: dict[Tell, Future[None]] = field(default_factory=dict)
    _pool: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(self.running, thread_name_prefix="convscope-job")

    @property
    def count(self) -> int:
        """Jobs that work or wait."""
        return len(self._open)

    def stream(self, request: Request, work: Work) -> Response:
        """The response that is what ``work`` tells, event by event, as lines of JSON.

        An error of convscope's becomes a last event ``{"error": sentence}``; a job that has to wait begins with
        ``{"waiting": jobs before it}``. Raises HTTPException 503 if too many wait.
        """
        before = self.count
        tell = self._begin(request, work)
        if before >= self.running:
            with suppress(Cancelled):  # its turn came at once, and it is over already
                tell({"waiting": before})
        return _Lines(self, tell)

    async def result(self, request: Request, work: Callable[[Check], T]) -> T:
        """What ``work`` returns, or raises.

        Raises HTTPException 503 if too many wait, or it takes too long, and ClientDisconnect if nobody waits any more.
        """
        outcome: Future[T] = Future()
        tell = self._begin(request, partial(_settle, outcome, work))
        listening = asyncio.create_task(_leaves(request.receive, tell))
        try:
            said = [line async for line in tell.lines()]
        finally:
            listening.cancel()
            self.end(tell)
        if outcome.done():
            return outcome.result()
        if said:
            raise HTTPException(503, json.loads(said[-1])["error"], RETRY)
        raise ClientDisconnect

    def end(self, tell: Tell) -> None:
        """End a job: one that waits never begins, one that works hears of it when it next tells or checks."""
        tell.over()
        if tell in self._open:
            self._open[tell].cancel()

    def close(self, seconds: float = 1) -> bool:
        """End all jobs for good; false if one of them still works after so many seconds."""
        left = dict(self._open)
        for tell in left:
            tell.over({"error": STOPPED})
        self._pool.shutdown(wait=False, cancel_futures=True)
        return not wait(left.values(), seconds).not_done

    def _begin(self, request: Request, work: Work) -> Tell:
        if self.count >= self.running + self.waiting:
            raise HTTPException(
                503, f"{self.count} questions are being answered or wait already. Ask again in a while.", RETRY
            )
        tell = Tell(asyncio.get_running_loop())
        job = self._pool.submit(self._run, tell, work, f"{request.method} {request.url.path}")
        self._open[tell] = job
        job.add_done_callback(lambda _: self._open.pop(tell))
        return tell

    def _run(self, tell: Tell, work: Work, name: str) -> None:
        sentence = f"This took longer than the {self.seconds:g} seconds that a question may take. Ask for less at once."
        limit = threading.Timer(self.seconds, tell.over, ({"error": sentence},))
        limit.daemon = True
        limit.start()
        try:
            tell.check()
            work(tell)
        except Cancelled:
            pass
        except ConvscopeError as error:
            tell.over({"error": str(error)})
        except Exception:
            logger.exception("%s failed", name)
            tell.over({"error": UNEXPECTED})
        finally:
            limit.cancel()
            tell.over()


def _settle(outcome: Future[T], work: Callable[[Check], T], tell: Tell) -> None:
    try:
        outcome.set_result(work(tell.check))
    except Cancelled:
        raise
    except Exception as error:
        outcome.set_exception(error)


async def _leaves(receive: Receive, tell: Tell) -> None:
    """Ends the job when its client goes away, or sends more than it may."""
    with suppress(HTTPException):
        while (await receive())["type"] != "http.disconnect":
            pass
    tell.over()


class _Lines(Response):
    """Sends what a job tells for as long as the client listens."""

    media_type = LINES

    def __init__(self, jobs: Jobs, tell: Tell) -> None:
        super().__init__()
        del self.headers["Content-Length"]
        # A proxy that collects the answer before it passes it on would hide all progress.
        self.headers["X-Accel-Buffering"] = "no"
        self.headers["Cache-Control"] = "no-store"
        self.jobs, self.tell = jobs, tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        listening = asyncio.create_task(_leaves(receive, self.tell))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            async for line in self.tell.lines():
                await send({"type": "http.response.body", "body": line, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            listening.cancel()
            self.jobs.end(self.tell)
