"""Errors of variants with every run, and their differences in pairs; training beside validation error."""

from __future__ import annotations

from collections.abc import Iterable

from matplotlib.axes import Axes

from convscope.figures.ink import FAINT, INK, LINE_COLOURS, OTHERS, new_figure, png, short, write_heading
from convscope.train.ablation.result import GAP, TRAINING, VALIDATION, Ablation, VariantFacts

BETTER, WORSE = LINE_COLOURS[0], LINE_COLOURS[1]
ROW = 0.36
"""Inches."""
NAMES = 2.9
"""Inches for the names of variants."""


def errors_png(found: Ablation) -> bytes:
    """Left the validation error of each variant, right its difference from its base; a dot is a run or a pair."""
    figure = new_figure(11.6, _height(found))
    left, right = figure.subplots(1, 2, sharey=True)
    figure.subplots_adjust(
        left=NAMES / 11.6, right=0.9, top=1 - 0.62 / _height(found), bottom=0.5 / _height(found), wspace=0.1
    )
    _rows(left, found)
    for place, facts in enumerate(found.variants):
        _error(left, found, facts, place)
        _difference(right, found, facts, place)
    right.tick_params(axis="y", length=0)
    _within_errors(left, found)
    right.axvline(0, color="#cccccc", lw=1, zorder=0)
    _title(left, "validation error", "each run, mean and 95% interval")
    _title(right, "difference from the base, seed by seed", "blue: better, orange: worse, grey: the interval holds 0")
    left.set_xlabel("per cent", fontsize=8.5, color=INK)
    right.set_xlabel("percentage points", fontsize=8.5, color=INK)
    return png(figure)


def gap_png(found: Ablation) -> bytes:
    """For each variant training and validation error, joined by the gap; the size of the network at the right."""
    figure = new_figure(9.2, _height(found))
    axes = figure.subplots()
    figure.subplots_adjust(left=NAMES / 9.2, right=0.8, top=1 - 0.62 / _height(found), bottom=0.5 / _height(found))
    _rows(axes, found)
    for place, facts in enumerate(found.variants):
        rows = [found.summaries.get((facts.name, quantity)) for quantity in (TRAINING, VALIDATION, GAP)]
        if any(row is None for row in rows):
            continue
        training, validation, gap = (100 * row.interval.mean for row in rows if row is not None)
        axes.plot([training, validation], [place, place], color=OTHERS, lw=2, zorder=1)
        axes.plot(training, place, "o", color="white", mec=BETTER, ms=6)
        axes.plot(validation, place, "o", color=BETTER, ms=6)
        remark = f"gap {gap:+.1f}; {facts.parameters / 1e3:,.0f} k parameters"
        axes.annotate(remark, (1.01, place), xycoords=("axes fraction", "data"), va="center", fontsize=8, color=FAINT)
    _title(axes, "training (hollow) and validation error (filled)", "means over seeds; training error without dropout")
    axes.set_xlabel("per cent", fontsize=8.5, color=INK)
    return png(figure)


def _error(axes: Axes, found: Ablation, facts: VariantFacts, place: int) -> None:
    row = found.summaries.get((facts.name, VALIDATION))
    if row is None:
        axes.annotate(
            "no run has finished",
            (0.02, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8,
            color=WORSE,
        )
        return
    _marks(
        axes,
        found.values(facts.name, VALIDATION).values(),
        (row.interval.mean, row.interval.low, row.interval.high),
        place,
        INK,
    )


def _difference(axes: Axes, found: Ablation, facts: VariantFacts, place: int) -> None:
    row = found.summaries.get((facts.name, VALIDATION))
    if facts.against is None:
        axes.plot(0, place, "|", color=FAINT, ms=9)
        axes.annotate("base", (1.01, place), xycoords=("axes fraction", "data"), va="center", fontsize=8, color=FAINT)
    if row is None or row.difference is None:
        return
    apart = row.difference
    clear = apart.low is not None and apart.high is not None and (apart.low > 0 or apart.high < 0)
    colour = OTHERS if not clear else BETTER if apart.mean < 0 else WORSE
    _marks(axes, found.differences(facts, VALIDATION).values(), (apart.mean, apart.low, apart.high), place, colour)
    p = "" if row.p_holm is None else f"p {row.p_holm:.2g}" if row.p_holm >= 1e-4 else "p < 0.0001"
    axes.annotate(p, (1.01, place), xycoords=("axes fraction", "data"), va="center", fontsize=8, color=FAINT)


def _marks(
    axes: Axes, values: Iterable[float], ends: tuple[float, float | None, float | None], place: int, colour: str
) -> None:
    """Dots for single values, above them the mean in its interval; in per cent."""
    listed = [100 * value for value in values]
    axes.plot(listed, [place - 0.18] * len(listed), "o", color=FAINT, ms=3, alpha=0.6, mew=0)
    mean, low, high = ends
    if low is not None and high is not None:
        axes.plot([100 * low, 100 * high], [place + 0.1] * 2, color=colour, lw=2.2, solid_capstyle="butt")
    axes.plot(100 * mean, place + 0.1, "D", color=colour, ms=5)


def _within_errors(axes: Axes, found: Ablation) -> None:
    """Show where the runs are: the interval of two of them can be wider than all errors there are."""
    every = [100 * value for facts in found.variants for value in found.values(facts.name, VALIDATION).values()]
    if every:
        low, high = min(every), max(every)
        room = max(0.5, high - low)
        now = axes.get_xlim()
        axes.set_xlim(max(now[0], low - room, -1), min(now[1], high + room, 101))


def _height(found: Ablation) -> float:
    return max(2.2, ROW * len(found.variants) + 1.2)


def _rows(axes: Axes, found: Ablation) -> None:
    """A line for each variant, the first on top."""
    count = len(found.variants)
    axes.set_ylim(count - 0.5, -0.5)
    labels = axes.set_yticks(range(count), [short(facts.name, 42) for facts in found.variants])
    for label in labels:
        label.label1.set_parse_math(False)
    axes.tick_params(axis="y", labelsize=8.5, colors=INK, length=0)


def _title(axes: Axes, title: str, remark: str) -> None:
    write_heading(axes, title, remark)
    axes.tick_params(axis="x", labelsize=8, colors=INK, length=2.5)
    axes.grid(axis="y", color="#f0f0f0", lw=0.8)
    axes.set_axisbelow(True)
    for edge in ("top", "right", "left"):
        axes.spines[edge].set_visible(False)
