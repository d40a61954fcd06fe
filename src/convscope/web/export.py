"""Writes a place as files that open from disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from convscope.atlas.session import locked
from convscope.atomic import full_disk_named
from convscope.errors import AtlasError
from convscope.web.place import Place

MARK = "convscope-site.txt"
"""Its presence says that a folder was written by ``export_place`` and may be replaced."""

Progress = Callable[[int, int], None]
"""Called with the number of files written so far, and of all."""


def export_place(place: Place, destination: str | Path, progress: Progress = lambda _done, _total: None) -> Path:
    """Write all that ``place`` answers into the folder ``destination``; returns the page to open first.

    The folder appears, or replaces an earlier export, only when all is written: no stale page is left, and a run that
    is stopped changes nothing; stopped between the two steps of the exchange, the next one puts the earlier export
    back first. Raises AtlasError if the folder holds anything but an earlier export.
    """
    target = Path(destination).resolve()
    check_target(target)
    total = sum(1 for _ in place.names())
    with full_disk_named(target), _replacing(target) as folder:
        for done, (name, answer) in enumerate(place.answers(), start=1):
            _write(folder, name, answer.content)
            progress(done, total)
    return target / place.first


def check_target(target: Path) -> None:
    """Raise AtlasError if there is anything at ``target`` but an empty folder or an earlier export."""
    if target.is_dir() and (not any(target.iterdir()) or (target / MARK).is_file()):
        return
    if os.path.lexists(target):
        raise AtlasError(
            f"{target} exists and is not an earlier export (it has no {MARK}), so it is not replaced. "
            "Name a new folder, or remove this one first."
        )


@contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """A new folder beside ``target`` that takes its place at the end; on an error it is removed.

    What a killed export left there is removed first; AtlasError if another process is exporting to the same place.
    """
    work = target.parent / f".{target.name}.exporting"
    if work.is_symlink():
        raise AtlasError(f"{work} is a link, and pages are only prepared in a folder of their own. Remove it first.")
    work.mkdir(parents=True, exist_ok=True)
    with locked(work):
        folder, old = work / "new", work / "old"
        try:
            if old.exists() and not os.path.lexists(target):  # stopped between the two steps of the exchange
                old.rename(target)
            for leftover in (folder, old):
                shutil.rmtree(leftover, ignore_errors=True)
            folder.mkdir()
            (folder / MARK).write_text("Pages written by convscope; an export to this folder replaces them.\n")
            yield folder
            _exchange(folder, target, old)
        finally:
            shutil.rmtree(work)


def _exchange(folder: Path, target: Path, old: Path) -> None:
    check_target(target)  # again: writing took a while
    try:
        if target.exists():
            target.rename(old)
        folder.rename(target)
    except BaseException:  # Ctrl-C as well: between the two steps nothing stands there
        if old.exists() and not os.path.lexists(target):
            old.rename(target)
        raise


def _write(folder: Path, name: str, content: bytes) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
