"""Projections and patches of an evolution, read one by one out of ``projections.npz``; nothing in it can run code."""

from __future__ import annotations

import threading
import weakref
import zipfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import AtlasFormatError
from convscope.web.archives import DAMAGE, read_array
from convscope.web.result_files import ResultFiles

ARCHIVE = "projections.npz"


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
        except DAMAGE as error:
            raise AtlasFormatError(f"{self.path} is no NumPy archive ({error}). Make the result again.") from error

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.files.path / ARCHIVE

    def _array(self, name: str, kind: np.dtype[Any]) -> NDArray[Any]:
        try:
            with self._lock:
                return read_array(self._open, name, kind, "height width channels")
        except DAMAGE as error:
            raise AtlasFormatError(
                f"{self.path}: the picture {name} is missing or damaged ({error}). Make the result again."
            ) from error
