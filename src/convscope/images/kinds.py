"""Which reader serves which source."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from convscope.errors import ImageError, ImageSetError
from convscope.images.dataset import read_dataset
from convscope.images.entry import Listing
from convscope.images.file import File, unusable
from convscope.images.files import folder_names, list_folder, local_file
from convscope.images.folder import is_folder, is_image_name, read_folder, read_image, read_remote_folder, shards_in
from convscope.images.idx import is_idx_file, is_idx_folder, read_idx_file, read_idx_folder
from convscope.images.listfile import read_list
from convscope.images.patterns import Named, is_pattern, local_files, of_folder, remote_files
from convscope.images.remote import SCHEMES, RemoteFile, is_address, remote_file
from convscope.images.shards import read_shards
from convscope.images.table import read_table, read_tables


class Kind(NamedTuple):
    """A kind of path: what to call it, how it is told, and its reader."""

    what: str
    matches: Callable[[Path], bool]
    read: Callable[[Path], Listing]


class FileKind(NamedTuple):
    """A kind of file, wherever it lies: what to call it, how its name is told, and its reader."""

    what: str
    matches: Callable[[str], bool]
    read: Callable[[File], Listing]


def _named(suffix: str) -> Callable[[str], bool]:
    return lambda name: name.lower().endswith(suffix)


FILE_KINDS = (
    FileKind("a .txt list of images", _named(".txt"), read_list),
    FileKind("a .parquet file", _named(".parquet"), read_table),
    FileKind("a .tar shard of WebDataset", _named(".tar"), lambda file: read_shards([(file.stem, file)], file.stem)),
    FileKind("one image file", is_image_name, read_image),
)

PICKLED = (".pkl", ".pickle", ".npy", ".npz", ".pt", ".pth", ".joblib")
PICKLES = (
    "Files of this kind can hold pickled objects, and reading those runs code. Where you trust it, load it and "
    "give a list of (array, label), or write image files or Parquet."
)

READERS: dict[str, Callable[[Sequence[Named], str], Listing]] = {".tar": read_shards, ".parquet": read_tables}
"""The reader of several files of a suffix."""


def _shard_suffix(folder: Path) -> str | None:
    """The suffix of the shards of a folder that holds neither images nor folders, so that shards are all there is."""
    suffixes = set[str]()
    with list_folder(folder) as (_, entries):
        for entry in entries:
            if is_image_name(entry.name) or (not entry.name.startswith(".") and is_folder(entry)):
                return None
            suffixes.update(Path(name).suffix.lower() for name in shards_in([entry.name]))
    return suffixes.pop() if len(suffixes) == 1 else None


def _read_shard_folder(folder: Path) -> Listing:
    names = shards_in(folder_names(folder))
    files = [(Path(name).stem, local_file(folder / name)) for name in names]
    return READERS[Path(names[0]).suffix.lower()](files, folder.resolve().name)


KINDS = (
    Kind("a folder of *-images-idx3-ubyte.gz files", is_idx_folder, read_idx_folder),
    Kind("a folder of shards", lambda path: path.is_dir() and _shard_suffix(path) is not None, _read_shard_folder),
    Kind("a folder of images", Path.is_dir, read_folder),
    Kind("a *-images-idx3-ubyte.gz file", is_idx_file, read_idx_file),
)
"""The first that matches is taken, and for other files the first of ``FILE_KINDS``."""

ACCEPTED = (
    ", ".join(kind.what for kind in (*KINDS, *FILE_KINDS))
    + ", a pattern of shards such as train-{000..003}.tar, an address ("
    + ", ".join(f"{scheme}://" for scheme in SCHEMES)
    + "), or a data set object with len(data) and data[i]"
)


def read_source_of_any_kind(source: object) -> Listing:
    """The listing of a path, address or data set object; raises ``ImageSetError`` if it is no source of images."""
    if not isinstance(source, str | os.PathLike):
        return read_dataset(source)
    text = os.fsdecode(source)
    if is_address(text):
        return _read_address(text)
    if is_pattern(text) and Path(text).suffix.lower() in READERS and not os.path.lexists(text):
        return _read_pattern(text, local_files(text))
    _require_file_or_folder(text)
    path = Path(text).absolute()  # images are read later, perhaps from another working folder
    for kind in KINDS:
        if kind.matches(path):
            return kind.read(path)
    return _read_file(local_file(path))


def _read_file(file: File) -> Listing:
    for kind in FILE_KINDS:
        if kind.matches(file.name):
            return kind.read(file)
    advice = f" {PICKLES}" if file.name.lower().endswith(PICKLED) else ""
    raise ImageSetError(f"{file.shown} is no known source of images.{advice} Expected {ACCEPTED}.")


def _read_pattern(pattern: str, files: Sequence[Named]) -> Listing:
    suffixes = {Path(file.name).suffix.lower() for _, file in files}
    reader = READERS.get(suffixes.pop()) if len(suffixes) == 1 else None
    if reader is None:
        raise ImageSetError(f"The pattern {pattern[:200]!r} should stand for {' or '.join(READERS)} files of one kind.")
    return reader(files, Path(pattern).name.partition("{")[0].partition("*")[0].rstrip("-_.") or "shards")


def _read_address(text: str) -> Listing:
    folder = remote_file(text)
    if "*" in text or "{" in text:
        return _read_pattern(folder.shown, remote_files(folder.url))
    if any(kind.matches(folder.name) for kind in FILE_KINDS):
        return _read_file(folder)
    try:
        found = folder.found()
    except ImageError as error:
        raise unusable(folder, error) from error
    return _read_remote_shards(folder, found) or read_remote_folder(folder, found)


def _read_remote_shards(folder: RemoteFile, found: Sequence[str]) -> Listing | None:
    """The listing of an address below which shards of one kind are all there is."""
    suffixes = {Path(name).suffix.lower() for name in shards_in(found)}
    if len(suffixes) != 1 or any(map(is_image_name, found)):
        return None
    (suffix,) = suffixes
    files = of_folder(found, folder, suffix)
    return READERS[suffix](files, folder.name) if files else None


def _require_file_or_folder(path: str) -> None:
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 — Path("") would be the current folder
    except (OSError, ValueError) as error:
        raise ImageSetError(f"{path!r} does not exist or cannot be reached. Expected {ACCEPTED}.") from error
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise ImageSetError(f"{path!r} is neither a file nor a folder. Expected {ACCEPTED}.")
