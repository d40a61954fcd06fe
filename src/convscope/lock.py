"""The exclusive lock of a folder: a file in it that one process holds, and that is free again when that dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO
from weakref import WeakSet

from convscope.errors import ConvscopeError
from convscope.regular import kind_of

LOCK = ".convscope.lock"

_HELD: WeakSet[TextIO] = WeakSet()


def _let_go() -> None:
    for lock in list(_HELD):
        lock.close()


# A forked child shares the lock, and would hold it on when its parent has died.
os.register_at_fork(after_in_child=_let_go)


@contextmanager
def locked_by(folder: Path, kind: type[ConvscopeError], refusal: Callable[[str], str]) -> Iterator[None]:
    """Hold the lock of ``folder``; raises ``kind`` with the ``refusal`` if a process, named to it, has it already."""
    with _opened(folder / LOCK, kind) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise kind(refusal(lock.read().strip() or "unknown")) from None
        if not os.fstat(lock.fileno()).st_nlink:
            raise kind(f"another process was writing {folder} until now, and removed it. Run this again.")
        lock.truncate(0)
        lock.write(f"process {os.getpid()}\n")
        lock.flush()
        _HELD.add(lock)
        yield


def _opened(path: Path, kind: type[ConvscopeError]) -> TextIO:
    # Never through a link: what an atlas of somebody else's names as its lock would be emptied.
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
    if path.is_symlink() or (path.exists() and not path.is_file()):
        found = kind_of(path.lstat().st_mode)
        raise kind(f"{path} is {found}, expected the file that is locked. Remove it first.")
    return open(path, "a+", encoding="utf-8", opener=lambda name, _flags: os.open(name, flags, 0o666))
