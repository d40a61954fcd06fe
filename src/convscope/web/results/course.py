"""The course of a training from its CSV files, of which the last line may still be being written."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from convscope.errors import AtlasFormatError
from convscope.web.result_files import ResultFiles

EPOCHS, STEPS = "epochs.csv", "steps.csv"
POINTS = 300
"""Points of a curve over steps, each the mean of as many steps as it takes."""

Values = tuple[float | None, ...]


@dataclass(frozen=True)
class Course:
    """Columns of numbers by name, None where a number is missing or not finite."""

    columns: dict[str, Values]

    @property
    def rows(self) -> int:
        """How many."""
        return len(next(iter(self.columns.values()), ()))

    def column(self, name: str) -> Values:
        """A column, empty if there is none of this name."""
        return self.columns.get(name, ())


def read_course(files: ResultFiles, name: str, needed: Sequence[str]) -> Course:
    """All whole lines of a CSV file, none if it is not there yet; AtlasFormatError where a line is damaged."""
    if not files.has(name):
        return Course({})
    place = files.path / name
    try:
        text = files.read(name).decode("utf-8")
    except UnicodeDecodeError as error:
        raise AtlasFormatError(f"{place} is no text ({error}). Train again in another folder.") from error
    whole = text[: text.rfind("\n") + 1]
    try:
        header, *rows = csv.reader(io.StringIO(whole)) if whole else [list(needed)]
    except csv.Error as error:
        raise AtlasFormatError(f"{place} is no CSV ({error}). Train again in another folder.") from error
    missing = [each for each in needed if each not in header]
    if missing or len(set(header)) != len(header):
        raise AtlasFormatError(f"{place} has the columns {', '.join(header)[:200]}; expected {', '.join(needed)}.")
    numbers = [_numbers(row, len(header), f"{place}, line {line}") for line, row in enumerate(rows, start=2)]
    return Course({each: tuple(row[column] for row in numbers) for column, each in enumerate(header)})


def _numbers(row: Sequence[str], count: int, where: str) -> Values:
    if len(row) != count:
        raise AtlasFormatError(f"{where} has {len(row)} values, expected {count}.")
    try:
        found = [float(each) if each else None for each in row]
    except ValueError as error:
        raise AtlasFormatError(f"{where} is not numbers ({error}).") from error
    return tuple(None if each is None or not math.isfinite(each) else each for each in found)


def thinned(values: Values, most: int = POINTS) -> Iterator[tuple[int, float | None]]:
    """At most so many means over stretches of equal length, each with the number of its last value, from 1."""
    length = -(-len(values) // most) if values else 1
    for start in range(0, len(values), length):
        known = [value for value in values[start : start + length] if value is not None]
        yield min(start + length, len(values)), sum(known) / len(known) if known else None
