"""A line chart as plain numbers, in the pixels of an SVG picture: a template draws it, nothing here does."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

WIDTH, HEIGHT = 420, 230
LEFT, RIGHT, TOP, BOTTOM = 44, 408, 12, 196
DOTTED = 40
"""Lines of at most so many values also show each of them."""

Values = Sequence[float | None]


@dataclass(frozen=True)
class Tick:
    """A number beside an axis."""

    at: float
    text: str


@dataclass(frozen=True)
class Dot:
    """One value of a line."""

    x: float
    y: float


@dataclass(frozen=True)
class Line:
    """A line of a chart; ``look`` is its class in the style sheet, such as first."""

    name: str
    look: str
    path: str  # of SVG, broken where a value is missing
    band: str  # between its lower and upper values; empty without
    dots: tuple[Dot, ...]


@dataclass(frozen=True)
class Level:
    """A line across the chart at one value."""

    y: float
    name: str


@dataclass(frozen=True)
class Border:
    """A line up the chart, and a name for what begins there."""

    x: float
    name: str


@dataclass(frozen=True)
class Chart:
    """Lines over a common axis, in pixels of a picture of ``width`` by ``height``."""

    title: str  # what is to be seen, for who does not see it
    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    axis: str  # what is counted across
    lines: tuple[Line, ...]
    levels: tuple[Level, ...]
    borders: tuple[Border, ...]
    places: tuple[float, ...]  # where the positions lie across


@dataclass(frozen=True)
class Series:
    """Values of one line, None where there is none, with the ends of its band."""

    name: str
    look: str
    values: Values
    low: Values = ()
    high: Values = ()


def chart(
    title: str,
    axis: str,
    positions: Sequence[float],
    series: Sequence[Series],
    levels: Iterable[tuple[float, str]] = (),
    borders: Iterable[tuple[float, str]] = (),
) -> Chart:
    """The chart of ``series`` over ``positions``; all that is finite is shown, from zero or below."""
    marked = [(value, name) for value, name in levels]
    known = [
        each for line in series for part in (line.values, line.low, line.high) for each in part if each is not None
    ]
    lowest, highest = min([0.0, *known]), max([*known, *(value for value, _ in marked)], default=1.0)
    up = _ticks(lowest, highest)
    across = _ticks(positions[0], positions[-1])
    x = _scale(positions[0], positions[-1], LEFT, RIGHT)
    y = _scale(min(lowest, up[0]), max(highest, up[-1]), BOTTOM, TOP)
    return Chart(
        title, WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM,
        across=tuple(Tick(x(value), f"{value:g}") for value in across if positions[0] <= value <= positions[-1]),
        up=tuple(Tick(y(value), f"{value:g}".replace("-", "\N{MINUS SIGN}")) for value in up),
        axis=axis,
        lines=tuple(_line(each, positions, x, y) for each in series),
        levels=tuple(Level(y(value), name) for value, name in marked),
        borders=tuple(Border(x(at), name) for at, name in borders),
        places=tuple(map(x, positions)),
    )  # fmt: skip


Scale = Callable[[float], float]
"""From a value to pixels."""


def _scale(low: float, high: float, start: float, end: float) -> Scale:
    """From a range of values to a range of pixels; the middle where the values are all one."""
    if high <= low:
        return lambda _: (start + end) / 2
    return lambda value: round(start + (value - low) / (high - low) * (end - start), 2)


def _line(series: Series, positions: Sequence[float], x: Scale, y: Scale) -> Line:
    points = [
        None if value is None else Dot(x(at), y(value)) for at, value in zip(positions, series.values, strict=True)
    ]
    there = tuple(point for point in points if point is not None)
    return Line(
        name=series.name,
        look=series.look,
        path="".join(_path(run) for run in _runs(points)),
        band=_band(series, positions, x, y),
        dots=there if len(there) <= DOTTED else (),
    )


def _runs(points: Sequence[Dot | None]) -> list[list[Dot]]:
    """The stretches without a gap."""
    runs = (list(run) for there, run in groupby(points, lambda point: point is not None) if there)
    return [[point for point in run if point is not None] for run in runs]


def _path(run: Sequence[Dot]) -> str:
    return "M" + "L".join(f"{point.x:g} {point.y:g}" for point in run)


def _band(series: Series, positions: Sequence[float], x: Scale, y: Scale) -> str:
    if not series.low or not series.high:
        return ""
    ends = [
        (at, low, high)
        for at, low, high in zip(positions, series.low, series.high, strict=True)
        if low is not None and high is not None
    ]
    there = [Dot(x(at), y(high)) for at, _, high in ends]
    back = [Dot(x(at), y(low)) for at, low, _ in reversed(ends)]
    return _path([*there, *back]) + "z" if ends else ""


def _ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers that cover the range."""
    rough = (high - low) / most
    if not 0 < rough < math.inf:
        return [low]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]
