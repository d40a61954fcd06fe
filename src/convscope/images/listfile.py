"""A text file that lists images: one path per line, optionally a TAB and a label."""

from __future__ import annotations

from convscope.errors import ImageSetError
from convscope.images.entry import Entry, Listing, printable, sorted_classes
from convscope.images.file import File, read_source
from convscope.images.files import LocalFile
from convscope.images.remote import RemoteFile, is_address, remote_file, shown

FORM = "Write one path per line, relative to the list or absolute, optionally followed by a TAB and a label."


def read_list(file: File) -> Listing:
    """The images in the order of the list, named as written there; ``#`` starts a comment line.

    What a line points to is looked at only when the image is read. Raises ``ImageSetError`` if the list is
    not UTF-8, is empty, or has a line that is not ``path[TAB label]``.
    """
    try:
        text = read_source(file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ImageSetError(f"The list {file.shown} is not UTF-8 text (byte {error.start}). {FORM}") from error
    lines = ((number, line.strip()) for number, line in enumerate(text.split("\n"), 1))
    entries = tuple(_entry(file, number, line) for number, line in lines if line and not line.startswith("#"))
    if not entries:
        raise ImageSetError(f"The list {file.shown} names no image. {FORM}")
    return Listing(printable(file.stem), entries, sorted_classes(entries))


def _entry(file: File, number: int, line: str) -> Entry:
    target, _, label = (part.strip() for part in line.partition("\t"))
    if "\t" in label or not target:
        told = shown(line) if is_address(line) else line
        raise ImageSetError(f"Line {number} of the list {file.shown} is {told[:200]!r}. {FORM}")
    if isinstance(file, LocalFile) and is_address(target):
        return Entry(shown(target), label or None, _at(target, f"Line {number} of the list {file.shown}"))
    return Entry(target, label or None, file.beside(target))


def _at(address: str, where: str) -> RemoteFile:
    try:
        return remote_file(address)
    except ImageSetError as error:
        raise ImageSetError(f"{where}: {error}") from error
