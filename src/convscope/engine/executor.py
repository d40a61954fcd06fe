"""Where work is done: in this process by default, or wherever an executor has workers.

An experiment says *what* is done: a ``Work``, prepared once by every worker and then asked job by job. An ``Executor``
says *where*. Work, jobs and results are plain values that travel between processes, and a job done twice gives the same
result, so a job whose worker was lost is simply done again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from contextvars import copy_context
from queue import Queue
from threading import Event, Lock
from typing import Protocol, TypeVar

from convscope.cores import cores
from convscope.errors import SettingError

Job = TypeVar("Job")
Result = TypeVar("Result")
JobIn = TypeVar("JobIn", contravariant=True)
ResultOut = TypeVar("ResultOut", covariant=True)

Steps = Generator[int, None, Result]
"""A job on its way: yields how much of it is done, from time to time, and returns its result."""
Report = Callable[[int, int], None]
"""Called with (number of the job, how much of it is done)."""


class Work(Protocol[JobIn, ResultOut]):
    """What there is to do; ``prepare`` is called once in each worker, which may use so many ``cores``."""

    def prepare(self, cores: int) -> Callable[[JobIn], Generator[int, None, ResultOut]]:
        """The function that does one job; raises as the work itself does."""


def stepwise(do: Callable[[Callable[[int], None]], Result]) -> Steps[Result]:
    """What tells by a call how far it is, as steps; where they are closed, its next call raises.

    It runs in a thread of its own, in which holds what held where the first step was asked for: an allowance, say.
    """
    words: Queue[int | None] = Queue()
    closed = Event()

    def tell(done: int) -> None:
        if closed.is_set():
            raise GeneratorExit
        words.put(done)

    with ThreadPoolExecutor(1) as pool:
        ending = pool.submit(copy_context().run, do, tell)
        ending.add_done_callback(lambda _: words.put(None))
        try:
            while (done := words.get()) is not None:
                yield done
        finally:
            closed.set()
        return ending.result()


class Executor(Protocol):
    """Does jobs, each once as far as its result is concerned."""

    @property
    def here(self) -> bool:
        """Whether work is done in this process, so that it may share objects with whoever asked."""

    def run(
        self, work: Work[Job, Result], jobs: Sequence[Job], report: Report
    ) -> Generator[tuple[int, Result], None, None]:
        """Yield (number of a job, its result) as they finish, in any order; closing it ends all that is under way.

        An error of a job is raised as it would be here, and ends the others.
        """


class Here:
    """One job after the other, in this process and in order."""

    here = True

    def run(
        self, work: Work[Job, Result], jobs: Sequence[Job], report: Report
    ) -> Generator[tuple[int, Result], None, None]:
        """See ``Executor``."""
        do = work.prepare(cores())
        for number, job in enumerate(jobs):
            with closing(do(job)) as steps:  # an error of ``report`` ends the job at once, and not with its traceback
                while True:
                    try:
                        done = next(steps)
                    except StopIteration as end:
                        result: Result = end.value
                        break
                    report(number, done)
            yield number, result


HERE = Here()


class Advance:
    """How far all jobs are together, of ``total``: told to ``tell`` at once, and with every word of a job.

    A job that begins anew, as its worker was lost, does not go back. ``before`` is what was done already. Threads may
    call it side by side, and are heard one after the other.
    """

    def __init__(self, total: int, tell: Callable[[int, int], None], before: int = 0) -> None:
        self._total, self._tell, self._all = total, tell, before
        self._done: dict[Hashable, int] = {}
        self._one_at_a_time = Lock()
        tell(before, total)

    def __call__(self, job: Hashable, done: int) -> None:
        """So much of a job is done."""
        with self._one_at_a_time:
            further = max(done - self._done.get(job, 0), 0)
            self._done[job] = self._done.get(job, 0) + further
            self._all += further
            self._tell(self._all, self._total)


def quiet(number: int, done: int) -> None:
    """A report that nobody reads."""


def check_device(executor: Executor, device: str) -> None:
    """Raise SettingError for a device that the executor's workers do not have."""
    if not executor.here and device != "cpu":
        raise SettingError(f"workers of a cluster compute on their CPUs, and the device is {device!r}; leave it out")
