"""Projections and patches of an evolution, read one by one out of ``projections.npz``; nothing in it can run code."""

from __future__ import annotations

import io
import threading
import tokenize
import weakref
import zipfile
import zlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import AtlasFormatError
from convscope.web.result_files import ResultFiles

ARCHIVE = "projections.npz"
LARGEST = 64 << 20
"""Bytes of one picture; 2365 x 2365 pixels of three numbers."""

_DAMAGE = (
    KeyError, ValueError, OSError, EOFError, RecursionError, NotImplementedError, zipfile.BadZipFile, zlib.error,
    tokenize.TokenError,
)  # fmt: skip
"""What reading a damaged archive, or the header of an array in it, raises."""


@dataclass(frozen=True)
class Drawn:
    """A unit at a checkpoint: its projection, and the patch that it belongs to, [height, width, channels]."""

    projection: NDArray[np.float32]
    patch: NDArray[np.uint8]


@dataclass(frozen=True)
class Archive:
    """The pictures of one evolution; may be asked from several threads."""

    files: ResultFiles
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def drawn(self, depth: int, unit: int, checkpoint: int) -> Drawn:
        """The pictures of a unit of the layer of that depth; AtlasFormatError if they are missing or damaged."""
        name = f"{depth}_{unit}_{checkpoint}"
        projection = self._array(f"projection_{name}", np.dtype(np.float32))
        return Drawn(projection, self._array(f"patch_{name}", np.dtype(np.uint8)))

    @cached_property
    def _open(self) -> zipfile.ZipFile:
        file = self.files.open(ARCHIVE)
        weakref.finalize(self, file.close)
        try:
            return zipfile.ZipFile(file)
        except (OSError, zipfile.BadZipFile) as error:
            raise AtlasFormatError(f"{self.path} is no NumPy archive ({error}). Make the result again.") from error

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.files.path / ARCHIVE

    def _array(self, name: str, kind: np.dtype[Any]) -> NDArray[Any]:
        try:
            with self._lock:
                entry = self._open.getinfo(f"{name}.npy")
                if entry.file_size > LARGEST:
                    raise ValueError(f"it says to be {entry.file_size} bytes large")
                content = self._open.read(entry)
            return _parsed(content, kind)
        except _DAMAGE as error:
            raise AtlasFormatError(
                f"{self.path}: the picture {name} is missing or damaged ({error}). Make the result again."
            ) from error


def _parsed(content: bytes, kind: np.dtype[Any]) -> NDArray[Any]:
    """An array of three axes out of an NPY file; its size is checked before memory is taken for it."""
    file = io.BytesIO(content)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("it is of another version of the format")
    shape, columnwise, found = np.lib.format.read_array_header_1_0(file)
    if found != kind or len(shape) != 3 or 0 in shape:
        raise ValueError(f"it holds {found} of shape {shape}, expected {kind} of height, width and channels")
    return np.frombuffer(content, kind, offset=file.tell()).reshape(shape, order="F" if columnwise else "C")
