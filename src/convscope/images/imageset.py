"""The ordered set of images that every scan, probe and page refers to by index."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import NoReturn

from PIL import Image

from convscope.errors import ImageError, ImageSetError
from convscope.images.decode import decode
from convscope.images.entry import Content, Entry
from convscope.images.kinds import read_source_of_any_kind
from convscope.images.pixels import Colour, Pixels, array_pixels, picture_pixels

GREY: Colour = (128, 128, 128)
UNREADABLE = "unreadable: "
"""What stands for the digest of a content that cannot be loaded begins so; the reason follows."""


@dataclass(frozen=True, repr=False)
class ImageSet:
    """Images in a fixed order, each with a name and perhaps a label; nothing is decoded before ``read``.

    ``classes`` are the declared or sorted class names, empty without labels. ``background`` is what shows
    through transparent pixels. Any number of threads may read at once.
    """

    name: str
    entries: tuple[Entry, ...]
    classes: tuple[str, ...]
    background: Colour

    @classmethod
    def open(cls, source: str | Path | object, *, background: Colour = GREY) -> ImageSet:
        """The set behind a folder, list, idx file, Parquet or WebDataset shards, image, address, or data set object.

        Raises ``ImageSetError`` if the source as a whole cannot be used.
        """
        if len(background) != 3 or not all(isinstance(v, int) and 0 <= v <= 255 for v in background):
            raise ImageSetError(f"The background is {background!r}; expected three integers of 0 to 255, as in {GREY}.")
        listing = read_source_of_any_kind(source)
        return cls(listing.name, listing.entries, listing.classes, background)

    def __len__(self) -> int:
        return len(self.entries)

    def __repr__(self) -> str:
        return f"<ImageSet {self.name}: {len(self)} images, {len(self.classes)} classes>"

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The key of each image: its relative posix path, or its row."""
        return tuple(entry.name for entry in self.entries)

    @cached_property
    def labels(self) -> tuple[str | None, ...]:
        """The class name of each image, where it has one."""
        return tuple(entry.label for entry in self.entries)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the background and, in order, name, label and content of each image; reads all once.

        An image that cannot be loaded counts with its reason, so the digest changes when it can be.
        """
        return self.digest_from(self.content(index)[0] for index in range(len(self)))

    def digest_from(self, contents: Iterable[str]) -> str:
        """The ``digest`` where those of all contents are known already, as ``content`` gives them."""
        digest = hashlib.sha256(_line(self.background))
        for entry, content in zip(self.entries, contents, strict=True):
            digest.update(_line((entry.name, entry.label, content)))
        return digest.hexdigest()

    def content(self, index: int) -> tuple[str, Callable[[], Pixels]]:
        """SHA-256 (hex) of the content of an image, loaded once, and how to decode it, as ``read`` does.

        Of the bytes of a file, or shape and pixels of what has none; instead of it the reason, where it cannot be
        loaded.
        """
        try:
            content = self.entries[index].load()
            if isinstance(content, bytes):
                return hashlib.sha256(content).hexdigest(), partial(decode, content, self.background)
            pixels = self._pixels(content)
        except ImageError as error:
            return UNREADABLE + str(error), partial(_refuse, error)
        return hashed(pixels), lambda: pixels

    def read(self, index: int) -> Pixels:
        """Image ``index`` as uint8 [height, width, channels]: 1 channel for grey, 3 for colour.

        Only arrays of data set objects can have other channels. Raises ``ImageError`` with the reason.
        """
        return self._pixels(self.entries[index].load())

    def pixel_digest(self, index: int) -> str:
        """SHA-256 (hex) over the shape and pixels of image ``index``; raises ``ImageError`` if it cannot be read."""
        return hashed(self.read(index))

    def head(self, count: int) -> ImageSet:
        """The first ``count`` images as a set of their own, with all class names."""
        if count < 1:
            raise ImageSetError(f"The first {count} images were asked for; expected at least 1.")
        return replace(self, entries=self.entries[:count])

    def select(self, indices: Sequence[int]) -> ImageSet:
        """These images, in this order, as a set of their own, with all class names."""
        if not indices:
            raise ImageSetError(f"{self.name}: no image is left of {len(self)}.")
        return replace(self, entries=tuple(self.entries[index] for index in indices))

    def _pixels(self, content: Content) -> Pixels:
        if isinstance(content, bytes):
            return decode(content, self.background)
        if isinstance(content, Image.Image):
            return picture_pixels(content, self.background)
        return array_pixels(content)


def _refuse(error: ImageError) -> NoReturn:
    raise error


def hashed(pixels: Pixels) -> str:
    """SHA-256 (hex) over shape and pixels."""
    return hashlib.sha256(_line(pixels.shape) + pixels.tobytes()).hexdigest()


def _line(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"
