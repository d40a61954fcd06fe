"""Feed readers changed files for some minutes.

    make fuzz
    python scripts/fuzz.py [READER …] [--minutes N] [--folder DIR] [--guided]

Without names all readers take turns; ``--list`` names them. Each gets N minutes (default 1). With ``--guided`` and the
package atheris, changes that reach new lines are followed; otherwise they are drawn at random, of more violent kinds.
Each reader runs in a process of its own, which writes a file down before reading it, so that a crash is found as well.
What fails is kept as DIR/READER-DIGEST (default: artefacts/fuzz), once for each place that raised. Exit status 1 if
anything did.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import os
import random
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]


def main() -> int:
    """Parse, and run one reader after the other; the exit status."""
    parser = argparse.ArgumentParser(description="Feed readers changed files.")
    parser.add_argument("readers", nargs="*", metavar="READER")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--folder", type=Path, default=ROOT / "artefacts" / "fuzz")
    parser.add_argument("--guided", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        return _fuzz(asked.readers[0], asked.minutes * 60, asked.folder, guided=asked.guided)
    names = list(_readers())
    if asked.list:
        print("\n".join(names))
        return 0
    if strange := sorted({*asked.readers} - {*names}):
        parser.error(f"no reader {', '.join(strange)}; see --list")
    asked.folder.mkdir(parents=True, exist_ok=True)
    return max(_in_a_process(name, asked) for name in asked.readers or names)


FOLLOWED = ["convscope", "json", "tomllib", "csv", "gzip", "zipfile", "pickletools"]
"""Packages whose lines guide the changes; what is written in C cannot be followed."""


def _readers(*, guided: bool = False) -> dict[str, Any]:
    if guided:
        import atheris

        with atheris.instrument_imports(include=FOLLOWED, enable_loader_override=False):
            return _readers()
    table: dict[str, Any] = importlib.import_module("tests.fuzz.readers").READERS
    return table


def _in_a_process(name: str, asked: argparse.Namespace) -> int:
    command = [sys.executable, __file__, name, "--one", f"--minutes={asked.minutes}", f"--folder={asked.folder}"]
    status = subprocess.run(  # noqa: S603 — this script again
        [*command, *(["--guided"] if asked.guided else [])], check=False
    ).returncode
    if status not in (0, 1):
        kept = asked.folder / f"{_file_name(name)}-crash"
        (asked.folder / f"{_file_name(name)}-now").replace(kept)
        print(f"{name}: the process died ({status}); see {kept}", flush=True)
    return min(abs(status), 1)


def _file_name(name: str) -> str:
    return name.replace("/", "+").replace(" ", "-")


class _Failures:
    """What went wrong, once for each place in the code."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder, self.places = name, folder, dict[str, int]()

    def add(self, content: bytes, error: BaseException) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if "/convscope/" in frame.filename] or frames
        place = f"{type(error).__name__} at {Path(own[-1].filename).name}:{own[-1].lineno}"
        self.places[place] = self.places.get(place, 0) + 1
        if self.places[place] == 1:
            path = self.folder / f"{_file_name(self.name)}-{hashlib.sha256(content).hexdigest()[:8]}"
            path.write_bytes(content)
            print(f"{self.name}: {place}: {str(error)[:200]!r}; see {path}", flush=True)


def _fuzz(name: str, seconds: float, folder: Path, *, guided: bool) -> int:
    reader = _readers(guided=guided)[name]
    from tests.fuzz.mutate import changed
    from tests.fuzz.reader import run

    failures, ends = _Failures(name, folder), {"read": 0, "refused": 0, "failed": 0}
    now, end = folder / f"{_file_name(name)}-now", time.monotonic() + seconds
    seeds = reader.seeds()
    with tempfile.TemporaryDirectory() as scratch:

        def once(content: bytes) -> None:
            now.write_bytes(content)
            try:
                ends[run(reader, content, Path(scratch))] += 1
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                ends["failed"] += 1
                failures.add(content, error)

        def finish() -> int:
            now.unlink(missing_ok=True)
            told = ", ".join(f"{count} {end}" for end, count in ends.items())
            print(f"{name}: {seconds / 60:g} min, {sum(ends.values())} files: {told}", flush=True)
            return 1 if failures.places else 0

        for content in seeds:
            once(content)
        if guided:
            _guided(once, finish, seeds, seconds)
        generator = random.Random(name)  # noqa: S311 — no secret
        while time.monotonic() < end:
            once(changed(generator.choice(seeds), generator.randrange(2**62)))
        return finish()


def _guided(once: Any, finish: Any, seeds: list[bytes], seconds: float) -> None:
    """Hand over to atheris, which ends the process itself."""
    import atheris

    end = time.monotonic() + seconds
    corpus = tempfile.mkdtemp()
    for number, content in enumerate(seeds):
        (Path(corpus) / str(number)).write_bytes(content)

    def one(content: bytes) -> None:
        once(content)
        if time.monotonic() > end:
            os._exit(finish())

    largest = max(map(len, seeds)) * 2 + 64
    atheris.Setup([sys.argv[0], corpus, f"-max_len={largest}", "-verbosity=0", "-rss_limit_mb=0"], one)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
