"""``digests.json``: the size and SHA-256 of every file of an atlas, written down as each file is finished.

A file counts as finished once it is listed and is what the list says. So a run that was stopped goes on with the first
file that is not, and damage to a disk is found without making anything again.
"""

# ruff: noqa: RUF009  (fact() makes a dataclass field; the rule does not look inside)

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from convscope.atlas.manifest import MANIFEST, fact, read_versioned
from convscope.atlas.schema import FORMAT_VERSION
from convscope.atlas.strictjson import decode, dumps
from convscope.atlas.tables import is_file_of_a_table
from convscope.atomic import replacing
from convscope.errors import AtlasFormatError

DIGESTS = "digests.json"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class FileDigest:
    """What a file was when it was written."""

    size: int = fact("its size in bytes")
    sha256: str = fact("SHA-256 of its content, in hexadecimal")

    @classmethod
    def of(cls, content: bytes) -> FileDigest:
        """Of a file with this content."""
        return cls(len(content), hashlib.sha256(content).hexdigest())


@dataclass(frozen=True)
class Digests:
    """All finished files of an atlas by their path inside it, with forward slashes."""

    files: dict[str, FileDigest] = fact("every finished file by its path inside the atlas")
    checksum: str = fact("SHA-256 over the field files, written as JSON with sorted keys and without spaces")
    format_version: int = fact("version of the atlas format")

    @classmethod
    def of(cls, files: Mapping[str, FileDigest]) -> Digests:
        """The list with its own checksum."""
        text = json.dumps({name: asdict(files[name]) for name in files}, sort_keys=True, separators=(",", ":"))
        return cls(dict(files), hashlib.sha256(text.encode()).hexdigest(), FORMAT_VERSION)


def has_digests(folder: Path) -> bool:
    """Whether the atlas has a list; one that an earlier version of convscope finished has none."""
    return (folder / DIGESTS).exists()


def read_digests(folder: Path) -> Digests:
    """The list of the atlas in ``folder``; AtlasFormatError if it is damaged or of a newer version."""
    found = decode(Digests, read_versioned(folder / DIGESTS), DIGESTS)
    unknown = [name for name in found.files if name != MANIFEST and not is_file_of_a_table(name)]
    if unknown:
        raise AtlasFormatError(f"{folder / DIGESTS} lists {unknown[0]!r}, which is no file of an atlas.")
    if found.checksum != Digests.of(found.files).checksum:
        raise AtlasFormatError(
            f"{folder / DIGESTS}: its checksum does not belong to the list beside it, so the file was changed after it "
            "was written, and vouches for nothing. Restore it, or make the atlas again."
        )
    return found


def begin_digests(folder: Path) -> None:
    """An empty list, for a new atlas."""
    _write(folder, Digests.of({}))


def digest_of_file(path: Path) -> FileDigest:
    """What ``path`` is now; raises OSError."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return FileDigest(size, digest.hexdigest())


def record(folder: Path, name: str, digest: FileDigest) -> None:
    """List the file ``name`` as finished, if the atlas has a list."""
    if has_digests(folder):
        _write(folder, Digests.of(read_digests(folder).files | {name: digest}))


def forget(folder: Path, names: Iterable[str]) -> None:
    """Take files off the list, so that they count as not made."""
    found, gone = read_digests(folder), set(names)
    _write(folder, Digests.of({name: found.files[name] for name in found.files if name not in gone}))


def damage(folder: Path, name: str, expected: FileDigest) -> str | None:
    """What is wrong with a listed file, in words; None if it is what it was."""
    try:
        size = (folder / name).stat().st_size
        if size != expected.size:
            return f"has {size:,} bytes, and was written with {expected.size:,}"
        return None if digest_of_file(folder / name) == expected else "has other bytes than were written"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"


def sound_among(folder: Path, names: Iterable[str]) -> frozenset[str]:
    """Those of the files that are listed and are what the list says; without a list, those that are there."""
    if not has_digests(folder):
        return frozenset(name for name in names if (folder / name).exists())
    listed = read_digests(folder).files
    return frozenset(name for name in names if name in listed and damage(folder, name, listed[name]) is None)


def _write(folder: Path, digests: Digests) -> None:
    with replacing(folder / DIGESTS) as temporary:
        temporary.write_text(dumps(digests), encoding="utf-8", newline="\n")
