"""Feed readers changed files for some minutes.

    make fuzz
    python scripts/fuzz.py [READER …] [--minutes N] [--folder DIR] [--record FILE] [--guided]

Without names all readers take turns; ``--list`` names them. Each gets N minutes (default 1). With ``--guided`` and the
package atheris, changes that reach new lines are followed; otherwise they are drawn at random, of more violent kinds.
Each reader runs in a process of its own, which writes a file down before reading it, so that a crash is found as well.
What fails is kept as DIR/READER-DIGEST (default: artefacts/fuzz), once for each place that raised. Exit status 1 if
anything did.

With ``--record`` each sitting of a reader is a line of FILE. A reader is only fed for as long as, by the lines that are
there, is missing of its N minutes, and with other changes. Ctrl-C and SIGTERM end a sitting early; it is recorded.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from tests.fuzz.record import Sitting, add_to_record, read_record, what_is_left  # noqa: E402

FED, NOW = "fed.json", "now"
"""In the folder of a process: what it has fed its reader so far, and the file that is being read."""
STUCK = 60
"""Seconds after which a reading is ended from outside, because it does not even end by its own alarm."""


def main() -> int:
    """Parse, and run one reader after the other; the exit status."""
    parser = argparse.ArgumentParser(description="Feed readers changed files.")
    parser.add_argument("readers", nargs="*", metavar="READER")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--folder", type=Path, default=ROOT / "artefacts" / "fuzz")
    parser.add_argument("--record", type=Path, metavar="FILE", help="JSON lines: what was fed before, and is added to")
    parser.add_argument("--guided", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--one", type=Path, metavar="SCRATCH", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        return _fuzz(asked)
    names = list(_readers())
    if asked.list:
        print("\n".join(names))
        return 0
    if strange := sorted({*asked.readers} - {*names}):
        parser.error(f"no reader {', '.join(strange)}; see --list")
    asked.folder.mkdir(parents=True, exist_ok=True)
    if asked.record:
        asked.record.parent.mkdir(parents=True, exist_ok=True)  # now, and not after the first sitting
    try:
        return _take_turns(asked.readers or names, asked)
    except ValueError as error:
        parser.error(str(error))


def _take_turns(names: list[str], asked: argparse.Namespace) -> int:
    stopped = list[int]()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _frame: stopped.append(number))
    worst = 0
    for name in names:
        minutes, seed = what_is_left(read_record(asked.record) if asked.record else [], name, asked.minutes)
        if not minutes:
            print(f"{name}: had its {asked.minutes:g} min before, by {asked.record}", flush=True)
            continue
        worst = max(worst, _in_a_process(name, minutes, seed, asked, stopped))
        if stopped:
            return 128 + stopped[0]
    return worst


FOLLOWED = ["convscope", "json", "tomllib", "csv", "gzip", "zipfile", "pickletools"]
"""Packages whose lines guide the changes; what is written in C cannot be followed."""


def _readers(*, guided: bool = False) -> dict[str, Any]:
    if guided:
        import atheris

        with atheris.instrument_imports(include=FOLLOWED, enable_loader_override=False):
            return _readers()
    table: dict[str, Any] = importlib.import_module("tests.fuzz.readers").READERS
    return table


def _in_a_process(name: str, minutes: float, seed: int, asked: argparse.Namespace, stopped: list[int]) -> int:
    with _scratch(asked.folder) as scratch:
        command = [sys.executable, __file__, name, f"--minutes={minutes}", f"--seed={seed}"]
        command += [f"--folder={asked.folder}", f"--one={scratch}", *(["--guided"] if asked.guided else [])]
        # A session of its own: Ctrl-C comes to this process only, which tells the other one.
        child = subprocess.Popen(  # noqa: S603 — this script again
            command, env=os.environ | {"TMPDIR": str(scratch)}, start_new_session=True
        )
        status = _ended(child, scratch / NOW, stopped)
        died = status not in (0, 1) and not stopped
        if died:
            print(f"{name}: the process died ({status}); {_keep(name, scratch / NOW, asked.folder)}", flush=True)
        if asked.record:
            _note(asked.record, name, seed, scratch / FED, died)
    return min(abs(status), 1)


@contextmanager
def _scratch(folder: Path) -> Any:
    """A folder for all temporary files of one process; what was left by runs that were killed is removed first."""
    for left in folder.glob("scratch-*"):
        if not Path("/proc", left.name.removeprefix("scratch-")).exists():
            shutil.rmtree(left, ignore_errors=True)
    scratch = (folder / f"scratch-{os.getpid()}").absolute()
    scratch.mkdir()
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _ended(child: subprocess.Popen[bytes], now: Path, stopped: list[int]) -> int:
    """Wait for the process; tell it to stop if this one was told so, and kill it if a reading does not end."""
    while True:
        with suppress(subprocess.TimeoutExpired):
            return child.wait(0.2)
        with suppress(FileNotFoundError):
            if time.time() - now.stat().st_mtime > STUCK:
                child.kill()
        if stopped:
            child.terminate()


def _keep(name: str, now: Path, folder: Path) -> str:
    """Keep the file that was being read; where it is, in words."""
    if not now.exists():
        return "no file was being read"
    return f"see {now.replace(folder / f'{_file_name(name)}-crash')}"


def _note(record: Path, name: str, seed: int, fed: Path, died: bool) -> None:
    if not fed.exists():  # it ended before it read anything
        return
    found = json.loads(fed.read_text("utf-8"))
    ends = found["ends"] | {"failed": found["ends"]["failed"] + died}
    date = datetime.now(UTC).isoformat(timespec="seconds")
    add_to_record(record, Sitting(name, found["minutes"], sum(ends.values()), **ends, date=date, seed=seed))


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


class _Fed:
    """How many files were read, how that ended, and since when; written down every second, for whatever may come."""

    def __init__(self, path: Path) -> None:
        self.path, self.ends = path, {"read": 0, "refused": 0, "failed": 0}
        self.began = self.told = time.monotonic()
        self.write()

    @property
    def minutes(self) -> float:
        return (time.monotonic() - self.began) / 60

    def add(self, end: str) -> None:
        self.ends[end] += 1
        if time.monotonic() > self.told + 1:
            self.write()

    def write(self) -> None:
        self.told = time.monotonic()
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps({"minutes": self.minutes, "ends": self.ends}), "utf-8")
        new.replace(self.path)


def _fuzz(asked: argparse.Namespace) -> int:
    (name,), scratch, parent = asked.readers, asked.one, os.getppid()
    reader = _readers(guided=asked.guided)[name]
    from tests.fuzz.mutate import changed
    from tests.fuzz.reader import run

    seeds, failures, stopped = reader.seeds(), _Failures(name, asked.folder), list[int]()
    (inside := scratch / "files").mkdir()
    signal.signal(signal.SIGTERM, lambda number, _frame: stopped.append(number))
    fed = _Fed(scratch / FED)

    def once(content: bytes) -> None:
        (scratch / NOW).write_bytes(content)
        try:
            fed.add(run(reader, content, inside))
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            fed.add("failed")
            failures.add(content, error)

    def over() -> bool:
        """Whether it was fed long enough, or was told to stop, or nobody waits for it any more."""
        return fed.minutes >= asked.minutes or bool(stopped) or os.getppid() != parent

    def finish() -> int:
        fed.write()
        told = ", ".join(f"{count} {end}" for end, count in fed.ends.items())
        print(f"{name}: {fed.minutes:.3g} min, {sum(fed.ends.values())} files: {told}", flush=True)
        return 1 if failures.places else 0

    for content in seeds:
        once(content)
    if asked.guided:
        _guided(once, over, finish, seeds, asked.seed)
    generator = random.Random(f"{name}, {asked.seed}")  # noqa: S311 — no secret
    while not over():
        once(changed(generator.choice(seeds), generator.randrange(2**62)))
    return finish()


def _guided(
    once: Callable[[bytes], None], over: Callable[[], bool], finish: Callable[[], int], seeds: list[bytes], seed: int
) -> None:
    """Hand over to atheris, which ends the process itself."""
    import atheris

    corpus = tempfile.mkdtemp()
    for number, content in enumerate(seeds):
        (Path(corpus) / str(number)).write_bytes(content)

    def one(content: bytes) -> None:
        once(content)
        if over():
            os._exit(finish())

    options = {"max_len": max(map(len, seeds)) * 2 + 64, "verbosity": 0, "rss_limit_mb": 0, "seed": seed + 1}
    atheris.Setup([sys.argv[0], corpus, *(f"-{name}={value}" for name, value in options.items())], one)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
