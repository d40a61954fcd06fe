"""One run's right to write an atlas: the lock, the journal, and what becomes of an atlas already there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from convscope.atlas.digests import DIGESTS, begin_digests, has_digests
from convscope.atlas.manifest import JOURNAL, MANIFEST, Provenance, read_manifest, read_versioned
from convscope.atlas.schema import TABLES
from convscope.atlas.store import check_name
from convscope.atlas.strictjson import decode, dumps
from convscope.atlas.tables import PARTITIONED
from convscope.atlas.writer import TEMPORARY, write_text
from convscope.errors import AtlasError, AtlasMismatchError
from convscope.lock import LOCK, locked_by


@contextmanager
def open_for_writing(folder: Path, provenance: Provenance, *, overwrite: bool = False) -> Iterator[Path]:
    """The right to write the atlas in ``folder``, for the length of a ``with`` block.

    Makes the folder, or goes on with an atlas of the same provenance. Removes what a killed writer left over.
    With ``overwrite``, an atlas that is there, whatever its provenance or state, is emptied first.

    Raises AtlasMismatchError if the atlas there has another provenance, and AtlasError if another process is
    writing it, or the folder holds something else or links.
    """
    _check_is_ours(folder)
    check_links(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        _remove_leftovers(folder)
        if overwrite or not _has(folder, MANIFEST, JOURNAL):
            _empty(folder)
        else:
            _check_same(folder, provenance)
        if not has_digests(folder) and not _has(folder, MANIFEST):
            begin_digests(folder)
        write_text(folder / JOURNAL, dumps(provenance))
        yield folder


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's exclusive lock, which dies with the process; AtlasError if another one has it."""
    with locked_by(folder, AtlasError, partial(_busy, folder)):
        yield


def _busy(folder: Path, holder: str) -> str:
    return (
        f"{folder} is being written by another process ({holder}). "
        "Wait until it has finished, or write to another folder with -o DIR."
    )


def check_links(folder: Path) -> None:
    """Raise AtlasError for a table in parts that is a link: files would be removed where it leads to."""
    for table in sorted(PARTITIONED):
        if (folder / table).is_symlink():
            raise AtlasError(
                f"{folder / table} is a link to another folder, and an atlas is only changed in its own. Put the "
                "folder itself there, or write to another place with -o DIR."
            )


def stored_provenance(folder: Path, name: str | None = None) -> Provenance:
    """What the atlas in ``folder`` is made from, finished or not; AtlasFormatError if that cannot be read.

    ``name`` is the file to believe, manifest or journal; by default the manifest, if there is one.
    """
    if (name or (MANIFEST if _has(folder, MANIFEST) else JOURNAL)) == MANIFEST:
        return read_manifest(folder).provenance
    return decode(Provenance, read_versioned(folder / JOURNAL), JOURNAL)


def _has(folder: Path, *names: str) -> bool:
    return any((folder / name).exists() for name in names)


def _check_is_ours(folder: Path) -> None:
    check_name(folder)
    if folder.exists() and not folder.is_dir():
        raise AtlasError(f"{folder} is a file, but an atlas is a folder. Choose another place with -o DIR.")
    if folder.exists() and any(folder.iterdir()) and not _has(folder, MANIFEST, JOURNAL, LOCK):
        raise AtlasError(
            f"{folder} is not empty and is not an atlas, so nothing was written. Choose another folder with -o DIR."
        )


def _check_same(folder: Path, provenance: Provenance) -> None:
    differences = provenance.differences(stored_provenance(folder))
    if differences:
        raise AtlasMismatchError(
            f"{folder} holds an atlas of another run: {', '.join(differences)} differ, and two runs are "
            "never mixed. Write to another folder with -o DIR, or replace that atlas with --overwrite."
        )


def _remove_leftovers(folder: Path) -> None:
    for place in (folder, *(folder / table for table in PARTITIONED)):
        for leftover in place.glob(TEMPORARY):
            leftover.unlink(missing_ok=True)


def _empty(folder: Path) -> None:
    """Remove an atlas' own files and nothing else; tables without manifest and journal belong to no run."""
    for name in (MANIFEST, JOURNAL, DIGESTS, *(f"{table}.parquet" for table in TABLES)):
        (folder / name).unlink(missing_ok=True)
    for table in sorted(PARTITIONED):
        if (folder / table).is_dir():
            shutil.rmtree(folder / table)
