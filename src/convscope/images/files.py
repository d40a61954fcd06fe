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
"""What is wrong with a file, as a reason to leave it out. Any other error is one of the machine: a disk that fails, a
network file system that is away, too many open files. It says nothing of the file, so work stops there."""


def read_file(path: Path) -> bytes:
    """The bytes of a regular file, at most ``FILE_LIMIT``.

    Raises ``ImageError``, which names no path, for what is wrong with the file, and ``ImageSetError`` for a fault of
    the machine, as then nobody knows.
    """
    try:
        # Looked at first, because merely opening a device can do something; and again once open,
        # because the file may have been exchanged. Not blocking, in case it became a pipe in between.
        require_regular(path.stat())
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            require_regular(os.fstat(descriptor))
            return file.read()
    except OSError as error:
        if error.errno in REASONS:
            raise ImageError(REASONS[error.errno]) from error
        raise ImageSetError(
            f"{path} could not be read: {error.strerror or error}. That is a fault of the disk, the network or this "
            "machine and not of the file, so it was not left out and work stopped. Once it is mended, the same command "
            "goes on"
        ) from error
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
