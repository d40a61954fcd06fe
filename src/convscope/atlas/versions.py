"""Which versions of the format are read, and what is assumed of older ones: nothing in their files is changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from convscope.atlas.schema import FORMAT_VERSION


@dataclass(frozen=True)
class Migration:
    """The step from one version to the next: for each table, the columns that came with it.

    Every row of an older file is read as if it had the value given here: a text, or None.
    """

    why: str
    columns: Mapping[str, Mapping[str, str | None]]


MIGRATIONS: Mapping[int, Migration] = {
    1: Migration(
        "all projections were raw numbers; since version 2 a column says how each is stored, and another keeps what "
        "was measured before",
        columns={"projections": {"format": "float16", "spectrum": None}},
    ),
}
"""By the version they start from. A new version needs an entry for the one before, or that is no longer read."""

READABLE = (*MIGRATIONS, FORMAT_VERSION)


def assumed(version: int, table: str) -> dict[str, str | None]:
    """The columns that files of this version lack, and the value that each stands for."""
    steps = (MIGRATIONS[step] for step in range(version, FORMAT_VERSION))
    return {name: value for step in steps for name, value in step.columns.get(table, {}).items()}
