"""Values that pages of several kinds of results have."""

from __future__ import annotations

from dataclasses import dataclass

from convscope.web.chart import Chart
from convscope.web.pages import Picture


@dataclass(frozen=True)
class Download:
    """A file of the result."""

    name: str
    href: str
    holds: str
    size: str


@dataclass(frozen=True)
class Figure:
    """A picture of the result."""

    title: str
    picture: Picture


@dataclass(frozen=True)
class Estimate:
    """A number with its 95% interval."""

    value: float
    low: float | None
    high: float | None


Cell = str | int | float | Estimate | None


@dataclass(frozen=True)
class Table:
    """A table of findings."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]  # the first cell names the row
    remark: str
    file: str  # of the downloads, that holds the numbers in full


@dataclass(frozen=True)
class Findings:
    """What an experiment found, beyond its figures."""

    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()
