"""Reading files and folders that nobody vouches for: never blocks, never reads without a limit."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from sys import intern

from convscope.errors import ImageError, ImageSetError

FILE_LIMIT = 1 << 30
"""Bytes; a larger image file is refused instead of being read into memory."""

NOT_A_FILE = "a pipe, socket or device, not a file"
NULL = "the path holds a null character"

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
    return read_span(path, 0, None)


def read_span(path: Path, start: int, length: int | None) -> bytes:
    """``length`` bytes from ``start`` on, or up to the end; None is all, within the limit. See ``read_file``."""
    most = FILE_LIMIT if length is None else None
    try:
        # Looked at first, because merely opening a device can do something; and again once open,
        # because the file may have been exchanged. Not blocking, in case it became a pipe in between.
        require_regular(path.stat(), most)
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            require_regular(status, most)
            file.seek(start)
            # Not more than it says to have: what the kernel shows as files of 0 bytes can go on for ever.
            left = max(0, status.st_size - start)
            return file.read(left if length is None else min(left, length))
    except OSError as error:
        raise _reason(path, error) from error
    except ValueError as error:
        raise ImageError(NULL) from error


def _reason(path: Path, error: OSError) -> ImageError | ImageSetError:
    if error.errno in REASONS:
        return ImageError(REASONS[error.errno])
    return ImageSetError(
        f"{path} could not be read: {error.strerror or error}. That is a fault of disk, network or this machine "
        "and not of the file, so it was not left out and work stopped. Once it is mended, the same command goes on"
    )


def require_regular(status: os.stat_result, most: int | None = FILE_LIMIT) -> None:
    """Raise ``ImageError`` unless this is a regular file, of at most so many bytes."""
    if stat.S_ISDIR(status.st_mode):
        raise ImageError(REASONS[errno.EISDIR])
    if not stat.S_ISREG(status.st_mode):
        raise ImageError(NOT_A_FILE)
    if most is not None and status.st_size > most:
        raise ImageError(f"a file of {status.st_size} bytes; at most {most} are read")


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file on this machine: ``path`` below a ``folder``, which the files of a set share, since a million add up."""

    folder: str
    path: str

    @property
    def shown(self) -> str:
        """Its place, for messages."""
        return str(self._whole())

    @property
    def advice(self) -> str:
        """What may help where it cannot be read."""
        return ""

    @property
    def name(self) -> str:
        """Its file name."""
        return self._whole().name

    @property
    def stem(self) -> str:
        """Its file name without suffix."""
        return self._whole().stem

    def read(self) -> bytes:
        """All bytes, at most ``FILE_LIMIT``; raises ImageError, which names no path."""
        return read_file(self._whole())

    __call__ = read

    def span(self, start: int, length: int) -> bytes:
        """Bytes from ``start`` on, ``length`` of them or up to the end; raises ImageError."""
        return read_span(self._whole(), start, length)

    def state(self) -> tuple[int, str]:
        """Size in bytes, and what changes when the content does; raises ImageError."""
        try:
            status = self._whole().stat()
        except OSError as error:
            raise _reason(self._whole(), error) from error
        except ValueError as error:
            raise ImageError(NULL) from error
        require_regular(status, None)
        return status.st_size, str(status.st_mtime_ns)

    def beside(self, line: str) -> LocalFile:
        """What a line of this file names, relative to its folder or absolute."""
        return LocalFile(intern(str(self._whole().parent)), line)

    def _whole(self) -> Path:
        return Path(self.folder, self.path)


def local_file(path: Path) -> LocalFile:
    """The file of a path."""
    return LocalFile(str(path.parent), path.name)


@contextmanager
def list_folder(path: Path) -> Iterator[tuple[tuple[int, int], Iterator[os.DirEntry[str]]]]:
    """Identity (device, inode) and entries of a folder, one at a time, as there may be millions.

    Raises ``ImageSetError``, also while they are read.
    """
    try:
        status = path.stat()
        with os.scandir(path) as entries:
            yield (status.st_dev, status.st_ino), entries
    except OSError as error:
        raise ImageSetError(
            f"The folder {path} cannot be listed: {os.strerror(error.errno or 0)}. "
            "Give yourself read and search permission on it, or move it out of the image folder."
        ) from error


def folder_names(path: Path) -> Iterator[str]:
    """Names in a folder, in no order; raises ``ImageSetError``."""
    with list_folder(path) as (_, entries):
        yield from (entry.name for entry in entries)
