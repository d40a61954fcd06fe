"""The workers of one run, and which job each has: nothing is lost with a worker but the job that it was doing."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

from convscope.cluster.worker import Done, Failed
from convscope.engine.executor import Report
from convscope.errors import ClusterError

LOSSES = 4
"""Workers that one job may lose before it is given up: the job itself ends them, perhaps by its hunger for memory."""

Handle = Any
"""Of a worker: what Ray gives for an actor."""
Stream = Any
"""What Ray gives for words that are still to come."""


@dataclass
class Crew:
    """``hire`` makes a worker, of which there are at most ``size``; one must be ready within ``patience`` seconds."""

    ray: Any
    hire: Callable[[], Handle]
    call: Callable[[Handle], Any]
    """Has a worker prepare itself."""
    size: int
    patience: float
    starting: dict[Any, Handle] = field(default_factory=dict)
    busy: dict[Stream, tuple[Handle, int]] = field(default_factory=dict)
    lost: Counter[int | None] = field(default_factory=Counter)
    """Workers lost by each job; None: before they had one."""

    def carry_out(self, jobs: Sequence[Any], report: Report) -> Generator[tuple[int, Any], None, None]:
        """Yield (number, result) of each job as they finish; closing it ends all workers."""
        waiting = deque(range(len(jobs)))
        try:
            while waiting or self.busy:
                self._fill(len(waiting))
                for ready in self._ready():
                    if ready in self.starting:
                        self._assign(self._started(ready), waiting, jobs)
                        continue
                    handle, number, word = self._heard(ready)
                    if isinstance(word, int):
                        report(number, word)
                        continue
                    if word is None:
                        waiting.appendleft(number)
                    self._assign(handle, waiting, jobs)
                    if isinstance(word, Done):
                        yield number, word.result
        finally:
            for handle in (*self.starting.values(), *(handle for handle, _ in self.busy.values())):
                self.ray.kill(handle)

    def _fill(self, waiting: int) -> None:
        wanted = min(self.size, waiting + len(self.busy))
        while len(self.starting) + len(self.busy) < wanted:
            handle = self.hire()
            self.starting[self.call(handle)] = handle

    def _ready(self) -> Sequence[Any]:
        """What has something to say; ClusterError if nobody is there to say anything."""
        under_way = [*self.starting, *self.busy]
        ready, _ = self.ray.wait(under_way, num_returns=len(under_way), timeout=0)
        if not ready:
            ready, _ = self.ray.wait(under_way, timeout=self.patience)
        if not ready and not self.busy:
            raise ClusterError(
                f"no worker could be started within {self.patience:g} s. The cluster has "
                f"{self.ray.cluster_resources().get('CPU', 0):g} cores, of which "
                f"{self.ray.available_resources().get('CPU', 0):g} are free: wait for others to finish, or ask for "
                "fewer cores per worker"
            )
        return list(ready)

    def _started(self, ready: Any) -> Handle | None:
        """The worker that is prepared; None if it is lost."""
        handle = self.starting[ready]
        word = self._told(None, handle, lambda: self.ray.get(ready))
        del self.starting[ready]  # not before: whoever leaves with an error ends all that are listed
        if word is not None:
            self.lost[None] = 0
        return handle if word is not None else None

    def _heard(self, stream: Stream) -> tuple[Handle | None, int, int | Done | None]:
        """The worker that said a word on the job of this number; None in place of both if it is lost."""
        handle, number = self.busy[stream]
        word = self._told(number, handle, lambda: self.ray.get(next(stream)))
        if not isinstance(word, int):
            del self.busy[stream]
        return (handle if word is not None else None), number, word

    def _told(self, number: int | None, handle: Handle, get: Callable[[], Any]) -> Any:
        """The word; None where there is none because the worker is gone. Raises the error that it is about."""
        errors = self.ray.exceptions
        try:
            word = get()
        except errors.RayTaskError as error:  # none that a worker knows how to tell: a defect, or a foreign error
            said = " ".join([str(error.cause), *getattr(error.cause, "__notes__", ())])
            raise ClusterError(f"a worker failed: {type(error.cause).__name__}: {said}") from error
        except (errors.RayError, StopIteration) as error:
            self.lost[number] += 1
            if self.lost[number] == LOSSES:
                what = "in doing the same part of the work" if number is not None else "while they started"
                raise ClusterError(
                    f"{LOSSES} workers were lost one after the other {what}, the last: {_reason(error)}. Where memory "
                    "is short, use smaller batches or fewer workers; what is finished is kept"
                ) from error
            self.ray.kill(handle)  # it may only be out of reach
            return None
        if isinstance(word, Failed):
            raise word.error()
        return word

    def _assign(self, handle: Handle | None, waiting: deque[int], jobs: Sequence[Any]) -> None:
        """Give a worker the next job; one that is not needed any more ends, so that others have its place."""
        if handle is None:
            return
        if not waiting:
            self.ray.kill(handle)
            return
        number = waiting.popleft()
        self.busy[handle.run.options(num_returns="streaming").remote(jobs[number])] = (handle, number)


def _reason(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
