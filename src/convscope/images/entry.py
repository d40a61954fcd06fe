"""What every kind of source is turned into: a listing of entries, nothing read yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from PIL import Image

Content = bytes | NDArray[Any] | Image.Image
"""An image as its source gives it: an encoded file, an array, or a picture that Pillow has decoded."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One image of a source; ``load()`` gives its content or raises ``ImageError`` with a stable reason."""

    name: str
    label: str | None
    load: Callable[[], Content]


@dataclass(frozen=True)
class Listing:
    """All images of a source in their order, with a name to show and the declared or sorted class names."""

    name: str
    entries: tuple[Entry, ...]
    classes: tuple[str, ...]


def sorted_classes(entries: tuple[Entry, ...]) -> tuple[str, ...]:
    """The labels that occur, each once, in code-point order."""
    return tuple(sorted({entry.label for entry in entries if entry.label is not None}))


def printable(text: str) -> str:
    """Text that can be stored: what UTF-8 cannot encode, as in a Latin-1 file name, is written as escapes."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text  # itself, not a copy: names are kept, and there may be millions
