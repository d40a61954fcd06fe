"""How sure an overlap search is, as a figure: precision and recall at every threshold, and recall for each change."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from convscope.figures.ink import FAINT, INK, LINE_COLOURS, new_figure, png
from convscope.probes.overlap.quality import Quality
from convscope.probes.overlap.result import number

_LOWEST = 0.7
"""The left end of the curves."""


def quality_png(measured: Quality, threshold: float) -> bytes:
    """Curves on the left, a bar for each change on the right, as a PNG."""
    figure = new_figure(11.5, 4.6)
    figure.text(0.03, 0.945, "Changed copies of the set's own images, searched among all of it", fontsize=13, color=INK)
    figure.text(
        0.03,
        0.895,
        f"{number(measured.photographs, 'image')} with {len(measured.kinds)} changes each, among {measured.among}; "
        "finding any other image counts as wrong",
        fontsize=9,
        color=FAINT,
    )
    _curves(figure.add_axes((0.065, 0.12, 0.36, 0.68)), measured, threshold)
    _bars(figure.add_axes((0.72, 0.12, 0.22, 0.68)), measured, threshold)
    return png(figure)


def _curves(axes: Axes, measured: Quality, threshold: float) -> None:
    steps = np.linspace(_LOWEST, 1, 301)
    precision = [value if (value := measured.precision(step)) is not None else np.nan for step in steps]
    at = measured.precision(threshold)
    axes.plot(steps, precision, color=LINE_COLOURS[0], label=f"precision, {_percent(at)} at {threshold:g}")
    recall = f"recall, {_percent(measured.recall(threshold))} at {threshold:g}"
    axes.plot(steps, [measured.recall(step) for step in steps], color=LINE_COLOURS[1], label=recall)
    axes.axvline(threshold, color=FAINT, lw=1, ls=":")
    axes.set(xlim=(_LOWEST, 1), ylim=(0, 1.03))
    axes.set_xlabel("threshold (dotted: the one used)", fontsize=9, color=INK)
    axes.legend(fontsize=9, frameon=False, loc="lower left", labelcolor=INK)
    _plain(axes)


def _bars(axes: Axes, measured: Quality, threshold: float) -> None:
    places = range(len(measured.kinds))
    recall = [measured.recall(threshold, kind) for kind in places]
    axes.barh(places, recall, color=LINE_COLOURS[1], height=0.6)
    for place, value in zip(places, recall, strict=True):
        axes.text(value + 0.02, place, _percent(value), va="center", fontsize=8, color=INK)
    axes.set_yticks(places, measured.kinds)
    axes.set(xlim=(0, 1), ylim=(len(places) - 0.5, -0.5))
    axes.set_xlabel(f"recall at {threshold:g}", fontsize=9, color=INK)
    _plain(axes)


def _plain(axes: Axes) -> None:
    axes.tick_params(labelsize=8, colors=INK, length=2.5)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _percent(value: float | None) -> str:
    return "none found" if value is None else f"{value:.1%}"
