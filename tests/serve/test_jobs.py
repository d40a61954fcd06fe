"""Jobs on a real server: streamed, queued, refused, stopped, and never a traceback to the client."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Request, Response

from convscope.errors import SettingError
from convscope.serve.app import make_app
from convscope.serve.gate import gate_of
from convscope.serve.jobs import STOPPED, Jobs
from convscope.serve.problem import UNEXPECTED
from convscope.serve.tell import Cancelled, Tell
from convscope.web.shelf.place import Shelf
from tests.serve.conftest import eventually, notebook, serving

Work = Callable[[Tell], None]


@dataclass
class Bench:
    """A server with jobs that tests write."""

    jobs: Jobs
    works: dict[str, Work]
    port: int = 0
    ended: list[str] = field(default_factory=list)

    def ask(self, name: str, **options: Any) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}/live/{name}", timeout=20, **options)

    @contextmanager
    def asking(self, name: str) -> Iterator[httpx.Response]:
        with httpx.stream("GET", f"http://127.0.0.1:{self.port}/live/{name}", timeout=20) as answer:
            yield answer

    def line(self, name: str) -> socket.socket:
        """A connection on which the question was asked and nothing was read yet."""
        line = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        line.sendall(f"GET /live/{name} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n\r\n".encode())
        return line


@contextmanager
def bench(jobs: Jobs, **works: Work) -> Iterator[Bench]:
    made = Bench(jobs, works)
    router = APIRouter()

    @router.get("/live/result/{name}")
    async def result(request: Request, name: str) -> Response:
        return Response(await jobs.result(request, lambda check: made.works[name](_quiet(check))))

    @router.get("/live/{name}")
    async def stream(request: Request, name: str) -> Response:
        return jobs.stream(request, made.works[name])

    sock = socket.create_server(("127.0.0.1", 0))
    app = make_app(Shelf({"notes": notebook()}), gate_of("127.0.0.1", sock.getsockname()[1]))
    app.router.routes[:0] = router.routes
    try:
        with serving(app, sock) as made.port:
            yield made
    finally:
        assert jobs.close(30)
        assert jobs.count == 0


def _quiet(check: Callable[[], None]) -> Any:
    return lambda event=None: check()


def lines(answer: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.text.splitlines()]


def counting(tell: Tell) -> None:
    for number in range(3):
        tell({"number": number, "text": "é\n"})


def until(go: threading.Event) -> Work:
    """Works until it is let go or is no longer wanted, and says each turn."""

    def work(tell: Tell) -> None:
        while not go.wait(0.02):
            tell({"turn": True})
        tell({"done": True})

    return work


class Quick(Jobs):
    """Counts one job too many for a moment, and has ended each before it is told how many it waits for."""

    crowd = 1

    @property
    def count(self) -> int:
        return super().count + self.crowd

    def _begin(self, request: Request, work: Work) -> Tell:
        tell = super()._begin(request, work)
        if (job := self._open.get(tell)) is not None:
            job.result(20)
        self.crowd = 0
        return tell


def test_a_job_that_has_ended_is_not_said_to_wait() -> None:
    with bench(Quick(), counting=counting) as made:
        answer = made.ask("counting")
    assert answer.status_code == 200
    assert lines(answer) == [{"number": number, "text": "é\n"} for number in range(3)]


def test_events_come_as_lines_of_json() -> None:
    with bench(Jobs(), counting=counting) as made:
        answer = made.ask("counting")
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["content-security-policy"]
    assert lines(answer) == [{"number": number, "text": "é\n"} for number in range(3)]


def test_events_come_while_the_work_goes_on() -> None:
    go = threading.Event()
    with bench(Jobs(), slow=until(go)) as made, made.asking("slow") as answer:
        got = answer.iter_lines()
        assert json.loads(next(got)) == {"turn": True}
        go.set()
        assert json.loads(list(got)[-1]) == {"done": True}


def test_a_connection_that_closes_cancels_the_work() -> None:
    begun, heard = threading.Event(), threading.Event()

    def work(tell: Tell) -> None:
        begun.set()
        try:
            until(threading.Event())(tell)
        except Cancelled:
            heard.set()
            raise

    with bench(Jobs(), slow=work, counting=counting) as made:
        line = made.line("slow")
        assert begun.wait(30)
        assert line.recv(100)
        line.close()
        assert heard.wait(30)
        assert len(lines(made.ask("counting"))) == 3  # the place is free again


def test_work_that_says_nothing_hears_by_checking() -> None:
    begun, heard = threading.Event(), threading.Event()

    def work(tell: Any) -> None:
        begun.set()
        while True:
            try:
                tell()
            except Cancelled:
                heard.set()
                raise

    with bench(Jobs(), silent=work) as made:
        line = made.line("result/silent")
        assert begun.wait(30)
        line.close()
        assert heard.wait(30)


def test_jobs_wait_for_each_other() -> None:
    go, order = threading.Event(), []

    def second(tell: Tell) -> None:
        order.append("second")
        tell({"done": 2})

    with bench(Jobs(), first=until(go), second=second) as made, made.asking("first") as first:
        got = first.iter_lines()
        next(got)
        with made.asking("second") as other:
            waiting = other.iter_lines()
            assert json.loads(next(waiting)) == {"waiting": 1}
            assert order == []
            go.set()
            assert list(map(json.loads, waiting)) == [{"done": 2}]


def test_one_too_many_is_refused_and_those_who_leave_make_room() -> None:
    go = threading.Event()
    with bench(Jobs(running=1, waiting=8), slow=until(go), counting=counting) as made:
        held = [made.line("slow") for _ in range(9)]
        assert eventually(lambda: made.jobs.count == 9)
        for name in ("counting", "result/counting"):
            refused = made.ask(name)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
            assert "9 questions" in refused.json()["error"]
        held.pop().close()  # one that waits: it never begins
        assert eventually(lambda: made.jobs.count == 8)
        with made.asking("slow") as answer:
            assert json.loads(next(answer.iter_lines())) == {"waiting": 8}
        for line in held:
            line.close()
        assert eventually(lambda: made.jobs.count == 0)


def test_time_is_limited() -> None:
    with bench(Jobs(seconds=0.2), slow=until(threading.Event())) as made:
        *_, last = lines(made.ask("slow"))
        assert "0.2 seconds" in last["error"]
        refused = made.ask("result/slow")
        assert (refused.status_code, "0.2 seconds" in refused.json()["error"]) == (503, True)


def test_a_client_that_does_not_read_holds_the_work_back() -> None:
    sent, go = [], threading.Event()

    def work(tell: Tell) -> None:
        while not go.is_set():
            tell({"text": "x" * 1_000_000})
            sent.append(1)

    with bench(Jobs(), chatty=work) as made:
        line = made.line("chatty")
        assert eventually(lambda: len(sent) >= 4)
        before = -1
        while before != len(sent):  # until it stands still
            before = len(sent)
            threading.Event().wait(0.3)
        assert len(sent) < 30
        line.recv(1000)
        line.close()
        assert eventually(lambda: made.jobs.count == 0)


def test_errors_are_sentences_and_never_tracebacks(caplog: pytest.LogCaptureFixture) -> None:
    def mistaken(tell: Tell) -> None:
        tell({"number": 1}) if isinstance(tell, Tell) else tell()
        raise SettingError("the stride is 0; choose at least 1")

    def broken(tell: Tell) -> None:
        raise RuntimeError("a secret")

    def infinite(tell: Tell) -> None:
        tell({"number": float("nan")})

    with bench(Jobs(), mistaken=mistaken, broken=broken, infinite=infinite) as made:
        assert lines(made.ask("mistaken")) == [{"number": 1}, {"error": "the stride is 0; choose at least 1"}]
        assert lines(made.ask("broken")) == lines(made.ask("infinite")) == [{"error": UNEXPECTED}]
        refused, failed = made.ask("result/mistaken"), made.ask("result/broken")
    assert (refused.status_code, refused.json()["error"]) == (422, "the stride is 0; choose at least 1")
    assert (failed.status_code, failed.json()["error"]) == (500, UNEXPECTED)
    assert "a secret" in caplog.text


def test_results_come_back() -> None:
    def answer(tell: Any) -> Any:
        tell()
        return b"the result"

    with bench(Jobs(), answer=answer) as made, ThreadPoolExecutor(4) as pool:
        found = list(pool.map(made.ask, ["result/answer"] * 4))
    assert [one.content for one in found] == [b"the result"] * 4


def test_a_server_that_stops_ends_its_jobs_and_says_so() -> None:
    jobs = Jobs()
    with bench(jobs, slow=until(threading.Event())) as made, made.asking("slow") as answer:
        got = answer.iter_lines()
        next(got)
        assert jobs.close(30)
        assert json.loads(list(got)[-1]) == {"error": STOPPED}


def test_what_is_over_stays_over() -> None:
    async def tries() -> list[bytes]:
        tell = Tell(asyncio.get_running_loop())
        tell({"a": 1})
        assert tell.over({"error": "first"})
        assert not tell.over({"error": "second"})
        with pytest.raises(Cancelled):
            tell({"b": 2})
        return [line async for line in tell.lines()]

    # In a thread of its own: the browser of other tests keeps a loop running in this one.
    with ThreadPoolExecutor(1) as thread:
        found = thread.submit(lambda: asyncio.run(tries())).result()
    assert found == [b'{"a": 1}\n', b'{"error": "first"}\n']
