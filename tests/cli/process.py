"""The command line, in this process and as one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.structure.source import SOURCE


class Words(NamedTuple):
    code: int
    out: str
    err: str


class Said(Words):
    """What a command printed; ``plan`` is the line on standard error that it began with, empty if it made none."""

    plan: str = ""

    @classmethod
    def of(cls, code: int, out: str, err: str) -> Said:
        """The plan apart from the rest."""
        first, _, rest = err.partition("\n")
        planned = first.startswith(("plan: ", '{"plan": '))
        said = cls(code, out, rest if planned else err)
        said.plan = first if planned else ""
        return said


Run = Callable[..., Said]


def shell(place: Path, *words: str | Path) -> subprocess.Popen[str]:
    """``convscope`` as a process in the folder ``place``, its warnings errors."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(SOURCE), str(SOURCE.parent)))}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "convscope", *map(str, words)],
        cwd=place,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finished(process: subprocess.Popen[str]) -> Said:
    """What a process said, once it has ended."""
    out, err = process.communicate()
    return Said.of(process.returncode, out, err)


def check_mistake(said: Said, message: str, unmade: Path) -> None:
    """A mistake is one line that begins with ``message``, and leaves nothing behind."""
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(message)
    assert said.err.count("\n") == 1
    assert not unmade.exists()
