"""Interrupt a scan, projection and export again and again at random moments, and compare with the unbroken run.

    python -m tests.faults.interrupt --interruptions 200 --seed 0

One process loads the network; every attempt is a fork of it, as starting Python would take most of the time. An attempt
is ended by SIGKILL, or by a full disk, or by a disk that cannot be read. After some a file of the unfinished atlas is
cut or one bit of it turned. Attempts follow one another until one ends by itself; then every byte of the atlas and of
its pages is compared with those of a run that nobody interrupted, and all begins anew in an empty folder.
"""

from __future__ import annotations

import argparse
import errno
import json
import mmap
import os
import random
import signal
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from convscope.atlas.damage import check_files
from convscope.atlas.digests import DIGESTS
from convscope.atlas.manifest import JOURNAL, MANIFEST
from convscope.engine import loading
from convscope.engine import scan as scanning
from convscope.engine.graphs import graph_of
from convscope.errors import ConvscopeError
from convscope.images import ImageSet
from convscope.lock import LOCK
from convscope.models import Model
from convscope.pipeline import winners as choosing
from convscope.pipeline.build import Ask, build_atlas
from convscope.web.export import export_place
from convscope.web.opening import open_places
from tests.engine.make import exact_model, pictures
from tests.images.make import encoded

IMAGES = 60
SCAN_PART, PART_BYTES = 8, 12_000
"""Small parts, so that there are many moments between them."""
ASK = Ask(top=3, per_class=2, units=12, trust=False)
TOLD, FULL, UNREADABLE = 3, errno.ENOSPC, errno.EIO
"""Exit statuses of an attempt: 0 finished, ``TOLD`` with an error of convscope, or the number of the fault itself."""
LIMIT = 120
"""Seconds after which an attempt counts as hanging."""


@dataclass
class Report:
    """What happened: interruptions by kind, harm done to files, runs that ended like the unbroken one, or did not."""

    interruptions: Counter[str] = field(default_factory=Counter)
    finished: int = 0
    different: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    images_read: list[int] = field(default_factory=list)
    """Images that the scans of all attempts of each run decoded."""
    harmed: list[int] = field(default_factory=list)
    """Files that were harmed in each run."""
    attempts: list[int] = field(default_factory=list)
    unbroken_images: int = 0
    unbroken_seconds: float = 0.0

    @property
    def count(self) -> int:
        return self.interruptions.total()


class Shared:
    """A number that forks add to."""

    def __init__(self) -> None:
        self._map = mmap.mmap(-1, 8)

    @property
    def value(self) -> int:
        return int(struct.unpack("q", self._map[:8])[0])

    def add(self, more: int) -> None:
        self._map[:8] = struct.pack("q", self.value + more)

    def clear(self) -> None:
        self._map[:8] = bytes(8)


def prepare(place: Path) -> tuple[Model, ImageSet]:
    """The network, its graph made, and images as files in class folders."""
    torch.set_num_threads(1)  # a fork must not find the threads of its parent gone
    model = exact_model()
    graph_of(model)
    for number, picture in enumerate(pictures(IMAGES)):
        path = place / "images" / "ab"[number % 2] / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(picture) if number != 7 else b"damaged")
    images = ImageSet.open(place / "images")
    assert images.digest
    return model, images


def work(model: Model, images: ImageSet, folder: Path, read: Shared) -> None:
    """Scan, projections and export, as the commands make them."""
    whole = loading.read_view

    def counted(*arguments: Any) -> Any:
        read.add(1)
        return whole(*arguments)

    with (
        mock.patch.object(scanning, "_PART_AT_LEAST", SCAN_PART),
        mock.patch.object(scanning, "_PARTS_AT_MOST", 1000),
        mock.patch.object(choosing, "PART_BYTES", PART_BYTES),
        mock.patch.object(loading, "read_view", counted),
    ):
        build_atlas(model, images, folder / "atlas", ASK, batch_size=4, workers=1)
    export_place(next(iter(open_places([folder / "atlas"]).values())), folder / "site")


@contextmanager
def failing(name: str, code: int, after: int) -> Iterator[None]:
    """``os.NAME`` raises an OSError from its call number ``after`` on."""
    whole, calls = getattr(os, name), 0

    def maybe(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > after:
            raise OSError(code, os.strerror(code))
        return whole(*arguments, **options)

    with mock.patch.object(os, name, maybe):
        yield


FAULTS: dict[str, tuple[str, int, int]] = {"disk full": ("fsync", FULL, 90), "read error": ("fdopen", UNREADABLE, 130)}
"""What goes wrong: the call that fails, its error, and before which of its calls of a whole run (about)."""


def attempt(job: Callable[[], None], kind: str, draw: random.Random, seconds: float) -> int:
    """Fork, and interrupt it by ``kind``; the exit status, negative for a signal."""
    name, code, calls = FAULTS.get(kind, ("", 0, 0))
    after = draw.randrange(calls) if calls else 0
    moment = draw.uniform(0, seconds)
    child = os.fork()
    if child == 0:
        status = 99
        try:
            if name:
                with failing(name, code, after):
                    job()
            else:
                job()
            status = 0
        except ConvscopeError:
            status = TOLD
        except OSError as error:
            status = error.errno or 98
        finally:
            os._exit(status)
    if kind == "kill":
        time.sleep(moment)
        os.kill(child, signal.SIGKILL)
    limit = time.monotonic() + LIMIT
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > limit:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise RuntimeError(f"an attempt ({kind}) hangs for {LIMIT} seconds")
        time.sleep(0.002)


def harm(atlas: Path, draw: random.Random) -> str | None:
    """Cut a file of the unfinished atlas, or turn one bit of it; the names of what was done, None if there is none."""
    spared = {LOCK, JOURNAL, DIGESTS, MANIFEST}
    files = sorted(path for path in atlas.rglob("*") if path.is_file() and path.name not in spared)
    if not files or (atlas / MANIFEST).exists():
        return None
    path = draw.choice(files)
    content = bytearray(path.read_bytes())
    if not content:
        return None
    if draw.random() < 0.5:
        path.write_bytes(content[: draw.randrange(len(content))])
        return "truncated file"
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)
    return "turned bit"


def contents(folder: Path) -> dict[str, bytes]:
    """Every byte of an atlas and of its pages; not the lock, which names a process."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != LOCK)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def interrupt(place: Path, interruptions: int, seed: int) -> Report:
    """Until there were so many ``interruptions``; whatever is not as it should be is in the report."""
    os.environ["SOURCE_DATE_EPOCH"] = "1700000000"
    draw, report, read = random.Random(seed), Report(), Shared()
    model, images = prepare(place)

    def job(folder: Path) -> Callable[[], None]:
        return partial(work, model, images, folder, read)

    started = time.monotonic()
    assert attempt(job(place / "whole"), "", draw, 0) == 0
    report.unbroken_seconds, report.unbroken_images = time.monotonic() - started, read.value
    expected = contents(place / "whole")
    while report.count < interruptions:
        folder = place / f"run-{report.finished}"
        read.clear()
        attempts, harmed = 0, 0
        while True:
            kind = draw.choices(["kill", *FAULTS], [8, 1, 1])[0] if report.count < interruptions else ""
            status = attempt(job(folder), kind, draw, 1.3 * report.unbroken_seconds)
            attempts += 1
            if status == 0:
                break
            if not kind:
                raise RuntimeError(f"{folder.name}: going on ends with status {status}, though nothing interrupts it")
            report.interruptions[kind] += 1
            if status not in (-signal.SIGKILL if kind == "kill" else TOLD,):
                report.unexpected.append(f"{kind}: exit status {status}")
            if draw.random() < 0.15 and (done := harm(folder / "atlas", draw)):
                report.interruptions[done] += 1
                harmed += 1
        found, damaged = contents(folder), check_files(folder / "atlas").damaged
        report.different += [f"{folder.name}: {name}" for name in found.keys() ^ expected.keys()]
        report.different += [f"{folder.name}: {n}" for n in found.keys() & expected.keys() if found[n] != expected[n]]
        report.different += [f"{folder.name}: {each.file} {each.problem}" for each in damaged]
        report.finished += 1
        report.images_read.append(read.value)
        report.attempts.append(attempts)
        report.harmed.append(harmed)
        wrong = len(report.different) + len(report.unexpected)
        print(f"{report.count} interruptions, {report.finished} runs, {wrong} wrong", file=sys.stderr, flush=True)
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--interruptions", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        report = interrupt(Path(place), options.interruptions, options.seed)
    print(json.dumps(vars(report), indent=1))
    return int(bool(report.different or report.unexpected))


if __name__ == "__main__":
    sys.exit(main())
