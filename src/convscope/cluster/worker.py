"""One worker of a cluster: a process that is prepared once and then does one job after the other."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from convscope import errors
from convscope.engine.allowance import Allowance, allowing
from convscope.engine.executor import Work
from convscope.engine.memory import keep_freed_memory
from convscope.errors import ClusterError, ConvscopeError
from convscope.version import installed_version

EVERY = 0.5
"""Seconds between two words on how far a job is."""

Versions = tuple[tuple[str, str], ...]


def versions() -> Versions:
    """Of what decides a number; they must be the same in all processes."""
    return ("convscope", installed_version()), *((name, version(name)) for name in ("torch", "numpy", "pillow"))


@dataclass(frozen=True)
class Done:
    """The last word on a job that was done."""

    result: Any


@dataclass(frozen=True)
class Failed:
    """The last word on a job that cannot be done: an error by its name, because not every error can be sent."""

    kind: str
    message: str
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, error: Exception) -> Failed:
        """The word for an error of convscope's, or of a file that cannot be read or written."""
        return cls(type(error).__name__, str(error), tuple(getattr(error, "__notes__", ())))

    def error(self) -> Exception:
        """The same error, to be raised by whoever asked."""
        kind = getattr(errors, self.kind, OSError)
        raised: Exception = kind.__new__(kind, self.message)  # not called: some are made from other things
        raised.args = (self.message,)
        for note in self.notes:
            raised.add_note(note)
        return raised


class Worker:
    """Runs as a Ray actor; its process ends with whoever made it."""

    def prepare(self, work: Work[Any, Any], cores: int, expected: Versions, allowance: Allowance) -> Failed | int:
        """Make everything ready that all jobs need; the process id, or why it cannot be done.

        Steps of the jobs keep to the ``allowance`` of whoever asks, each worker for itself.
        """
        try:
            _check_versions(expected)
            if "torch" in sys.modules:  # the work has arrived, so it is there if it is needed
                sys.modules["torch"].set_num_threads(cores)
            keep_freed_memory()
            self._do, self._allowance = work.prepare(cores), allowance
        except (ConvscopeError, OSError) as error:
            return Failed.of(error)
        return os.getpid()

    def run(self, job: Any) -> Iterator[int | Done | Failed]:
        """How far the job is, from time to time, then the last word on it."""
        told = time.monotonic()
        steps = self._do(job)
        try:
            while True:
                with allowing(self._allowance):
                    done = next(steps)
                if time.monotonic() - told >= EVERY:
                    told = time.monotonic()
                    yield done
        except StopIteration as end:
            last: Done | Failed = Done(end.value)
        except (ConvscopeError, OSError) as error:
            last = Failed.of(error)
        yield last


def _check_versions(expected: Versions) -> None:
    if versions() != expected:
        mine, theirs = (", ".join(f"{name} {number}" for name, number in each) for each in (versions(), expected))
        raise ClusterError(
            f"the worker on {socket.gethostname()} has {mine}, and the process that asked has {theirs}: results would "
            "depend on who computed what. Install the same versions on all machines"
        )
