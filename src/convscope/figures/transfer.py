"""Figure 9 and table 7 of the paper: accuracy against training images, and against layers."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from convscope.figures.ink import FAINT, INK, LINE_COLOURS, OTHERS, new_figure, png, short, write_heading
from convscope.probes.transfer.metrics import TITLES
from convscope.probes.transfer.protocol import Published
from convscope.probes.transfer.result import SCRATCH, Transfer

ALL = 0
"""Training images per class where all that there are were used."""
ROW = 0.4
"""Inches."""


def curve_png(found: Transfer) -> bytes | None:
    """The value against the number of training images per class; None where there is a single number.

    Every layer by the classifier that is best at the end, in grey but for the best layer, the input, and from scratch;
    whiskers are 95% intervals over the folds. Numbers of others are crosses.
    """
    counts = [count for count in found.per_class if count != ALL]
    if len(counts) < 2:
        return None
    figure = new_figure(7.6, 5.2)
    axes = figure.subplots()
    figure.subplots_adjust(left=0.09, right=0.72, top=0.87, bottom=0.11)
    best, classifier = found.best
    plain = [layer for layer in found.layers if layer not in (best, "input", SCRATCH)]
    for layer in plain:
        _line(axes, found, layer, classifier, OTHERS, 1.1)
    shown = [(best, LINE_COLOURS[0]), ("input", LINE_COLOURS[5]), (SCRATCH, LINE_COLOURS[1])]
    for layer, colour in shown:
        if layer in found.layers:
            _line(axes, found, layer, None if layer == SCRATCH else classifier, colour, 2.2, whiskers=True)
    _published(axes, [each for each in found.protocol.published if not each.layer and each.per_class in counts])
    _names(axes, found, classifier, counts[-1])
    axes.set_xscale("log")
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.minorticks_off()
    axes.set_xlabel("training images per class", fontsize=9, color=INK)
    whole = "; orange: whole networks" if SCRATCH in found.layers else ""
    remark = f"{classifier} on kept features; grey: other layers{whole}; bars: 95% intervals over folds"
    _dress(axes, found, remark)
    return png(figure)


def _line(
    axes: Axes,
    found: Transfer,
    layer: str,
    classifier: str | None,
    colour: str,
    width: float,
    *,
    whiskers: bool = False,
) -> None:
    rows = [(count, found.summary(layer, classifier, count)) for count in found.per_class if count != ALL]
    known = [(count, row.interval) for count, row in rows if row is not None]
    axes.plot(
        [count for count, _ in known], [100 * each.mean for _, each in known], "-o", ms=3.5, lw=width, color=colour
    )
    for count, each in known if whiskers else []:
        if each.low is not None and each.high is not None:
            axes.plot([count, count], [100 * each.low, 100 * each.high], color=colour, lw=1.2, alpha=0.6)


def _names(axes: Axes, found: Transfer, classifier: str, count: int) -> None:
    """At the right, by value, pushed apart where they would touch."""
    best = found.best[0]
    colours = {best: LINE_COLOURS[0], "input": LINE_COLOURS[5], SCRATCH: LINE_COLOURS[1]}
    ends = []
    for layer in found.layers:
        row = found.summary(layer, None if layer == SCRATCH else classifier, count)
        if row is not None:
            ends.append((100 * row.interval.mean, layer))
    low, high = axes.get_ylim()
    room = (high - low) * 0.042
    height = float("inf")
    for value, layer in sorted(ends, reverse=True):
        height = min(value, height - room)
        axes.annotate(
            f"{short(layer, 26)}  {value:.1f}",
            (1.02, height),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8,
            color=colours.get(layer, FAINT),
            annotation_clip=False,
            parse_math=False,
        )


def _published(axes: Axes, others: Sequence[Published]) -> None:
    for number, who in enumerate(dict.fromkeys(each.who for each in others)):
        own = [each for each in others if each.who == who]
        axes.plot(
            [each.per_class for each in own],
            [each.value for each in own],
            ("x", "+", "1", "2")[number % 4],
            color=INK,
            ms=7,
            ls="",
            label=who,
        )
    if others:
        legend = axes.legend(fontsize=7.5, frameon=False, loc="lower right")
        for text in legend.get_texts():
            text.set_parse_math(False)


def layers_png(found: Transfer) -> bytes:
    """For each layer the value of every classifier at the largest number of training images; dots are folds."""
    most = found.per_class[-1]
    layers = list(found.layers)
    high = ROW * len(layers) + 1.5
    figure = new_figure(8.2, high)
    axes = figure.subplots()
    figure.subplots_adjust(left=0.3, right=0.86, top=1 - 0.62 / high, bottom=0.72 / high)
    for number, classifier in enumerate(found.classifiers):
        for place, layer in enumerate(layers):
            if layer != SCRATCH:
                _fold_dots(
                    axes, found, layer, classifier, most, place + _offset(number, len(found.classifiers)), number
                )
    for place, layer in enumerate(layers):
        if layer == SCRATCH:
            _fold_dots(axes, found, layer, None, most, place, len(found.classifiers))
    labels = axes.set_yticks(range(len(layers)), [short(layer, 34) for layer in layers])
    for label in labels:
        label.label1.set_parse_math(False)
    axes.set_ylim(len(layers) - 0.5, -0.5)
    axes.grid(axis="y", color="#f0f0f0", lw=0.8)
    axes.set_axisbelow(True)
    named = [*found.classifiers, *([SCRATCH] if SCRATCH in found.layers else [])]
    handles = [
        axes.plot([], [], "o", color=LINE_COLOURS[number], ms=5, label=name)[0] for number, name in enumerate(named)
    ]
    figure.legend(handles=handles, fontsize=8, frameon=False, loc="lower left", ncols=len(handles))
    axes.set_xlabel("per cent", fontsize=9, color=INK)
    count = "all training images" if most == ALL else f"{most} training images per class"
    _dress(axes, found, f"{count}; dots are folds, bars 95% intervals")
    return png(figure)


def _offset(number: int, count: int) -> float:
    return 0.0 if count == 1 else (number - (count - 1) / 2) * 0.28


def _fold_dots(
    axes: Axes, found: Transfer, layer: str, classifier: str | None, count: int, place: float, colour: int
) -> None:
    row = found.summary(layer, classifier, count)
    if row is None:
        return
    shade = LINE_COLOURS[colour % len(LINE_COLOURS)]
    values = [100 * cell.value for cell in found.of(layer, classifier, count)]
    axes.plot(values, [place] * len(values), "o", color=shade, ms=2.6, alpha=0.45, mew=0)
    if row.interval.low is not None and row.interval.high is not None:
        axes.plot([100 * row.interval.low, 100 * row.interval.high], [place, place], color=shade, lw=1.4, alpha=0.7)
    axes.plot(100 * row.interval.mean, place, "o", color=shade, ms=5)
    spread = "" if row.deviation is None else f" ± {100 * row.deviation:.1f}"
    axes.annotate(
        f"{100 * row.interval.mean:.1f}{spread}",
        (1.01, place),
        xycoords=("axes fraction", "data"),
        va="center",
        fontsize=7,
        color=shade,
    )


def _dress(axes: Axes, found: Transfer, remark: str) -> None:
    title = f"{TITLES[found.protocol.metric]} on {short(found.data, 40)}, per cent"
    write_heading(axes, title, remark)
    axes.tick_params(labelsize=8, colors=INK, length=2.5)
    for edge in ("top", "right"):
        axes.spines[edge].set_visible(False)
