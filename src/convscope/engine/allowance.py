"""How much the steps of a job may take at once: images of a pass, bytes of a walk down, bytes of a sweep.

No answer depends on it beyond rounding, so it is no setting of a question: it holds for all that runs inside
``allowing``, like a number of threads. Outside, the steps are as large as pays.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Allowance:
    """``images`` of a forward pass, at most; bytes of the ``signals`` of one walk down; of a sweep's ``places``."""

    images: int = 1 << 30
    signals: int = 128_000_000
    places: int = 48_000_000


USUAL = Allowance()
_current: ContextVar[Allowance] = ContextVar("allowance", default=USUAL)


def allowed() -> Allowance:
    """What holds here."""
    return _current.get()


PAIR = 2
"""An image and what it is compared with go through one pass: no batch of such is smaller."""


def images_at_once(usual: int, least: int = 1) -> int:
    """Images of a pass that usually takes ``usual``; where less memory is allowed fewer, down to ``least``."""
    return max(min(usual, allowed().images), least)


@contextmanager
def allowing(allowance: Allowance) -> Iterator[None]:
    """Let steps take this much, for the length of a ``with`` block."""
    token = _current.set(allowance)
    try:
        yield
    finally:
        _current.reset(token)
