"""Where the files of a tar archive lie, read from its headers alone; nothing is unpacked.

Not with Python's tarfile, which in versions that are in use goes round in circles on a negative size, reads headers of
any length into memory, and takes links for files. Formats: POSIX ustar and pax, GNU with long names.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from convscope.errors import ImageError

BLOCK = 512
NAME_LIMIT = 4096
"""Bytes of a name; no file system has longer ones."""
EXTENSION_LIMIT = 1 << 20
"""Bytes of a header that belongs to the next one."""

REGULAR = (b"0", b"\0", b"7")
FOLDER = b"5"
REFUSED = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"4": "a device",
    b"6": "a pipe",
    b"S": "a sparse file",
    b"M": "a file that goes on from another archive",
}


class Member(NamedTuple):
    """A file of an archive: where its header begins, its bytes, and CRC-32 of the header."""

    name: bytes
    header: int
    size: int
    check: int

    @property
    def data(self) -> int:
        """Where its bytes begin."""
        return self.header + BLOCK


@dataclass
class _Next:
    """What headers before a file say of it."""

    name: bytes | None = None
    size: int | None = None


def members(stream: BinaryIO, total: int) -> Iterator[Member]:
    """The regular files of an archive of ``total`` bytes, in their order; folders are passed over.

    Raises ImageError for damaged headers, and for links, devices and whatever else is neither file nor folder.
    """
    at, coming = 0, _Next()
    while header := _header(stream, at):
        kind, size = header[156:157], _number(header[124:136], "size")
        if kind not in EXTENSIONS and coming.size is not None:
            size = coming.size
        begin, end = at + BLOCK, at + BLOCK + size
        if size < 0 or end > total:
            raise ImageError(f"at byte {at} it claims a file of {size} bytes, but has {total - begin} left")
        if kind in EXTENSIONS:
            if size > EXTENSION_LIMIT:
                raise ImageError(f"the header at byte {at} has {size} bytes; at most {EXTENSION_LIMIT} are read")
            EXTENSIONS[kind](coming, stream.read(size))
        else:
            name = _name(header) if coming.name is None else coming.name
            _require_file(kind, name)
            if kind != FOLDER and not name.endswith(b"/"):
                yield Member(name, at, size, zlib.crc32(header))
            coming = _Next()
        at = begin + -(-size // BLOCK) * BLOCK


def _header(stream: BinaryIO, at: int) -> bytes:
    """The header at a place, checked; empty at the end of the archive."""
    stream.seek(at)
    header = stream.read(BLOCK)
    if not header.strip(b"\0"):
        return b""
    if at == 0 and header.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")):
        raise ImageError("it is compressed, and files are read from their places in a plain .tar: unpack it to one")
    if len(header) < BLOCK:
        raise ImageError("it is not a tar archive, or cut off in a header")
    # The sum counts its own field as blanks.
    if _number(header[148:156], "checksum") != sum(header) - sum(header[148:156]) + 8 * 0x20:
        raise ImageError(f"it is not a tar archive, or damaged: the header at byte {at} has a wrong checksum")
    return header


def _number(field: bytes, what: str) -> int:
    """Octal digits; or, after a byte that says so, as GNU writes what needs more room, a binary number."""
    if field[0] in (0x80, 0xFF):
        return int.from_bytes(field[1:], "big", signed=field[0] == 0xFF)
    digits = field.strip(b" \0") or b"0"
    if not digits.isdigit() or max(digits) > ord("7"):
        raise ImageError(f"it is not a tar archive, or damaged: a header gives {digits[:12]!r} as {what}")
    return int(digits, 8)


def _name(header: bytes) -> bytes:
    name, prefix = header[:100].partition(b"\0")[0], header[345:500].partition(b"\0")[0]
    return prefix + b"/" + name if prefix and header[257:263] == b"ustar\0" else name


def _require_file(kind: bytes, name: bytes) -> None:
    if not name or len(name) > NAME_LIMIT or b"\0" in name:
        raise ImageError(f"it holds a file whose name has {len(name)} bytes or a null character")
    if kind not in (*REGULAR, FOLDER):
        what = REFUSED.get(kind, f"of type {kind!r}")
        raise ImageError(f"it holds {name[:80].decode(errors='replace')!r}, which is {what}, not a file")


def _long_name(coming: _Next, content: bytes) -> None:
    coming.name = content.partition(b"\0")[0]


def _nothing(coming: _Next, content: bytes) -> None:
    """A long name of a link, which is refused when it comes."""


def _extended(coming: _Next, content: bytes) -> None:
    """Fields of a pax header: each ``LENGTH KEY=VALUE`` and a line break, the length being that of all."""
    at = 0
    while at < len(content):
        digits, blank, _ = content[at : at + 20].partition(b" ")
        end = at + (int(digits) if digits.isdigit() else 0)
        key, equals, value = content[at + len(digits) + 1 : max(at, end - 1)].partition(b"=")
        if not (blank and equals) or end > len(content) or content[end - 1 : end] != b"\n":
            raise ImageError("it is not a tar archive, or damaged: an extended header cannot be read")
        if key.startswith(b"GNU.sparse."):
            raise ImageError("it holds a sparse file, which cannot be read from one place")
        if key == b"path":
            coming.name = value
        elif key == b"size":
            if not value.isdigit() or len(value) > 20:
                raise ImageError(
                    f"it is not a tar archive, or damaged: an extended header gives {value[:20]!r} as size"
                )
            coming.size = int(value)
        at = end


EXTENSIONS = {b"L": _long_name, b"K": _nothing, b"x": _extended, b"g": _nothing}
"""Headers about the next file, or, ``g``, about all, where names and sizes make no sense."""
