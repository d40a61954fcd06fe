"""Reading files and folders that nobody vouches for: never blocks, never reads without a limit."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from convscope.errors import ImageError, ImageSetError

FILE_LIMIT = 1 << 30
"""Bytes; a larger image file is refused instead of being read into memory."""

NOT_A_FILE = "a pipe, socket or device, not a file"

REASONS: dict[int | None, str] = {
    errno.ENOENT: "no such file",
    errno.ENOTDIR: "no such file",
    errno.EACCES: "no permission to read the file",
    errno.EPERM: "no permission to read the file",
    errno.ELOOP: "its symbolic links go in a circle",
    errno.EISDIR: "a folder, not a file",
    errno.ENXIO: NOT_A_FILE,
    errno.ENAMETOOLONG: "the path is too long",
}


def read_file(path: Path) -> bytes:
    """The bytes of a regular file, at most ``FILE_LIMIT``; raises ``ImageError`` that names no path."""
    try:
        # Looked at first, because merely opening a device can do something; and again once open,
        # because the file may have been exchanged. Not blocking, in case it became a pipe in between.
        require_regular(path.stat())
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            require_regular(os.fstat(descriptor))
            return file.read()
    except OSError as error:
        raise ImageError(REASONS.get(error.errno, "the file cannot be read")) from error
    except ValueError as error:
        raise ImageError("the path holds a null character") from error


def require_regular(status: os.stat_result) -> None:
    """Raise ``ImageError`` unless this is a regular file within the limit."""
    if stat.S_ISDIR(status.st_mode):
        raise ImageError(REASONS[errno.EISDIR])
    if not stat.S_ISREG(status.st_mode):
        raise ImageError(NOT_A_FILE)
    if status.st_size > FILE_LIMIT:
        raise ImageError(f"a file of {status.st_size} bytes; at most {FILE_LIMIT} are read")


def read_source(path: Path) -> bytes:
    """The bytes of a file that a whole set depends on; raises ``ImageSetError``."""
    try:
        return read_file(path)
    except ImageError as error:
        raise ImageSetError(f"{path} cannot be read: {error}.") from error


def list_folder(path: Path) -> tuple[tuple[int, int], list[os.DirEntry[str]]]:
    """Identity (device, inode) and entries of a folder; raises ``ImageSetError``."""
    try:
        status = path.stat()
        with os.scandir(path) as entries:
            return (status.st_dev, status.st_ino), list(entries)
    except OSError as error:
        raise ImageSetError(
            f"The folder {path} cannot be listed: {os.strerror(error.errno or 0)}. "
            "Give yourself read and search permission on it, or move it out of the image folder."
        ) from error
