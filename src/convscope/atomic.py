"""Files that appear whole or not at all, also when the process is killed or the machine loses power."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path that takes the place of ``path`` if the block succeeds, and vanishes if not."""
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
