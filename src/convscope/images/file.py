"""A file that is an image or holds many, wherever it lies: what the readers of lists, tables and shards ask of it."""

from __future__ import annotations

import io
from typing import BinaryIO, Protocol

from convscope.errors import ImageError, ImageSetError

BUFFER = 1 << 18
"""Bytes that are asked for at once where a file is read in small steps, as the headers of a shard are."""


class File(Protocol):
    """Picklable, hashable, and cheap: nothing is open between two calls. Called, it gives its bytes, as an image."""

    @property
    def shown(self) -> str:
        """What messages call it, without credentials."""

    @property
    def advice(self) -> str:
        """What may help where it cannot be read."""

    @property
    def name(self) -> str:
        """Its file name."""

    @property
    def stem(self) -> str:
        """Its file name without suffix."""

    def __call__(self) -> bytes:
        """See ``read``."""

    def __hash__(self) -> int: ...

    def read(self) -> bytes:
        """All bytes, at most ``FILE_LIMIT``; raises ImageError, which names no path."""

    def span(self, start: int, length: int) -> bytes:
        """Bytes from ``start`` on, ``length`` of them or up to the end; raises ImageError."""

    def state(self) -> tuple[int, str]:
        """Size in bytes, and what changes when the content does; raises ImageError."""

    def beside(self, line: str) -> File:
        """What a line of this file names, relative to its folder; raises ImageSetError where it may not."""


class Spans(io.RawIOBase):
    """A file as a stream that can seek, for readers that want one; raises ImageError."""

    def __init__(self, file: File) -> None:
        self._file, self._size, self._at = file, file.state()[0], 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a byte, which may lie beyond the end."""
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def tell(self) -> int:
        """Bytes from the start."""
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer as far as there is content; how many bytes."""
        wanted = min(len(buffer), self._size - self._at)
        content = self._file.span(self._at, wanted) if wanted > 0 else b""
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)


def opened(file: File) -> BinaryIO:
    """The file as a buffered stream; raises ImageError, also while it is read."""
    return io.BufferedReader(Spans(file), BUFFER)


def read_source(file: File) -> bytes:
    """The bytes of a file that a whole set depends on; raises ImageSetError."""
    try:
        return file.read()
    except ImageError as error:
        raise unusable(file, error) from error


def unusable(file: File, error: ImageError) -> ImageSetError:
    """The error of a whole set, from that of a file on which it depends."""
    return ImageSetError(f"{file.shown} cannot be read: {error}. {file.advice}".rstrip())
