"""Feature vectors in a file: one row per image, written once in order, read by blocks of columns."""

from __future__ import annotations

import fcntl
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from convscope.errors import SettingError

Numbers = NDArray[np.float32] | NDArray[np.uint8]
Rows = NDArray[np.int64]
FLOAT, PIXEL = "<f4", "u1"
"""Kinds of numbers: float32, little-endian; and bytes."""


@dataclass(frozen=True)
class Stored:
    """Numbers of a ``kind`` (rows, columns), bare in a file, row by row.

    Read with seeks, and not as a mapped array: pages of a mapping count as memory of the process, and the limit on
    memory is meant.
    """

    path: Path
    rows: int
    columns: int
    kind: str = FLOAT

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return self.columns * np.dtype(self.kind).itemsize

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return self.rows * self.row_bytes

    @property
    def part(self) -> Path:
        """The file while it grows."""
        return self.path.with_suffix(".part")

    @property
    def begun(self) -> int:
        """Bytes that are there already, of a run that was stopped."""
        return min(self.size, self.part.stat().st_size) if self.part.is_file() else 0

    def is_whole(self) -> bool:
        """Whether the file has as many bytes as it should."""
        return self.path.is_file() and self.path.stat().st_size == self.size

    def read(self, rows: Rows, columns: slice) -> Numbers:
        """These rows and columns, of the file's kind (rows, columns)."""
        found = np.empty((len(rows), columns.stop - columns.start), self.kind)
        with self.path.open("rb", buffering=0) as file:
            for place, row in zip(found, rows.tolist(), strict=True):
                file.seek(row * self.row_bytes + columns.start * found.itemsize)
                _fill(file, memoryview(place).cast("B"), self.path)
        return found

    def blocks(self, rows: int, memory: int) -> Iterator[slice]:
        """Blocks of columns of which ``rows`` rows, as float32, take at most ``memory`` bytes; at least one column."""
        width = max(1, min(self.columns, memory // (np.dtype(FLOAT).itemsize * max(1, rows))))
        for start in range(0, self.columns, width):
            yield slice(start, min(start + width, self.columns))


def _fill(file: BinaryIO, view: memoryview, path: Path) -> None:
    done = 0
    while done < len(view):
        count = file.readinto(view[done:])  # type: ignore[attr-defined]  # what open("rb") gives has it
        if not count:
            raise OSError(f"{path} is shorter than it was when it was written")
        done += count


def _lock(file: BinaryIO, path: Path) -> None:
    """Until the file is closed, or the process ends: rows of two processes would mix."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise SettingError(
            f"the features {path} are being written by another process; wait for it, or keep these in another folder "
            "with --features"
        ) from error


class Growing:
    """Files that grow row by row, and a mark of how many rows are certain to be whole, for when it is stopped."""

    def __init__(self, targets: Sequence[Stored]) -> None:
        self.targets = targets
        self.paths = [target.part for target in targets]
        self.files: list[BinaryIO] = []
        self.writer = ThreadPoolExecutor(1, thread_name_prefix="write")
        self.waiting: deque[Future[None]] = deque()
        self.broken = False
        try:
            for path in self.paths:
                # Unbuffered: closing must have nothing left to write, which a full disk would not take.
                self.files.append(path.open("ab", buffering=0))
                _lock(self.files[-1], path)
        except SettingError:
            self.close()
            raise
        sizes = [os.fstat(file.fileno()).st_size for file in self.files]
        whole = [size // target.row_bytes for size, target in zip(sizes, targets, strict=True)]
        self.done = min(whole, default=0)
        self.certain = [self.done * target.row_bytes for target in targets]
        for file, size in zip(self.files, self.certain, strict=True):
            file.truncate(size)  # a row that was cut off, or that others lack

    def append(self, place: int, values: Numbers) -> None:
        """More rows of the target ``place``, of its kind (rows, columns), not to be changed any more.

        They are written while the caller goes on; at most as many calls wait as there are targets. Raises what went
        wrong with earlier rows.
        """
        self.waiting.append(self.writer.submit(self._write, place, values))
        self._settle(len(self.files))

    def _write(self, place: int, values: Numbers) -> None:
        """In the writing thread. What waits behind a write that failed must not follow the part of it that was made."""
        if self.broken:
            return
        file, target = self.files[place], self.targets[place]
        try:
            view = np.ascontiguousarray(values, target.kind).reshape(-1).view(np.uint8).data
            done = 0
            while done < len(view):
                done += file.write(view[done:])
            os.fsync(file.fileno())  # the disk works while the network does, and not only when all is done
        except OSError:
            self.broken = True
            file.truncate(self.certain[place])
            raise
        self.certain[place] += len(view)

    def _settle(self, left: int) -> None:
        while len(self.waiting) > left:
            self.waiting.popleft().result()

    def finish(self) -> None:
        """Make them whole: the files get their names once all their bytes are on disk."""
        self._settle(0)
        for file, path, target in zip(self.files, self.paths, self.targets, strict=True):
            os.fsync(file.fileno())
            file.close()
            path.replace(target.path)

    def close(self) -> None:
        """Leave them as they are, to go on another time."""
        self.writer.shutdown()
        for file in self.files:
            file.close()
