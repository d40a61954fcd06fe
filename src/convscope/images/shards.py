"""WebDataset shards: tar archives with the files of a sample side by side, ``a/7.jpg`` and ``a/7.cls``.

The format: https://github.com/webdataset/webdataset. Headers are read once; images are read from their places in the
archive, and nothing is unpacked, so no name in an archive is ever used as a path.
"""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from convscope.errors import ImageError, ImageSetError
from convscope.images.decode import SUFFIXES
from convscope.images.entry import Entry, Listing, printable
from convscope.images.file import File, opened, unusable
from convscope.images.files import FILE_LIMIT
from convscope.images.labels import name_labels
from convscope.images.patterns import Named
from convscope.images.tar import BLOCK, Member, members

LABEL_LIMIT = 1 << 20
"""Bytes of a file with a label."""
TEXT_LIMIT = 200
"""Characters of a ``.txt`` that is a label and not a description."""
FIELDS = ("label", "cls", "class")
"""Where a ``.json`` may say its label; the first that is there counts."""


@dataclass(frozen=True, slots=True)
class Place:
    """An image in a shard: where its header begins, its bytes, and CRC-32 of the header."""

    file: File
    header: int
    size: int
    check: int

    def __call__(self) -> bytes:
        """The bytes of the image; raises ImageError, also if another header is found there by now."""
        if self.size > FILE_LIMIT:
            raise ImageError(f"a file of {self.size} bytes; at most {FILE_LIMIT} are read")
        content = self.file.span(self.header, BLOCK + self.size)
        if len(content) < BLOCK + self.size or zlib.crc32(content[:BLOCK]) != self.check:
            raise ImageError("the shard has changed since the set was opened")
        return content[BLOCK:]


@dataclass
class _Sample:
    """Images of a sample by suffix, and its label by the suffix of the file that says it."""

    images: dict[str, tuple[str, Place]] = field(default_factory=dict)
    labels: dict[str, object] = field(default_factory=dict)

    def chosen(self) -> Iterator[tuple[str, Place]]:
        """``.jpg`` before ``.mask.jpg``, which is looked at only where there is no other; all of a kind."""
        plain = [image for suffix, image in self.images.items() if suffix in SUFFIXES]
        yield from plain or self.images.values()

    @property
    def label(self) -> object:
        """As the first of ``LABELS`` says it, that the sample has."""
        return next((self.labels[suffix] for suffix in LABELS if suffix in self.labels), None)


def read_shards(shards: Sequence[Named], name: str) -> Listing:
    """The images of all shards in their order, named ``SHARD/PATH IN IT``; labels from ``.cls``, ``.json``, ``.txt``.

    Raises ImageSetError, which names shard and file, for a damaged archive, for links and devices in it, for two files
    of one name, and if there is no image.
    """
    found = [
        (f"{printable(shard)}/{image}", label, place) for shard, file in shards for image, label, place in _images(file)
    ]
    if not found:
        raise ImageSetError(
            f"{shards[0][1].shown}{' and the other shards hold' if len(shards) > 1 else ' holds'} no image. Images are "
            f"files named {', '.join(SUFFIXES)}; hidden files are left out."
        )
    labels, classes = name_labels([label for _, label, _ in found], ())
    entries = tuple(Entry(image, label, place) for (image, _, place), label in zip(found, labels, strict=True))
    return Listing(printable(name), entries, classes)


def _images(file: File) -> Iterable[tuple[str, object, Place]]:
    samples: dict[str, _Sample] = {}
    seen = set[str]()
    try:
        stream = opened(file)
    except ImageError as error:
        raise unusable(file, error) from error
    try:
        with stream:
            for member in members(stream, stream.seek(0, io.SEEK_END)):
                path = printable(member.name.decode("utf-8", "surrogateescape")).removeprefix("./")
                key, suffix = _key_and_suffix(path)
                once = key + suffix if suffix else path  # 7.jpg and 7.JPG are the same file of a sample
                if once in seen:
                    raise ImageError(f"it holds {path[:200]!r} twice")
                seen.add(once)
                if suffix.endswith(SUFFIXES):
                    place = Place(file, member.header, member.size, member.check)
                    samples.setdefault(key, _Sample()).images[suffix] = path, place
                elif suffix in LABELS:
                    stream.seek(member.data)
                    label = LABELS[suffix](_text(stream.read(min(member.size, LABEL_LIMIT + 1)), member))
                    samples.setdefault(key, _Sample()).labels[suffix] = label
    except ImageError as error:
        raise ImageSetError(f"The shard {file.shown} cannot be used: {error}. Write the shard again.") from error
    return ((path, sample.label, place) for sample in samples.values() for path, place in sample.chosen())


def _key_and_suffix(path: str) -> tuple[str, str]:
    """Up to the first dot of the file name, and from there on in small letters; hidden files have no suffix."""
    folder, slash, name = path.rpartition("/")
    stem, dot, suffix = name.partition(".")
    return folder + slash + stem, (dot + suffix).lower() if stem else ""


def _text(content: bytes, member: Member) -> str:
    where = f"{member.name[:200].decode(errors='replace')!r}"
    if len(content) > LABEL_LIMIT:
        raise ImageError(f"{where} should hold a label, but has {member.size} bytes")
    try:
        return content.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise ImageError(f"{where} should hold a label, but is not UTF-8 text (byte {error.start})") from error


def _class(text: str) -> object:
    if len(text) > TEXT_LIMIT:
        raise ImageError(f"a .cls file holds {text[:40]!r}…; expected a class, as a number or a name")
    return int(text) if text.removeprefix("-").isdecimal() else text or None


def _field(text: str) -> object:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ImageError(f"a .json file holds {text[:40]!r}, which is not JSON") from error
    if not isinstance(value, dict):
        return None
    label = next((value[name] for name in FIELDS if name in value), None)
    return label if isinstance(label, str | int) and not isinstance(label, bool) else None


def _line(text: str) -> object:
    return text if 0 < len(text) <= TEXT_LIMIT and "\n" not in text else None


LABELS = {".cls": _class, ".json": _field, ".txt": _line}
"""What says a label, by suffix; the first that a sample has counts."""
