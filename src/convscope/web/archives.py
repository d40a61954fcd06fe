"""Arrays out of a NumPy archive that somebody may have sent: nothing in it runs code, or takes memory by a promise."""

from __future__ import annotations

import io
import tokenize
import zipfile
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST = 64 << 20
"""Bytes of one array; a picture of 2365 x 2365 pixels of three numbers."""

DAMAGE = (KeyError, ValueError, OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, tokenize.TokenError)
"""What reading a damaged archive raises, or the header of an array in it; RuntimeError where it is encrypted, packed in
an unknown way or nested too deeply."""


def read_array(archive: zipfile.ZipFile, name: str, kind: np.dtype[Any], axes: str) -> NDArray[Any]:
    """The array ``name`` of this kind, with axes as these words count them; raises ``DAMAGE`` where it is another."""
    entry = archive.getinfo(f"{name}.npy")
    if entry.file_size > LARGEST:
        raise ValueError(f"it says to be {entry.file_size} bytes large")
    content = archive.read(entry)
    file = io.BytesIO(content)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("it is of another version of the format")
    shape, columnwise, found = np.lib.format.read_array_header_1_0(file)
    if found != kind or len(shape) != len(axes.split()) or 0 in shape:
        raise ValueError(f"it holds {found} of shape {shape}, expected {kind} of {axes}")
    # Its size is checked before memory is taken for it.
    return np.frombuffer(content, kind, offset=file.tell()).reshape(shape, order="F" if columnwise else "C")
