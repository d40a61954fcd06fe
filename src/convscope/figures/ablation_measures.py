"""Why a variant is better: its error against what is measured on it, and curves over angles or layers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from convscope.figures.ink import FAINT, INK, LINE_COLOURS, new_figure, png, short, write_heading
from convscope.interval import Interval
from convscope.train.ablation.result import VALIDATION, Ablation

PANEL = 3.6
"""Inches."""
ENOUGH = 4
"""Variants from which on a rank correlation is worth a number."""
COLUMNS = 3
DEGREES = "degrees"
"""The axis whose places are numbers."""


def measures_png(found: Ablation, titles: Mapping[str, str]) -> bytes:
    """A panel for each measure: a number for each variant, with the intervals of both quantities."""
    figure, panels = _panels(len(titles), PANEL * 0.95, legend=0.19 * math.ceil(len(found.variants) / 2) + 0.35)
    for axes, (measure, title) in zip(panels, titles.items(), strict=True):
        _scatter(axes, found, measure, title)
    lines = [f"{place}  {short(facts.name, 48)}" for place, facts in enumerate(found.variants, 1)]
    half = math.ceil(len(lines) / 2)
    for column, part in enumerate((lines[:half], lines[half:])):
        figure.text(
            0.03 + 0.48 * column,
            0.12 / figure.get_figheight(),
            "\n".join(part),
            fontsize=8,
            color=INK,
            va="bottom",
            linespacing=1.35,
            parse_math=False,
        )
    return png(figure)


def curves_png(found: Ablation, titles: Mapping[str, tuple[str, str]]) -> bytes:
    """A panel for each curve, a line for each variant with its interval; ``titles``: title and axis by curve."""
    figure, panels = _panels(len(titles), PANEL, legend=0.25 * math.ceil(len(found.variants) / 3) + 0.3)
    for axes, (curve, (title, axis)) in zip(panels, titles.items(), strict=True):
        _curves(axes, found, curve, axis)
        _dress(axes, title, axis)
    handles, names = panels[0].get_legend_handles_labels()
    legend = figure.legend(
        handles, [short(name, 40) for name in names], loc="lower center", ncols=3, fontsize=8, frameon=False
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    return png(figure)


def _panels(count: int, height: float, legend: float) -> tuple[Figure, Sequence[Axes]]:
    """Axes side by side, at most three in a row, above room for a legend."""
    columns = 2 if count == 4 else min(count, COLUMNS)
    rows = math.ceil(count / columns)
    wide, high = max(2, columns) * PANEL + 0.3, rows * height + legend
    figure = new_figure(wide, high)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    figure.subplots_adjust(
        left=0.68 / wide,
        right=1 - 0.2 / wide,
        top=1 - 0.5 / high,
        bottom=(legend + 0.55) / high,
        wspace=0.32,
        hspace=0.55,
    )
    for unused in grid[count:]:
        unused.set_axis_off()
    return figure, list(grid[:count])


def _scatter(axes: Axes, found: Ablation, measure: str, title: str) -> None:
    pairs = [
        (place, found.summaries[facts.name, measure], found.summaries[facts.name, VALIDATION])
        for place, facts in enumerate(found.variants, 1)
        if (facts.name, measure) in found.summaries
    ]
    for place, across, up in pairs:
        x, y = 100 * across.interval.mean, 100 * up.interval.mean
        axes.plot(_ends(across.interval), [y, y], color="#c8d4e4", lw=1.2, zorder=1)
        axes.plot([x, x], _ends(up.interval), color="#c8d4e4", lw=1.2, zorder=1)
        axes.plot(x, y, "o", color="white", mec=LINE_COLOURS[0], ms=11, zorder=2)
        axes.annotate(str(place), (x, y), ha="center", va="center_baseline", fontsize=7, color=INK, zorder=3)
    _dress(axes, title, "per cent")
    axes.set_ylabel("validation error, per cent", fontsize=8.5, color=INK)
    remark = f"{len(pairs)} variants"
    if len(pairs) >= ENOUGH:
        xs = [across.interval.mean for _, across, _ in pairs]
        ys = [up.interval.mean for _, _, up in pairs]
        if len(set(xs)) > 1 and len(set(ys)) > 1:
            remark += f", rank correlation {stats.spearmanr(xs, ys).statistic:+.2f}"
    axes.annotate(
        remark, (0, 1), (0, 5), xycoords="axes fraction", textcoords="offset points", fontsize=8.5, color=FAINT
    )


def _ends(found: Interval, scale: float = 100.0) -> tuple[float, float]:
    """Both ends of an interval; of a single value, twice that."""
    low, high = (found.mean if end is None else end for end in (found.low, found.high))
    return scale * low, scale * high


def _curves(axes: Axes, found: Ablation, curve: str, axis: str) -> None:
    numbers = axis == DEGREES
    scale = 100.0 if numbers else 1.0
    known = [{*found.curve(facts.name, curve)} for facts in found.variants]
    # Layers in the order of the variant that has most of them.
    longest = max(found.variants, key=lambda facts: len(found.curve(facts.name, curve)))
    order = list(found.curve(longest.name, curve))
    order += sorted(set().union(*known) - set(order))
    for number, facts in enumerate(found.variants):
        line = found.curve(facts.name, curve)
        places = [place for place in order if place in line]
        xs = [float(place) if numbers else float(order.index(place)) for place in places]
        colour = LINE_COLOURS[number % len(LINE_COLOURS)]
        style = ("-", "--", ":")[number // len(LINE_COLOURS) % 3]
        axes.plot(xs, [scale * line[place].mean for place in places], style, color=colour, lw=1.8, label=facts.name)
        ends = [_ends(line[place], scale) for place in places]
        axes.fill_between(xs, [low for low, _ in ends], [high for _, high in ends], color=colour, alpha=0.15, lw=0)
    if numbers:
        axes.set_xticks(range(-180, 181, 90))
    else:
        axes.set_xticks(range(len(order)), order, rotation=60, ha="right", rotation_mode="anchor")
    means = [scale * each.mean for facts in found.variants for each in found.curve(facts.name, curve).values()]
    axes.set_ylim(0, 101 if numbers else 1.25 * max(means, default=1.0))
    axes.set_ylabel("per cent" if numbers else "distance, of that to another image", fontsize=8.5, color=INK)


def _dress(axes: Axes, title: str, axis: str) -> None:
    write_heading(axes, short(title, 44))
    axes.set_xlabel("" if axis == "layer" else axis, fontsize=8.5, color=INK, labelpad=2)
    axes.tick_params(labelsize=8, colors=INK, length=2.5)
    for edge in ("top", "right"):
        axes.spines[edge].set_visible(False)
