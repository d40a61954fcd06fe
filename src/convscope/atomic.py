"""Files that appear whole or not at all, also when the process is killed or the machine loses power."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from convscope.errors import DiskFullError
from convscope.sizes import in_words

FULL = (errno.ENOSPC, errno.EDQUOT)
"""What an operating system answers when a disk, or its owner's share of it, has no room left."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path that takes the place of ``path`` if the block succeeds, and vanishes if not.

    Raises DiskFullError if there is no room for it; what was at ``path`` before is still there then.
    """
    with full_disk_named(path), _temporary(path) as temporary:
        yield temporary


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    os.fchmod(handle, 0o644)  # mkstemp gives 0600, but results are for sharing
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        flush(temporary)
        temporary.replace(path)
        flush(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def full_disk_named(path: Path) -> Iterator[None]:
    """Turn the failure to write ``path`` for want of room into a DiskFullError that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise DiskFullError(
            f"no room is left on the disk of {path.parent} ({in_words(free_bytes(path))} free) to write {path.name}. "
            "All files that were finished are whole. Make room, and run the same command again: it goes on from here."
        ) from error


def free_bytes(path: Path) -> int:
    """What this user may still write to the disk on which ``path`` is, or would be, made.

    Of a file system that does not count, such as ``/proc``, there is no end: a write will say what is wrong.
    """
    there = next(each for each in (path, *path.absolute().parents) if each.exists())
    usage = shutil.disk_usage(there)
    return usage.free if usage.total else sys.maxsize


def file_in_the_way(folder: Path) -> Path | None:
    """The file at or above the place where a folder is wanted; None where one is, or can be made."""
    there = next((each for each in (folder, *folder.parents) if each.exists()), None)
    return None if there is None or there.is_dir() else there


def flush(path: Path) -> None:
    """Have the operating system put a file, or the names in a folder, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
