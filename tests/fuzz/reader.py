"""A reader of bytes that nobody vouches for, and what running it on some of them may do."""

from __future__ import annotations

import re
import resource
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from convscope.errors import ConvscopeError

SECONDS = 20
"""A reading that takes longer counts as one that never ends."""
MEMORY = 3 << 30
"""Bytes of address space that a reading may take on top of what the process has."""


@dataclass(frozen=True)
class Reader:
    """What is read: ``seeds`` are valid files; ``read`` is given a changed one, and a folder to write it to.

    Nothing but ``allowed`` may come out of it: no other error, no warning, no hang, no memory without bound.
    """

    seeds: Callable[[], list[bytes]]
    read: Callable[[bytes, Path], object]
    allowed: tuple[type[Exception], ...] = (ConvscopeError,)


def run(reader: Reader, content: bytes, folder: Path) -> str:
    """How a reading ended: ``read`` or ``refused``; anything that may not be is raised."""
    with _bounded(), warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            reader.read(content, folder)
        except reader.allowed as error:
            if not str(error).strip() or re.search(r" at 0x[0-9a-f]{8}", str(error)):
                raise AssertionError(f"an error that says nothing: {error!r}") from error
            return "refused"
    return "read"


@contextmanager
def _bounded() -> Iterator[None]:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, before[1]))
    handler = signal.signal(signal.SIGALRM, _too_long)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        resource.setrlimit(resource.RLIMIT_AS, before)


class Hang(BaseException):
    """A reading took too long; no reader may catch it."""


def _too_long(number: int, frame: FrameType | None) -> None:
    raise Hang(f"a reading took more than {SECONDS} seconds")
