"""Convergence in numbers: similarity to the end by layer, where each layer settles, and how often winners jump."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from convscope.figures.ink import COLOURS, FAINT, INK, new_figure, png, short
from convscope.probes.evolution.labels import headings
from convscope.probes.evolution.likeness import SETTLED, Curve
from convscope.probes.evolution.result import Evolution

_FEW = 6
"""Layers up to which the quartiles are drawn as well."""
_TICKS = 12


def curves_png(found: Evolution, title: str = "") -> bytes:
    """Four panels as a PNG: rankings and projections against the end, settling by layer, jumps by checkpoint."""
    tall = max(2.6, 0.2 * len(found.layers))
    height = 4.9 + tall
    figure = new_figure(12.2, height)
    figure.text(0.03, 1 - 0.32 / height, title, fontsize=13, color=INK, parse_math=False)
    bands = " with quartiles" if len(found.layers) <= _FEW else ""
    lines = (
        f"Median over units by layer{bands}, colours as in (c); 0 is as alike as different units are, 1 the last "
        f"checkpoint. Rings: from here on at {SETTLED:g} or above: settled.",
        f"By rankings: {found.ranking_order.sentence}.",
        f"By projections: {found.projection_order.sentence}.",
    )
    for number, line in enumerate(lines):
        figure.text(0.03, 1 - (0.56 + 0.18 * number) / height, line, fontsize=9, color=FAINT)
    upper, lower = (height - 3.7) / height, 0.55 / height
    panels = [
        figure.add_axes((left, low, wide, high / height))
        for low, high in ((upper, 2.3), (lower, tall))
        for left, wide in ((0.06, 0.405), (0.56, 0.405))
    ]
    ranking = [layer.ranking for layer in found.layers]
    projection = [layer.projection for layer in found.layers]
    _curves(panels[0], found, ranking, "(a) ranking of images", f"rank correlation over {found.sampled} images")
    _curves(panels[1], found, projection, "(b) projections", f"cosine, at the {found.probed} checkpoint's winner")
    _settling(panels[2], found, ranking, projection)
    _jumps(panels[3], found)
    return png(figure)


def _colour(found: Evolution, depth: int) -> tuple[float, ...]:
    colour: tuple[float, ...] = matplotlib.colormaps[COLOURS](0.9 * depth / max(len(found.layers) - 1, 1))
    return colour


def _curves(axes: Axes, found: Evolution, curves: Sequence[Curve], title: str, remark: str) -> None:
    steps = np.arange(len(found.labels))
    for depth, curve in enumerate(curves):
        colour = _colour(found, depth)
        median = curve.beyond(curve.median)
        axes.plot(steps, median, color=colour, lw=1.5, marker="o", ms=2.5)
        if len(curves) <= _FEW:
            axes.fill_between(steps, curve.beyond(curve.low), curve.beyond(curve.high), color=colour, alpha=0.12, lw=0)
        if curve.settled is not None:
            at = np.interp(curve.settled, found.positions, steps)
            axes.plot([at], [np.interp(at, steps, median)], "o", mfc="white", mec=colour, mew=1.4, ms=6)
    axes.axhline(SETTLED, color=FAINT, lw=0.8, ls=":")
    lowest = [float(value) for curve in curves for value in curve.beyond(curve.median) if not np.isnan(value)]
    axes.set_ylim(max(min([0.0, *lowest]) - 0.08, -1), 1.05)
    _finish(axes, found, title, remark)


def _settling(axes: Axes, found: Evolution, ranking: Sequence[Curve], projection: Sequence[Curve]) -> None:
    """Layers go down to the output; the dot before each name is its colour in the other panels."""
    depths = np.arange(len(found.layers))
    steps = np.arange(len(found.labels))
    for curves, style, shift in ((ranking, "o", -0.12), (projection, "s", 0.12)):
        for depth, curve in enumerate(curves):
            if curve.settled is not None:
                at = float(np.interp(curve.settled, found.positions, steps))
                colour = _colour(found, depth)
                late = at > len(steps) - 2
                axes.plot([at], [depth + shift], style, mfc="white" if late else colour, mec=colour, ms=6, mew=1.3)
    room = max(len(depths) // 40 + 1, 1)
    axes.set_yticks(depths[::room], [short(layer.address, 16) for layer in found.layers[::room]], parse_math=False)
    axes.set_ylim(len(depths) - 0.5, -0.5)
    axes.grid(axis="both", color="#e6e6e6", lw=0.6)
    _finish(axes, found, "(c) settling", "dots ranking, squares projection; hollow: not before the end")


def _jumps(axes: Axes, found: Evolution) -> None:
    steps = np.arange(len(found.labels))
    for depth, layer in enumerate(found.layers):
        axes.plot(steps, 100 * layer.jumps, color=_colour(found, depth), lw=1.5, marker="o", ms=2.5)
    axes.set_ylim(-4, 104)
    _finish(axes, found, "(d) jumps", "units whose winner is another image than at the checkpoint before, %")


def _finish(axes: Axes, found: Evolution, title: str, remark: str) -> None:
    word, names = headings(found.labels)
    axes.set_xlim(-0.04 * len(names), len(names) - 1 + 0.04 * len(names))
    every = -(-len(names) // _TICKS)
    ticks = range(0, len(names), every)
    axes.set_xticks(list(ticks), [short(names[tick], 12) for tick in ticks], parse_math=False)
    axes.set_xlabel(word or "checkpoint", fontsize=8.5, color=INK, labelpad=2)
    axes.tick_params(labelsize=8, colors=INK, length=2.5)
    axes.set_axisbelow(True)
    for edge in ("top", "right"):
        axes.spines[edge].set_visible(False)
    axes.set_title(title, loc="left", fontsize=10, color=INK, weight="bold", pad=5)
    axes.set_title(remark, loc="right", fontsize=8, color=FAINT, pad=5)
