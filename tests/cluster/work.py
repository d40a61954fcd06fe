"""Work for tests with real processes: it dies and fails where it is told to, and leaves traces. Needs no torch."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from convscope.engine.executor import Steps
from convscope.errors import NumberError


def wait_for(ready: Callable[[], bool], seconds: float = 60) -> None:
    limit = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < limit, "nothing happens"
        time.sleep(0.02)


@dataclass(frozen=True)
class Doubling:
    """Doubles numbers; leaves a file ``JOB-PROCESS`` in ``folder`` for each attempt."""

    folder: Path
    deadly: frozenset[int] = frozenset()
    """Jobs that end the process, each time."""
    wrong: frozenset[int] = frozenset()
    """Jobs that have a genuine error."""
    broken: frozenset[int] = frozenset()
    """Jobs that show a defect of the program."""

    def prepare(self, cores: int) -> Callable[[int], Steps[int]]:
        assert cores == 1
        return self.double

    def double(self, job: int) -> Steps[int]:
        (self.folder / f"{job}-{os.getpid()}").touch()
        yield 1
        if job in self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        if job in self.wrong:
            raise NumberError(f"job {job} is not a number")
        if job in self.broken:
            raise ZeroDivisionError(f"job {job}")
        return 2 * job

    def attempts(self, job: int) -> int:
        return len(list(self.folder.glob(f"{job}-*")))
