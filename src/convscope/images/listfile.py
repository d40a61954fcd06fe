"""A text file that lists images: one path per line, optionally a TAB and a label."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from convscope.errors import ImageSetError
from convscope.images.entry import Entry, Listing, printable, sorted_classes
from convscope.images.files import read_file, read_source

FORM = "Write one path per line, relative to the list or absolute, optionally followed by a TAB and a label."


def read_list(path: Path) -> Listing:
    """The images in the order of the list, named as written there; ``#`` starts a comment line.

    What a line points to is looked at only when the image is read. Raises ``ImageSetError`` if the list is
    not UTF-8, is empty, or has a line that is not ``path[TAB label]``.
    """
    try:
        text = read_source(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ImageSetError(f"The list {path} is not UTF-8 text (byte {error.start}). {FORM}") from error
    lines = ((number, line.strip()) for number, line in enumerate(text.split("\n"), 1))
    entries = tuple(_entry(path, number, line) for number, line in lines if line and not line.startswith("#"))
    if not entries:
        raise ImageSetError(f"The list {path} names no image. {FORM}")
    return Listing(printable(path.stem), entries, sorted_classes(entries))


def _entry(path: Path, number: int, line: str) -> Entry:
    target, _, label = (part.strip() for part in line.partition("\t"))
    if "\t" in label or not target:
        raise ImageSetError(f"Line {number} of the list {path} is {line!r}. {FORM}")
    return Entry(target, label or None, partial(read_file, path.parent / target))
