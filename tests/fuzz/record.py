"""What readers were fed so far, as lines of JSON: minutes add up over several sittings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ENOUGH = 1 / 60
"""Fewer minutes than these, one second, are not worth starting a process for."""


@dataclass(frozen=True)
class Sitting:
    """Changed files that one reader was fed without a break: how many, and how its readings ended.

    ``date`` is when it ended (UTC), ``seed`` what its changes were drawn by.
    """

    reader: str
    minutes: float
    files: int
    read: int
    refused: int
    failed: int
    date: str
    seed: int


def read_record(path: Path) -> list[Sitting]:
    """All sittings that ``path`` lists, none if there is no such file; ValueError for a line that is no sitting."""
    found = []
    for number, line in enumerate(path.read_text("utf-8").splitlines() if path.exists() else (), start=1):
        try:
            found.append(Sitting(**json.loads(line)))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}, line {number} is no sitting as --record writes them: {error}") from error
    return found


def add_to_record(path: Path, sitting: Sitting) -> None:
    """One more line, in one write: several processes may share a record."""
    with path.open("ab", buffering=0) as file:
        file.write((json.dumps(asdict(sitting)) + "\n").encode())


def what_is_left(record: Sequence[Sitting], reader: str, minutes: float) -> tuple[float, int]:
    """Minutes that ``reader`` still has to be fed, 0 if it had them all, and a seed that it did not have before."""
    before = [sitting for sitting in record if sitting.reader == reader]
    left = minutes - sum(sitting.minutes for sitting in before)
    return (left if left >= ENOUGH else 0.0), max((sitting.seed + 1 for sitting in before), default=0)
