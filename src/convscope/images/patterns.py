"""Sources that are several files: ``train-{000..003}.tar``, ``data/*.parquet``, in folders here or in a store."""

from __future__ import annotations

import glob
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from convscope.errors import ImageError, ImageSetError
from convscope.images.entry import printable
from convscope.images.file import File, unusable
from convscope.images.files import local_file
from convscope.images.remote import RemoteFile, is_address, remote_file, shown

MOST = 100_000
"""Files that a pattern may stand for."""

Named = tuple[str, File]
"""A file, and what it is called in the names of its images: its path below the common folder, without suffix."""

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d{1,9})\.\.(\d{1,9})")
_STARS = re.compile(r"[*?\[]")


def is_pattern(text: str) -> bool:
    """Whether a text has braces or stars."""
    return _BRACES.search(text) is not None or _STARS.search(text) is not None


def local_files(pattern: str) -> list[Named]:
    """The files of a pattern, sorted where it has stars; raises ImageSetError if there are none."""
    found = [path for text in expanded(pattern) for path in _local(text)]
    # Absolute all of them: a pattern may stand for files below this folder and elsewhere, which share no other folder.
    paths = [Path(path).absolute() for path in _each_once(found, pattern)]
    return named([(str(path), local_file(path)) for path in paths])


def remote_files(pattern: str) -> list[Named]:
    """As ``local_files``, of addresses, whose credentials are in no name; a ``?`` is not a star there."""
    found = [(path, file) for text in expanded(pattern) for path, file in _remote(text)]
    _each_once([path for path, _ in found], pattern)
    return named([(shown(path).removesuffix("?…"), file) for path, file in found])


def expanded(pattern: str) -> list[str]:
    """All texts that the braces stand for: ``{a,b}``, or ``{00..12}`` with the zeros kept; raises ImageSetError."""
    parts = _BRACES.split(pattern)
    choices = [_choices(part) if number % 2 else [part] for number, part in enumerate(parts)]
    count = 1
    for each in choices:
        count *= len(each)
    if count > MOST:
        raise ImageSetError(f"The pattern {_told(pattern)!r} stands for {count} files; expected at most {MOST}.")
    return ["".join(parts) for parts in itertools.product(*choices)]


def _choices(inner: str) -> Sequence[str]:
    match = _RANGE.fullmatch(inner)
    if match is None:
        return inner.split(",")
    first, last = int(match[1]), int(match[2])
    if abs(last - first) >= MOST:
        raise ImageSetError(f"The pattern has {{{inner}}}, more than the {MOST} files that are allowed.")
    width = (
        max(map(len, match.groups())) if any(text.startswith("0") and len(text) > 1 for text in match.groups()) else 0
    )
    step = 1 if last >= first else -1
    return [f"{number:0{width}}" for number in range(first, last + step, step)]


def _local(text: str) -> list[str]:
    if not _STARS.search(text) or Path(text).exists():
        return [text]
    return sorted(itertools.islice(glob.iglob(text), MOST + 1))  # noqa: PTH207 — a whole pattern, absolute or not


def _remote(text: str) -> Iterator[tuple[str, File]]:
    head, star, _ = text.partition("*")
    if not star:
        yield text, remote_file(text)
        return
    start = head.rpartition("/")[0] + "/"
    folder = remote_file(start)
    wanted = re.compile(re.escape(text.removeprefix(start)).replace(r"\*", "[^/]*"))
    try:
        yield from ((start + path, folder.below(path)) for path in folder.found() if wanted.fullmatch(path))
    except ImageError as error:
        raise unusable(folder, error) from error


def _each_once(paths: Sequence[str], pattern: str) -> Sequence[str]:
    if not paths or len(paths) > MOST:
        raise ImageSetError(f"The pattern {_told(pattern)!r} stands for {len(paths)} files; expected 1 to {MOST}.")
    if len(set(paths)) < len(paths):
        twice = next(path for number, path in enumerate(paths) if path in paths[:number])
        raise ImageSetError(f"The pattern {_told(pattern)!r} names {_told(twice)!r} twice.")
    return paths


def _told(text: str) -> str:
    """A pattern or a file as it may be printed: an address without credentials."""
    return (shown(text) if is_address(text) else text)[:200]


def named(files: Sequence[tuple[str, File]]) -> list[Named]:
    """Each file with its path below the folder that all share, without suffix."""
    paths = [PurePosixPath(Path(path).as_posix()) for path, _ in files]
    shared = paths[0].parent
    while not all(path.is_relative_to(shared) for path in paths):
        shared = shared.parent
    names = (printable(path.relative_to(shared).with_suffix("").as_posix()) for path in paths)
    return list(zip(names, (file for _, file in files), strict=True))


def of_folder(found: Sequence[str], folder: RemoteFile, suffix: str) -> list[Named]:
    """The shards directly in a folder of a store."""
    direct = [path for path in found if "/" not in path and path.lower().endswith(suffix)]
    return [(PurePosixPath(path).stem, folder.below(path)) for path in direct]
