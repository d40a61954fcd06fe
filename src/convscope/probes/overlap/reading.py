"""Reading a set once: the grey view and content digest of each image, in files that a stopped run goes on with."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from convscope.atomic import replacing
from convscope.errors import ImageError, SettingError
from convscope.images import ImageSet
from convscope.probes.overlap.view import SIDE, Views, grey_view

TOGETHER = 1024
"""Images after which what was read is put on the disk."""
FILES = ("views.npy", "digests.npy")
"""What is kept of a set."""
_DIGEST = 32
"""Bytes of a SHA-256."""
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Seen:
    """A set that was read: ``views`` uint8 (count, SIDE, SIDE), zero where skipped; ``contents`` all digests."""

    images: ImageSet
    views: Views
    contents: tuple[str, ...]
    skipped: dict[int, str]

    @property
    def digest(self) -> str:
        """As ``ImageSet.digest``, without reading again."""
        return self.images.digest_from(self.contents)


def read_set(
    images: ImageSet,
    folder: Path | None = None,
    *,
    workers: int = 2,
    report: Callable[[int, int], None] = lambda _done, _total: None,
) -> Seen:
    """Read every image; one that cannot be read is skipped with its reason.

    Views are kept in ``folder`` by the digest of their content: whatever is found there under the same digest is not
    decoded again, and anything else there is replaced. At 1056 bytes for each image, a million take 1 GB, on the disk;
    raises SettingError where they cannot be had.
    """
    views, digests = _kept(folder, len(images))
    contents, skipped = list[str](), dict[int, str]()

    def look(index: int) -> LookedAt:
        content, decode = images.content(index)
        if _raw(content) == bytes(digests[index]) != bytes(_DIGEST):
            return content, None
        try:
            return content, grey_view(decode())
        except ImageError as error:
            return content, str(error)

    with ThreadPoolExecutor(max(1, workers), thread_name_prefix="decode") as pool:
        for start, some in _ahead(pool, look, len(images)):
            _keep(start, some, views, digests)
            contents += [content for content, _ in some]
            skipped |= {start + at: view for at, (_, view) in enumerate(some) if isinstance(view, str)}
            report(start + len(some), len(images))
    return Seen(images, views, tuple(contents), skipped)


def read_contents(
    images: ImageSet, *, workers: int = 2, report: Callable[[int, int], None] = lambda _done, _total: None
) -> tuple[str, ...]:
    """``Seen.contents`` alone: nothing is decoded that has bytes, and nothing is kept."""
    contents = list[str]()

    def look(index: int) -> LookedAt:
        return images.content(index)[0], None

    with ThreadPoolExecutor(max(1, workers), thread_name_prefix="hash") as pool:
        for _, some in _ahead(pool, look, len(images)):
            contents += [content for content, _ in some]
            report(len(contents), len(images))
    return tuple(contents)


LookedAt = tuple[str, Views | str | None]
"""The content of an image, and its view, or why there is none, or None where it need not be looked at."""


def _ahead(
    pool: ThreadPoolExecutor, look: Callable[[int], LookedAt], count: int
) -> Iterator[tuple[int, list[LookedAt]]]:
    """What is seen of all images, some at a time, the next being read meanwhile."""
    starts = iter(range(0, count, TOGETHER))

    def submit(start: int) -> tuple[int, list[Future[LookedAt]]]:
        return start, [pool.submit(look, index) for index in range(start, min(start + TOGETHER, count))]

    waiting = deque(submit(start) for start in islice(starts, 2))
    while waiting:
        start, some = waiting.popleft()
        yield start, [each.result() for each in some]
        waiting.extend(submit(start) for start in islice(starts, 1))


def _keep(start: int, some: list[LookedAt], views: Views, digests: NDArray[np.uint8]) -> None:
    """Views first, and on the disk before the digests that vouch for them."""
    new = [(start + at, content, view) for at, (content, view) in enumerate(some) if view is not None]
    for index, _, view in new:
        views[index] = 0 if isinstance(view, str) else view
    _flush(views)
    for index, content, view in new:
        digests[index] = 0 if isinstance(view, str) else np.frombuffer(_raw(content), np.uint8)
    _flush(digests)


def _raw(content: str) -> bytes:
    """A digest as bytes; zeros for what could not be loaded."""
    return bytes(_DIGEST) if content.startswith("unreadable") else bytes.fromhex(content)


def _kept(folder: Path | None, count: int) -> tuple[Views, NDArray[np.uint8]]:
    """Arrays for the views and digests of so many images: in memory, or in files, new where those there do not fit."""
    shapes = dict(zip(FILES, ((count, SIDE, SIDE), (count, _DIGEST)), strict=True))
    if folder is None:
        views, digests = (np.zeros(shape, np.uint8) for shape in shapes.values())
        return views, digests
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fit = all(_fits(folder / name, shape) for name, shape in shapes.items())
        for name, shape in reversed(shapes.items()):
            _reserve(folder / name, shape, new=not fit)
        views, digests = (open_memmap(folder / name, "r+") for name in shapes)
    except OSError as error:
        need = count * (SIDE * SIDE + _DIGEST) / 1e6
        raise SettingError(
            f"what is read of {count:,} images takes {need:,.1f} MB in {folder}, which cannot be had there: "
            f"{error.strerror or error}. Make room, or choose another disk with -o"
        ) from error
    return views, digests


def _reserve(path: Path, shape: tuple[int, ...], *, new: bool) -> None:
    """Make a file of zeros if it is ``new``, and have all of it on the disk.

    A disk that is full when a page of a mapped file is written kills the process without a word (SIGBUS).
    """
    if not new:
        _fill(path)
        return
    path.unlink(missing_ok=True)  # else the old one and the new one had to fit beside each other
    with replacing(path) as temporary:
        open_memmap(temporary, "w+", np.uint8, shape).flush()
        _fill(temporary)


def _fill(path: Path) -> None:
    """Give the holes of a file their place on the disk; where the system cannot, copy it over itself."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
            return
        for start in range(0, size, _BLOCK):
            file.seek(start)
            content = file.read(_BLOCK)
            file.seek(start)
            file.write(content)


def forget(folder: Path) -> None:
    """Remove what ``read_set`` kept in a folder, and the folder, if that was all."""
    for name in FILES:
        (folder / name).unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _fits(path: Path, shape: tuple[int, ...]) -> bool:
    try:
        found = open_memmap(path, "r")
    except (OSError, ValueError):
        return False
    return bool(found.shape == shape and found.dtype == np.uint8 and not np.isfortran(found))


def _flush(values: NDArray[np.uint8]) -> None:
    if isinstance(values, np.memmap):
        values.flush()
