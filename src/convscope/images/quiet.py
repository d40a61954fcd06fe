"""Keep Pillow's warnings inside, in any number of threads.

``warnings.catch_warnings`` saves and restores one list for the whole process, so two threads that overlap
can restore each other's filters for good. Here the first thread in saves and the last one out restores.
"""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

PER_THREAD = bool(getattr(sys.flags, "context_aware_warnings", False))
_lock = threading.Lock()
_saved = ExitStack()
_inside = 0


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """No warning raised in a module of Pillow leaves this block; warnings of other modules do."""
    if PER_THREAD:  # then the interpreter keeps the filters of each thread apart itself
        with warnings.catch_warnings():
            _ignore()
            yield
        return
    _enter()
    try:
        yield
    finally:
        _leave()


def _ignore() -> None:
    warnings.filterwarnings("ignore", module=r"PIL\.")


def _enter() -> None:
    global _inside
    with _lock:
        if _inside == 0:
            _saved.enter_context(warnings.catch_warnings())
            _ignore()
        _inside += 1


def _leave() -> None:
    global _inside
    with _lock:
        _inside -= 1
        if _inside == 0:
            _saved.close()
