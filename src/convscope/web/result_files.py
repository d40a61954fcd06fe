"""The files of a result folder: asked for by names of this program, never through a link, read whole and bounded."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from convscope.errors import AtlasError, AtlasFormatError
from convscope.regular import kind_of
from convscope.strict import Reader

T = TypeVar("T")

LARGEST = 256 << 20
"""Bytes of a file that is shown or handed out."""
LARGEST_FACTS = 64 << 20
"""Bytes of a JSON file, which becomes several times as large in memory."""


@dataclass(frozen=True)
class ResultFiles:
    """The folder of one result."""

    path: Path

    def has(self, name: str) -> bool:
        """Whether there is such a file; raises AtlasError where there is something else of this name, or a link."""
        place = self.path / name
        try:
            found = place.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        if not stat.S_ISREG(found.st_mode):
            raise AtlasError(f"{place} is {kind_of(found.st_mode)}, expected a file. {_HINT}")
        return True

    def open(self, name: str) -> BinaryIO:
        """A file to read from; raises AtlasError if there is none, or if it is a link."""
        place = self.path / name
        if not self.has(name):
            raise AtlasError(f"{place} is missing. Name the folder of a finished result, or make it again.")
        try:
            # Not followed here either: it may have been exchanged since it was looked at.
            handle = os.open(place, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        except OSError as error:
            raise AtlasError(f"{place} cannot be read ({error}). {_HINT}") from error
        return os.fdopen(handle, "rb")

    def read(self, name: str, most: int = LARGEST) -> bytes:
        """All of a file; raises AtlasError as ``open``, and where it is larger than ``most`` bytes."""
        with self.open(name) as file:
            content = file.read(most + 1)
        if len(content) > most:
            raise AtlasError(f"{self.path / name} has more than {most} bytes, more than is read of such a file.")
        return content

    def facts(self, name: str) -> dict[str, Any]:
        """The object in a JSON file; raises AtlasFormatError if it is damaged."""
        content, place = self.read(name, LARGEST_FACTS), self.path / name
        try:
            read = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise AtlasFormatError(f"{place} is not JSON ({error}). Make the result again.") from error
        if not isinstance(read, dict):
            raise AtlasFormatError(f"{place} holds a {type(read).__name__}, expected an object with facts.")
        return read

    def picked(self, kind: type[T], name: str) -> T:
        """The fields of ``kind`` out of a JSON file that may hold more, strictly typed."""
        return pick(kind, self.facts(name), str(self.path / name))


_HINT = "Put the file itself into the folder: links are not followed."


def pick(kind: type[T], entry: dict[str, Any], where: str) -> T:
    """The fields of ``kind`` out of an object that may hold more; AtlasFormatError where they are not as declared."""
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    return _READER.decode(kind, {name: entry[name] for name in names if name in entry}, where)


def _damaged(message: str) -> AtlasFormatError:
    return AtlasFormatError(f"{message} Was the file edited by hand? Make the result again.")


_READER = Reader(_damaged, optional=True)
