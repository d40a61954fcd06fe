"""Sanity scores as a figure: for each method the cascade of re-initialised weights, and a table of all tests."""

from __future__ import annotations

import math
from collections.abc import Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from convscope.figures.ink import COLOURS, FAINT, INK, new_figure, png, short
from convscope.probes.trust.result import LayerTrust, Trust
from convscope.probes.trust.verdicts import ALIKE, DIFFERENT, IMAGE, LIMITS, MIXED, NOT, READS, SIGNAL, TESTS, titled

HEAT = "RdYlBu_r"
"""For the tests that count: red is alike, which is a warning."""
PLAIN = "Greys"
"""For the test of images, of which no outcome is a warning."""
COLUMN = 4.6
"""Width of a method, in inches."""
ROW = 0.3
"""Height of a layer in the table, in inches."""
_HEADING, _CURVES, _BETWEEN, _BELOW = 1.35, 2.3, 1.0, 0.25
_MARKS = {READS: "reads", MIXED: "mixed", NOT: "do not read"}


def figure_png(found: Trust, title: str = "") -> bytes:
    """A column for each method, as a PNG: above the cascade, below a table of all tests.

    The cascade has a line per layer: rank correlation with the trained network's pictures as ever more weights are
    re-initialised. The table has layers by tests, each cell the mean rank correlation.
    """
    tall = ROW * len(found.layers)
    height = _HEADING + _CURVES + _BETWEEN + tall + _BELOW
    width = 1.7 + COLUMN * len(found.methods)
    figure = new_figure(width, height)
    _heading(figure, found, title)
    for number, method in enumerate(found.methods):
        left, wide = (1.7 + COLUMN * number) / width, (COLUMN - 1.25) / width
        rows = [row for row in found.rows if row.method == method]
        above = figure.add_axes((left, (height - _HEADING - _CURVES) / height, wide, _CURVES / height))
        _curves(above, found, rows, first=number == 0)
        above.set_title(titled(method), fontsize=12, color=INK, loc="left", weight="bold")
        below = figure.add_axes((left, _BELOW / height, wide, tall / height))
        _table(below, found, rows, first=number == 0)
    return png(figure)


def _heading(figure: Figure, found: Trust, title: str) -> None:
    height = figure.get_figheight()
    lines = (
        f"Mean rank correlation of pairs of pictures, {len(found.images)} images: they differ below {DIFFERENT:g}, and "
        f"are alike from {ALIKE:g} on (signal: {_limits(SIGNAL)}).",
        "A picture that stays alike with other weights (upper half of the cascade), another unit or a random signal "
        "is no picture of the unit.",
        "Image, in grey: whether pictures follow their image. No outcome of it is a warning.",
    )
    figure.text(0.15 / figure.get_figwidth(), 1 - 0.32 / height, title, fontsize=13, color=INK, parse_math=False)
    for number, line in enumerate(lines):
        at = 1 - (0.55 + 0.19 * number) / height
        figure.text(0.15 / figure.get_figwidth(), at, line, fontsize=9, color=FAINT, parse_math=False)


def _limits(test: str) -> str:
    return " and ".join(f"{limit:.2f}" for limit in LIMITS[test])


def _colour(found: Trust, layer: str) -> tuple[float, ...]:
    """From input to output along the colour map, its brightest end left out."""
    place = found.layers.index(layer) / max(len(found.layers) - 1, 1)
    colour: tuple[float, ...] = matplotlib.colormaps[COLOURS](0.9 * place)
    return colour


def _curves(axes: Axes, found: Trust, rows: Sequence[LayerTrust], first: bool) -> None:
    axes.axhspan(DIFFERENT, ALIKE, color="#eeeeee", zorder=0)
    for row in rows:
        parts = [0.0, *(step.count / step.total for step in row.cascade)]
        ranks = [1.0, *(step.likeness.rank for step in row.cascade)]
        axes.plot(parts, ranks, marker="o", ms=3, lw=1.3, color=_colour(found, row.layer))
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.3, 1.05), yticks=[0, DIFFERENT, ALIKE, 1], xticks=[0, 0.5, 1])
    axes.set_xticklabels(["none", "half", "all"])
    axes.tick_params(labelsize=8, colors=FAINT)
    axes.set_xlabel("weights below the layer re-initialised, from the top", fontsize=8.5, color=INK)
    if first:
        axes.set_ylabel("same as trained", fontsize=8.5, color=INK)
    for edge in ("top", "right"):
        axes.spines[edge].set_visible(False)


def _table(axes: Axes, found: Trust, rows: Sequence[LayerTrust], first: bool) -> None:
    numbers = {row.layer: row for row in rows}
    axes.set(xlim=(0, len(TESTS)), ylim=(len(found.layers), 0), xticks=[], yticks=[])
    for at, test in enumerate(TESTS):
        axes.text(at + 0.5, -0.15, test, ha="center", va="bottom", fontsize=9, color=INK)
    for down, layer in enumerate(found.layers):
        if first:
            axes.plot([-0.13], [down + 0.5], "o", ms=4, color=_colour(found, layer), clip_on=False)
            name = short(layer, 22)
            axes.text(-0.24, down + 0.5, name, ha="right", va="center", fontsize=8.5, color=INK, parse_math=False)
        for at, test in enumerate(TESTS):
            rank = numbers[layer].ranks[test] if layer in numbers else math.nan
            _cell(axes, at, down, rank, PLAIN if test == IMAGE else HEAT)
        word = _MARKS.get(numbers[layer].badge, "not measured") if layer in numbers else "no rule"
        axes.text(len(TESTS) + 0.08, down + 0.5, word, va="center", fontsize=8.5, color=INK)
    for edge in axes.spines.values():
        edge.set_visible(False)


_SCALE = Normalize(-0.2, 1, clip=True)


def _cell(axes: Axes, column: int, row: int, rank: float, colours: str) -> None:
    shade = (1.0, 1.0, 1.0) if math.isnan(rank) else matplotlib.colormaps[colours](_SCALE(rank))[:3]
    axes.fill([column, column + 1, column + 1, column], [row, row, row + 1, row + 1], color=shade, ec="white", lw=1)
    dark = 0.299 * shade[0] + 0.587 * shade[1] + 0.114 * shade[2] < 0.5
    text = "none" if math.isnan(rank) else f"{round(rank, 2) + 0.0:.2f}".replace("-", "\N{MINUS SIGN}")
    axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=8.5, color="white" if dark else INK)
