"""What is wrong with the files of an atlas, told from the files alone: no model, no images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from convscope.atlas.digests import DIGESTS, FileDigest, damage, has_digests, read_digests
from convscope.atlas.manifest import JOURNAL, MANIFEST, read_manifest
from convscope.atlas.schema import TABLES
from convscope.atlas.session import stored_provenance
from convscope.atlas.store import open_tables
from convscope.atlas.tables import PARTITIONED
from convscope.errors import AtlasError, AtlasFormatError, AtlasVersionError

UNLISTED = "is not one of the files that this atlas was finished with"


@dataclass(frozen=True)
class Damage:
    """A file of an atlas, by its path inside it, and what is wrong with it in words."""

    file: str
    problem: str


@dataclass(frozen=True)
class Files:
    """The files of an atlas: how many were read, how many bytes they have, and those that are not what they were."""

    count: int
    size: int
    damaged: tuple[Damage, ...]
    listed: bool = True
    """False for an atlas that was finished before there were digests: only its columns were looked at."""


def check_files(folder: Path, report: Callable[[int, int], None] = lambda _done, _total: None) -> Files:
    """Read every file of a finished atlas and compare it with its digest; told of progress as (bytes read, in all).

    Raises AtlasError if there is no atlas, and AtlasFormatError if it is unfinished or of a newer version.
    """
    if not (folder / MANIFEST).exists() and not has_digests(folder):
        raise AtlasError(f"there is no finished atlas in {folder} (no {MANIFEST}). Make one with: convscope atlas")
    if not has_digests(folder):
        return _check_columns(folder)
    try:
        listed = read_digests(folder).files
    except AtlasVersionError:
        raise
    except AtlasFormatError as error:
        return Files(0, 0, (Damage(DIGESTS, str(error)),))
    if MANIFEST not in listed:
        raise AtlasFormatError(
            f"the atlas in {folder} is unfinished. Run the same `convscope atlas` command again: it goes on where it "
            "stopped."
        )
    found = _check_listed(folder, listed, report)
    return replace(found, damaged=(*found.damaged, *_check_journal(folder, found.damaged)))


def _check_listed(folder: Path, listed: dict[str, FileDigest], report: Callable[[int, int], None]) -> Files:
    total, done = sum(digest.size for digest in listed.values()), 0
    found = [Damage(name, UNLISTED) for name in files_of(folder) if name not in listed]
    for name, digest in sorted(listed.items()):
        problem = damage(folder, name, digest)
        found += [] if problem is None else [Damage(name, problem)]
        done += digest.size
        report(done, total)
    return Files(len(listed), total, tuple(sorted(found, key=lambda each: each.file)))


def _check_journal(folder: Path, damaged: Sequence[Damage]) -> Iterator[Damage]:
    """No list vouches for the journal, but it says what a sound manifest says; a repair may have to believe it."""
    if not (folder / JOURNAL).exists() or MANIFEST in {each.file for each in damaged}:
        return
    try:
        if stored_provenance(folder, JOURNAL) != read_manifest(folder).provenance:
            yield Damage(JOURNAL, f"says that the atlas was made from other things than {MANIFEST} does")
    except AtlasFormatError as error:
        yield Damage(JOURNAL, str(error))


def _check_columns(folder: Path) -> Files:
    names = files_of(folder)
    size = sum((folder / name).stat().st_size for name in names)
    try:
        read_manifest(folder)
        open_tables(folder)
    except AtlasVersionError:
        raise
    except AtlasFormatError as error:
        return Files(len(names), size, (Damage(MANIFEST, str(error)),), listed=False)
    return Files(len(names), size, (), listed=False)


def remove_damaged(folder: Path) -> frozenset[str]:
    """Remove the files of an unfinished atlas that are not finished or not what they were; the names of all others.

    Else one of them would stand in the way of reading the others.
    """
    listed = read_digests(folder).files
    damaged = {each.file for each in _check_listed(folder, listed, lambda _done, _total: None).damaged}
    for name in damaged:
        (folder / name).unlink(missing_ok=True)
    return frozenset(listed) - damaged


def files_of(folder: Path) -> list[str]:
    """The tables, their parts and the manifest that are there, listed or not, and whatever stands in their place."""
    single = [f"{table}.parquet" for table in TABLES if table not in PARTITIONED]
    parts = [f"{table}/{path.name}" for table in PARTITIONED for path in (folder / table).glob("*.parquet")]
    return [name for name in (MANIFEST, *single, *sorted(parts)) if (folder / name).exists()]
