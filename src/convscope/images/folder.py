"""A folder of images, with class folders or without, here or in a store; or a single image file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from convscope.errors import ImageSetError
from convscope.images.decode import SUFFIXES
from convscope.images.entry import Entry, Listing, printable, sorted_classes
from convscope.images.file import File
from convscope.images.files import LocalFile, folder_names, list_folder
from convscope.images.remote import RemoteFile

SHARDS = (".tar", ".parquet")
"""Suffixes of files with many images."""


def is_image_name(name: str) -> bool:
    """Whether a file of this name is a candidate: a known image suffix, and not hidden."""
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def read_folder(root: Path) -> Listing:
    """All images at any depth, sorted by relative posix path; the first folder of the path is the label.

    An image directly in ``root`` has no label. Raises ``ImageSetError`` if there is no image, or a folder
    cannot be listed.
    """
    folder = str(root)
    paths = sorted((printable(path), path) for path in _image_paths(root))
    if not paths:
        raise ImageSetError(_empty(folder, shards_in(folder_names(root))))
    entries = (Entry(name, None, LocalFile(folder, path)) for name, path in paths)
    return _by_folder(printable(root.resolve().name or folder), entries)


def read_remote_folder(root: RemoteFile, found: Iterable[str]) -> Listing:
    """As ``read_folder``, of the paths ``found`` below an address."""
    visible = (path for path in found if is_image_name(PurePosixPath(path).name) and not _hidden(path))
    entries = [Entry(printable(root.named(path)), None, root.below(path)) for path in visible]
    if not entries:
        raise ImageSetError(_empty(root.shown, shards_in(found)))
    return _by_folder(printable(root.name), sorted(entries, key=lambda entry: entry.name))


def read_image(file: File) -> Listing:
    """A single image file as a set of one, without label."""
    name = printable(file.name)
    return Listing(name, (Entry(name, None, file),), ())


def shards_in(names: Iterable[str]) -> list[str]:
    """The names of shards, sorted; hidden files are left out."""
    return sorted(name for name in names if name.lower().endswith(SHARDS) and not name.startswith("."))


def _empty(folder: str, shards: list[str]) -> str:
    hint = f" To read its {len(shards)} shards, name them: {folder}/*{Path(shards[0]).suffix}" if shards else ""
    return (
        f"The folder {folder} holds no image, at any depth. Images are files named {', '.join(SUFFIXES)}; "
        f"hidden files are left out.{hint}"
    )


def _by_folder(name: str, entries: Iterable[Entry]) -> Listing:
    """The entries with their labels, each label one text however many images have it."""
    labels: dict[str, str] = {}
    labelled = tuple(Entry(each.name, _label(each.name, labels), each.load) for each in entries)
    return Listing(name, labelled, sorted_classes(labelled))


def _label(name: str, labels: dict[str, str]) -> str | None:
    folder, slash, _ = name.partition("/")
    return labels.setdefault(folder, folder) if slash else None


def _hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _image_paths(root: Path) -> Iterator[str]:
    """Relative posix paths of all candidates, in no order.

    Links to folders are followed, after all real folders and in sorted order, but no folder is entered twice:
    circles end, an image appears once, and where it appears does not depend on the order of the directory.
    """
    folders, links = [""], list[str]()
    entered = set[tuple[int, int]]()
    while folders or links:
        folder = folders.pop() if folders else links.pop(0)
        with list_folder(root / folder) as (identity, entries):
            if identity in entered:
                continue
            entered.add(identity)
            for entry in entries:
                if is_image_name(entry.name):
                    yield folder + entry.name
                elif not entry.name.startswith(".") and is_folder(entry):
                    (links if entry.is_symlink() else folders).append(f"{folder}{entry.name}/")
        links.sort()


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder, or a link to one; not, where a link goes in a circle."""
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle, or into a place that may not be searched
        return False
