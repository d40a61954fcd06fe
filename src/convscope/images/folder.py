"""A folder of images, with class folders or without; or a single image file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from convscope.errors import ImageSetError
from convscope.images.decode import SUFFIXES
from convscope.images.entry import Entry, Listing, printable, sorted_classes
from convscope.images.files import list_folder, read_file


def is_image_name(name: str) -> bool:
    """Whether a file of this name is a candidate: a known image suffix, and not hidden."""
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def read_folder(root: Path) -> Listing:
    """All images at any depth, sorted by relative posix path; the first folder of the path is the label.

    An image directly in ``root`` has no label. Raises ``ImageSetError`` if there is no image, or a folder
    cannot be listed.
    """
    paths = sorted((printable(path), path) for path in _image_paths(root))
    if not paths:
        raise ImageSetError(
            f"The folder {root} holds no image, at any depth. Images are files named {', '.join(SUFFIXES)}; "
            "hidden files are left out."
        )
    entries = tuple(Entry(name, _label(name), partial(read_file, root / path)) for name, path in paths)
    return Listing(printable(root.resolve().name or str(root)), entries, sorted_classes(entries))


def read_image(path: Path) -> Listing:
    """A single image file as a set of one, without label."""
    name = printable(path.name)
    return Listing(name, (Entry(name, None, partial(read_file, path)),), ())


def _label(name: str) -> str | None:
    folder, slash, _ = name.partition("/")
    return folder if slash else None


def _image_paths(root: Path) -> Iterator[str]:
    """Relative posix paths of all candidates, in no order.

    Links to folders are followed, after all real folders and in sorted order, but no folder is entered twice:
    circles end, an image appears once, and where it appears does not depend on the order of the directory.
    """
    folders, links = [""], list[str]()
    entered = set[tuple[int, int]]()
    while folders or links:
        folder = folders.pop() if folders else links.pop(0)
        identity, entries = list_folder(root / folder)
        if identity in entered:
            continue
        entered.add(identity)
        for entry in entries:
            if is_image_name(entry.name):
                yield folder + entry.name
            elif not entry.name.startswith(".") and _is_folder(entry):
                (links if entry.is_symlink() else folders).append(f"{folder}{entry.name}/")
        links.sort()


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle, or into a place that may not be searched
        return False
