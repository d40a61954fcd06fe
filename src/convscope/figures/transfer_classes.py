"""Which classes are told apart: the confusion of all of them, and pictures of what is most often confused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from convscope.display import Picture, fit
from convscope.figures.ink import COLOURS, FAINT, INK, new_figure, png, short
from convscope.probes.transfer.confused import Pair
from convscope.probes.transfer.result import Transfer

NAMED = 40
"""Classes up to which their names fit."""
WRITTEN = 16
"""Classes up to which numbers fit into the cells."""
TILE = 96
EACH = 5


def confusion_png(found: Transfer) -> bytes:
    """Share of each class's test images (rows) that were taken for each class (columns), best layer, all folds."""
    layer, classifier = found.best
    table = found.confusion(layer, classifier, found.per_class[-1])
    shares = table / np.maximum(table.sum(1, keepdims=True), 1)
    count = len(found.classes)
    side = min(11.0, max(4.6, 0.36 * count + 2.4))
    figure = new_figure(side + 0.8, side)
    axes = figure.subplots()
    image = axes.imshow(100 * shares, cmap=COLOURS, vmin=0, vmax=100)
    if count <= NAMED:
        names = [short(name, 22) for name in found.classes]
        ticks = [*axes.set_xticks(range(count), names, rotation=60, ha="right", rotation_mode="anchor")]
        for tick in [*ticks, *axes.set_yticks(range(count), names)]:
            tick.label1.set_parse_math(False)
    if count <= WRITTEN:
        _write(figure, shares)
    axes.set_xlabel("taken for", fontsize=9, color=INK)
    axes.set_ylabel("shows", fontsize=9, color=INK)
    axes.tick_params(labelsize=8, colors=INK, length=2)
    axes.set_title(f"{short(layer, 30)}, {classifier}: per cent of each class", fontsize=9.5, color=INK, loc="left")
    figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02).ax.tick_params(labelsize=8)
    figure.tight_layout()
    return png(figure)


def _write(figure: Figure, shares: NDArray[np.float64]) -> None:
    axes = figure.axes[0]
    for (row, place), share in np.ndenumerate(shares):
        if share > 0:
            shade = "white" if share < 0.5 else INK
            axes.text(place, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=7.5, color=shade)


def confused_png(pairs: Sequence[Pair], pictures: Mapping[int, Picture]) -> bytes | None:
    """For each pair of classes images of the first that were taken for the second, surest mistakes first."""
    if not pairs:
        return None
    columns = EACH + 2
    width, row = columns * 0.95 + 2.2, 1.12
    figure = new_figure(width, row * len(pairs) + 0.55)
    grid = figure.subplots(len(pairs), columns, squeeze=False)
    top = 1 - 0.5 / (row * len(pairs) + 0.55)
    figure.subplots_adjust(left=2.2 / width, right=0.99, top=top, bottom=0.01, wspace=0.06, hspace=0.12)
    for axes in grid.ravel():
        axes.set_axis_off()
    for line, pair in zip(grid, pairs, strict=True):
        _words(line[0], pair)
        shown = list(zip(line[:EACH], pair.mistaken, strict=False)) + list(zip(line[EACH:], pair.other, strict=False))
        for axes, index in shown:
            axes.imshow(fit(pictures[index], TILE))
    for place, text in ((0, "taken for the second, surest first"), (EACH, "the second class")):
        grid[0][place].annotate(
            text, (0, 1), (0, 6), xycoords="axes fraction", textcoords="offset points", fontsize=8.5, color=FAINT
        )
    return png(figure)


def _words(axes: Axes, pair: Pair) -> None:
    lines = f"{short(pair.first, 24)}\nfor {short(pair.second, 24)}\n{pair.count} of {pair.of} ({pair.share:.1%})"
    axes.annotate(
        lines,
        (0, 0.5),
        (-150, 0),
        xycoords="axes fraction",
        textcoords="offset points",
        va="center",
        fontsize=8.5,
        color=INK,
        parse_math=False,
    )
