"""Reading a weights file without running anything that it contains."""

from __future__ import annotations

import io
import pickle
import pickletools
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from convscope.errors import WeightsError
from convscope.regular import require_regular

NESTS = ("state_dict", "model_state_dict", "model")
"""Entries under which training programs keep the weights, next to optimiser state and the like."""

NAME_LIMIT = 1000
"""Characters of the name of a class and its module."""
LEGACY_PICKLES = 5
"""One after the other at the beginning of a file that is no archive, as torch wrote them before version 1.6."""

CONVERT = (
    "Where you trust the file, convert it once: "
    "safetensors.torch.save_file(torch.load(FILE, weights_only=False)['state_dict'], 'weights.safetensors'), "
    "and give the new file."
)


def read_weights(path: Path) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The tensors of a weights file by name, on the CPU, and notes on what else the file holds.

    Raises WeightsError if the file is missing, damaged, of an unknown kind, or could only be read by running
    code.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise WeightsError(
            f"{path.name} is not a weights file: its name must end in {', '.join(READERS)}. Where you trust it, load "
            "it into the module and write safetensors.torch.save_file(module.state_dict(), 'weights.safetensors')."
        )
    try:
        require_regular(path)
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise WeightsError(f"there is no weights file {path}; check the path.") from error
    except OSError as error:
        raise WeightsError(f"the weights cannot be read: {error}") from error
    entries, notes = _unwrapped(reader(path), path.name)
    strange = [f"{name} ({type(entry).__name__})" for name, entry in entries.items() if not isinstance(entry, Tensor)]
    if strange or not entries:
        met = ", ".join(strange[:3]) or "nothing"
        raise WeightsError(
            f"{path.name} is not a table of named tensors: met {met}. "
            f"Save module.state_dict(), alone or under one of {', '.join(NESTS)}."
        )
    return {str(name): entry for name, entry in entries.items()}, notes


def _read_safetensors(path: Path) -> Mapping[str, Any]:
    try:
        return load_file(path, device="cpu")
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise WeightsError(
            f"{path.name} is not a sound safetensors file ({error}). Save or download it again."
        ) from error


def _read_pickle(path: Path) -> Mapping[str, Any]:
    _check_names(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path.name} was refused: it is damaged, or holds pickled objects other than tensors, and "
            f"reading those can run code ({_reason(error)}). {CONVERT}"
        ) from error
    except Exception as error:  # a damaged file makes torch.load raise nearly anything
        raise WeightsError(
            f"{path.name} could not be read as a PyTorch file ({_reason(error)}). "
            "It must be made by torch.save(module.state_dict(), FILE); TorchScript archives are not read."
        ) from error
    if not isinstance(content, Mapping):
        raise WeightsError(
            f"{path.name} holds a {type(content).__name__}, expected a table of named tensors; "
            "save module.state_dict()."
        )
    return content


class _ShortLines:
    """A pickle whose lines, which hold names of classes and no weights, are bounded."""

    def __init__(self, stream: BinaryIO) -> None:
        self.read, self.tell, self._stream = stream.read, stream.tell, stream

    def readline(self) -> bytes:
        """The next line; raises WeightsError for one that is too long."""
        line = self._stream.readline(NAME_LIMIT + 1)
        if len(line) > NAME_LIMIT:
            raise WeightsError(f"it names a class by more than {NAME_LIMIT} characters")
        return line


def _check_names(path: Path) -> None:
    """Refuse a name that no class has: torch would too, but after a time that grows with the square of its length."""
    try:
        for stream in _pickles(path):
            for _ in pickletools.genops(cast(IO[bytes], _ShortLines(stream))):
                pass
    except WeightsError as error:
        raise WeightsError(f"{path.name} was refused: it is damaged, or made to do harm: {error}. {CONVERT}") from error
    except Exception:  # damaged from here on, where torch stops as well, and says how
        return


def _pickles(path: Path) -> Iterator[BinaryIO]:
    """What torch.load will unpickle, in its order; raises nearly anything for a damaged file."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith("data.pkl"):
                    with archive.open(name) as stream:
                        yield io.BufferedReader(cast(io.RawIOBase, stream))
        return
    with path.open("rb") as stream:
        for _ in range(LEGACY_PICKLES):
            yield stream


def _reason(error: Exception) -> str:
    # torch.load wraps the reason in several lines of advice, among it how to run the file after all.
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith("WeightsUnpickler error")] or lines or ["no message"]
    return f"{type(error).__name__}: {telling[0].split('. ')[0]}"


READERS: dict[str, Callable[[Path], Mapping[str, Any]]] = {
    ".safetensors": _read_safetensors,
    ".pt": _read_pickle,
    ".pth": _read_pickle,
    ".ckpt": _read_pickle,
}


def _unwrapped(content: Mapping[str, Any], file: str) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    notes: tuple[str, ...] = ()
    while nest := next((key for key in NESTS if isinstance(content.get(key), Mapping)), None):
        others = sorted(str(key) for key in content if key != nest)
        if others:
            notes += (f"weights are the entry {nest!r} of {file}; left unread: {', '.join(others[:8])}",)
        content = content[nest]
    return content, notes
