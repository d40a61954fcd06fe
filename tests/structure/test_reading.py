"""Files are opened by ``convscope.regular``, which waits for no pipe, or by one of few modules that have reasons."""

from __future__ import annotations

import re

from tests.structure.source import SOURCE

OPENS = re.compile(r"(?<!files)\.(read_text|read_bytes)\(|\.open\((encoding|\"rb?\")|(?<!def )(?<![.\w])open\(")
"""What opens a file for reading."""

MAY: dict[str, str] = {
    "atlas/digests.py": "what it reads has the size that was written down, which no pipe has",
    "engine/room.py": "files of the kernel",
    "lock.py": "the lock itself",
    "models/weights.py": "asked before",
    "probes/transfer/stored.py": "asked before",
    "regular.py": "this is it",
}
PACKAGED = re.compile(r"\bfiles\(|_FOLDER / ")
"""A file of the package itself."""


def test_whatever_is_read_is_a_regular_file() -> None:
    found = {
        path.relative_to(SOURCE / "convscope").as_posix()
        for path in (SOURCE / "convscope").rglob("*.py")
        for line in path.read_text().splitlines()
        if OPENS.search(line) and not PACKAGED.search(line)
    }
    assert {name for name in found if not name.startswith("cli/")} == MAY.keys()  # the faces show what was just written
