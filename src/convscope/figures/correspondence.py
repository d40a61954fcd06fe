"""Figure 8 and table 1 of Zeiler & Fergus 2013: what was covered, and how consistent the answers were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from convscope.display import to_rgb
from convscope.figures.ink import FAINT, INK, LINE_COLOURS, OTHERS, PAPER, new_figure, png, short
from convscope.probes.correspondence.result import Consistency, Correspondence, Example

SIDE, PITCH = 1.15, 1.23
"""Of a picture in figure 8, and from one to the next, in inches."""
NAMES, HEADING = 1.2, 0.62
"""Space for the images' names and for the titles."""
MOST_PARTS = 6
PANEL, LINE, MARGIN = 4.6, 0.36, 1.5
"""Width of a layer's panel, height of a part's line and space for their names in table 1, in inches."""
SIGNIFICANT = 0.05
GOLDEN = 0.618034
"""Multiples of it are spread evenly over 0 to 1, modulo 1."""

Cover = tuple[int, int, int, int]
Shown = NDArray[np.uint8]


def figure_png(found: Correspondence) -> bytes:
    """Figure 8 as a PNG: for each image the original, each part covered, and one random region of the first's size."""
    parts = found.parts[:MOST_PARTS]
    width, height = NAMES + (len(parts) + 2) * PITCH + 0.1, HEADING + len(found.examples) * PITCH + 0.1
    figure = new_figure(width, height)
    for row, example in enumerate(found.examples):
        up = height - HEADING - row * PITCH
        for column, (title, view, cover) in enumerate(_shown(example, parts)):
            place = (NAMES + column * PITCH, up - SIDE, SIDE, SIDE)
            axes = figure.add_axes((place[0] / width, place[1] / height, place[2] / width, place[3] / height))
            _picture(axes, view, cover)
            if row == 0:
                words: dict[str, Any] = {"ha": "center", "fontsize": 8.5, "color": INK, "weight": "bold"}
                across = (place[0] + SIDE / 2) / width
                figure.text(across, (up + 0.07) / height, short(title, 13), parse_math=False, **words)
        name = short(example.image.rsplit("/", 1)[-1], 15)
        middle = (up - SIDE / 2) / height
        figure.text(0.08 / width, middle, name, fontsize=8, color=FAINT, va="center", parse_math=False)
    figure.text(0.08 / width, 1 - 0.24 / height, _caption(found), fontsize=8.5, color=FAINT, parse_math=False)
    return png(figure)


def _shown(example: Example, parts: Sequence[str]) -> Iterator[tuple[str, Shown | None, Cover | None]]:
    """The pictures of one line: title, what is shown (None: not marked) and what is covered there."""
    yield "original", example.view, None
    for part in parts:
        cover = example.covers.get(part)
        yield part, None if cover is None else _covered(example, cover), cover
    yield "random", _covered(example, example.random), example.random


def _caption(found: Correspondence) -> str:
    shown = f"{len(found.examples)} of {len({index for row in found.rows for index in row.images})} images"
    parts = f", {MOST_PARTS} of {len(found.parts)} parts" if len(found.parts) > MOST_PARTS else ""
    return f"What was covered, fill {found.settings.fill}: {shown}{parts}"


def _covered(example: Example, cover: Cover) -> Shown:
    top, left, bottom, right = cover
    shown = example.view.copy()
    shown[top:bottom, left:right] = example.fill[top:bottom, left:right]
    return shown


def _picture(axes: Axes, view: Shown | None, cover: Cover | None) -> None:
    axes.set(xticks=[], yticks=[], facecolor=PAPER)
    for edge in axes.spines.values():
        edge.set_color("#999999")
    if view is None:
        axes.text(0.5, 0.5, "not marked", transform=axes.transAxes, ha="center", va="center", fontsize=8, color=FAINT)
        return
    height, width = view.shape[:2]
    axes.imshow(to_rgb(view), extent=(0, width, height, 0), interpolation="nearest")
    if cover is not None:
        top, left, bottom, right = cover
        axes.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor="white", lw=0.8))


def table_png(found: Correspondence) -> bytes:
    """Table 1 as a PNG: a panel for each layer, a line for each part: Delta with its interval over the random draws."""
    lines = len(found.parts)
    width, height = MARGIN + len(found.layers) * PANEL, 1.55 + lines * LINE
    figure = new_figure(width, height)
    for number, (layer, dimensions) in enumerate(found.layers):
        left, across = MARGIN + number * PANEL, PANEL - 1.75
        axes = figure.add_axes((left / width, 0.75 / height, across / width, lines * LINE / height))
        title = f"{short(layer, 32)}, {dimensions} dimensions"
        axes.set_title(title, loc="left", fontsize=9, color=INK, weight="bold", parse_math=False)
        labels = [short(part, 16) for part in found.parts] if number == 0 else [""] * lines
        axes.set_yticks(range(lines), labels, parse_math=False)
        _panel(axes, [row for row in found.rows if row.layer == layer], found.settings.spread)
    figure.text(0.1 / width, 1 - 0.28 / height, _heading(found), fontsize=10, color=INK, parse_math=False)
    _key(figure)
    return png(figure)


def _heading(found: Correspondence) -> str:
    chosen = found.settings
    return (
        f"Δ, mean distance of sign(ε) between images: lower is more consistent. Zeros: {chosen.zero}; "
        f"random regions: {chosen.where}"
    )


def _panel(axes: Axes, rows: list[Consistency], spread: str) -> None:
    axes.set(ylim=(len(rows) - 0.5, -0.5))
    axes.tick_params(labelsize=9, colors=INK, length=2.5)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_axisbelow(True)
    axes.grid(axis="x", color=PAPER)
    for edge in ("top", "right", "left"):
        axes.spines[edge].set_visible(False)
    axes.tick_params(axis="y", length=0)
    for line, row in enumerate(rows):
        draws = row.random_deltas
        # Draws would hide each other on one height; which is which does not matter.
        heights = line + np.linspace(-0.26, 0.26, len(draws))[np.argsort(np.arange(len(draws)) * GOLDEN % 1)]
        axes.plot(draws, heights, "o", markersize=2.2, color=OTHERS, zorder=1)
        axes.plot([row.random_delta] * 2, [line - 0.34, line + 0.34], color=FAINT, lw=1.2, zorder=2)
        if row.interval is not None:
            axes.plot(row.interval, [line, line], color=LINE_COLOURS[0], lw=2, solid_capstyle="butt", zorder=3)
        face = LINE_COLOURS[0] if row.p < SIGNIFICANT else "white"
        axes.plot([row.delta], [line], "o", markersize=6, mfc=face, mec=LINE_COLOURS[0], mew=1.4, zorder=4)
        axes.text(1.03, line, _numbers(row, spread), transform=axes.get_yaxis_transform(), fontsize=8, va="center")


def _numbers(row: Consistency, spread: str) -> str:
    of = row.spread(spread)
    more = "" if of is None else f" ± {of:.3f}"
    return f"{row.delta:.3f}{more}  p {row.p:.2g}"


def _key(figure: Figure) -> None:
    filled: dict[str, Any] = {"marker": "o", "ls": "", "markersize": 6, "mec": LINE_COLOURS[0]}
    entries = [
        Line2D([], [], mfc=LINE_COLOURS[0], label=f"part, p below {SIGNIFICANT:g}", **filled),
        Line2D([], [], mfc="white", label="part, p above", **filled),
        Line2D([], [], color=LINE_COLOURS[0], lw=2, label="95% interval over images"),
        Line2D([], [], marker="o", ls="", markersize=2.5, color=OTHERS, label="a random draw"),
        Line2D([], [], marker="|", ls="", markersize=9, color=FAINT, label="their mean"),
    ]
    figure.legend(
        handles=entries, loc="lower left", ncols=5, fontsize=8, frameon=False, labelcolor=INK, handlelength=1.2
    )
