"""Reading files whose names come from elsewhere: what is no file, such as a pipe, is refused and never waited for."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISREG, "a regular file"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISLNK, "a link"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
)


def kind_of(mode: int) -> str:
    """What a file is, by its ``st_mode``, in words."""
    return next((words for is_it, words in KINDS if is_it(mode)), "a device")


def require_regular(path: Path) -> None:
    """Raise OSError unless there is a regular file, or a link to one; for readers that open it themselves."""
    _check(path, path.stat())


def open_regular(path: Path) -> BinaryIO:
    """A regular file to read from; raises OSError for anything else, which says what it is."""
    # Looked at first, because merely opening a device can do something; and again once open, because it may have been
    # exchanged in between. Not blocking, in case it became a pipe.
    require_regular(path)
    file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0)))  # noqa: SIM115
    try:
        _check(path, os.fstat(file.fileno()))
    except OSError:
        file.close()
        raise
    return file


def read_bytes(path: Path) -> bytes:
    """All of a regular file; raises OSError as ``open_regular``."""
    with open_regular(path) as file:
        return file.read()


def read_text(path: Path) -> str:
    """All of a regular file of UTF-8, its lines ended as in Python; also raises UnicodeDecodeError."""
    with io.TextIOWrapper(open_regular(path), "utf-8") as file:
        return file.read()


def _check(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(
            f"{path} is {kind_of(status.st_mode)}, expected a regular file: save what is meant as one, and name that"
        )
