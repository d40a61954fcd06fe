"""Every layer at once: where on the way from the pixels to the answer features stop changing with the image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from convscope.figures.ink import COLOURS, DOTS_PER_INCH, FAINT, INK, LINE_COLOURS, new_figure, png, short
from convscope.probes.invariance.result import Invariance
from convscope.probes.invariance.summary import unit_mean

LINE = 0.15
"""Inches for a layer."""
SHORTEST = 2.2
BLOCK = 5.6
"""Width of a transform's panels, in inches."""
NAMES = 1.9
"""Width of the column of layer addresses."""


def layers_png(found: Mapping[str, Mapping[str, Invariance]]) -> bytes:
    """A PNG: for each model (down) and transform (across) all layers by value, their scores, and their units.

    ``found`` is by transform and model. Layers go down from the input to the output.
    """
    models = list(next(iter(found.values())))
    tall = [max(SHORTEST, LINE * len(next(iter(found.values()))[model].layers)) for model in models]
    figure = new_figure(NAMES + BLOCK * len(found) + 0.9, sum(tall) + 1.15 * len(models) + 0.7)
    width, height = figure.get_size_inches()
    cells = figure.add_gridspec(
        len(models),
        len(found),
        height_ratios=tall,
        left=NAMES / width,
        right=1 - 0.9 / width,
        top=1 - 1.4 / height,
        bottom=0.5 / height,
        hspace=1.15 * len(models) / sum(tall),
        wspace=0.1,
    )
    largest = max(float(np.nanmax(_shade(each))) for by_model in found.values() for each in by_model.values())
    scale = Normalize(0, max(largest, 1e-6))
    one_image = any(each.unrelated is None for by_model in found.values() for each in by_model.values())
    for column, by_model in enumerate(found.values()):
        for row, (model, each) in enumerate(by_model.items()):
            _block(figure, cells[row, column], each, scale, model if column == 0 else None)
    _heading(figure, scale, one_image=one_image)
    return png(figure)


def _shade(found: Invariance) -> NDArray[np.float64]:
    """Mean normalised distance, (layers, values), in units of that between unrelated images where it is known."""
    if found.unrelated is None:
        return found.curve
    return found.curve / np.where(found.unrelated > 0, found.unrelated, 1)[:, None]


def _heading(figure: Figure, scale: Normalize, *, one_image: bool) -> None:
    width, height = figure.get_size_inches()
    meaning = "1 nothing in common" if one_image else "1 as far as another image"
    text = "Colour: distance to the features of the image as it is"
    scaling = f"0 the same, {meaning}; layers go down to the output"
    figure.text(0.15 / width, 1 - 0.27 / height, text, fontsize=10.5, color=INK)
    figure.text(0.15 / width, 1 - 0.46 / height, scaling, fontsize=9, color=FAINT)
    beside = figure.add_axes((1 - 0.72 / width, 0.5 / height, 0.14 / width, min(2.2, height - 2) / height))
    bar = figure.colorbar(ScalarMappable(scale, COLOURS), cax=beside)
    bar.outline.set_visible(False)
    beside.tick_params(labelsize=8, colors=INK, length=2.5)


def _block(figure: Figure, cell: SubplotSpec, found: Invariance, scale: Normalize, model: str | None) -> None:
    inner = cell.subgridspec(1, 3, width_ratios=(2.2, 1.1, 1.1), wspace=0.12)
    heat, scores, units = (figure.add_subplot(inner[0, column]) for column in range(3))
    _heat(heat, found, scale)
    _scores(scores, found)
    _units(units, found)
    lines = len(found.layers)
    for axes in (heat, scores, units):
        axes.set_ylim(lines - 0.5, -0.5)
        axes.set_yticks([])
        axes.tick_params(labelsize=7.5, colors=INK, length=2.5)
    if model is not None:
        _names(heat, found)
        above = 1 + 0.62 / _inches(heat)
        heat.text(
            0,
            above,
            short(model, 90),
            transform=heat.transAxes,
            fontsize=10,
            color=INK,
            weight="bold",
            parse_math=False,
        )


def _inches(axes: Axes) -> float:
    """Height of a panel."""
    return float(axes.get_window_extent().height) / DOTS_PER_INCH


def _names(axes: Axes, found: Invariance) -> None:
    """Layer addresses; where lines are too narrow for all, only some of them."""
    room = int(_inches(axes) / 0.11)
    step = -(-len(found.layers) // max(room, 1))
    places = range(0, len(found.layers), step)
    axes.set_yticks(list(places), [_name(found, place) for place in places], fontsize=7, parse_math=False)


def _name(found: Invariance, place: int) -> str:
    layer = found.layers[place]
    return short(layer.address, 34) if layer.height is not None else f"{short(layer.address, 25)} (vector)"


def _heat(axes: Axes, found: Invariance, scale: Normalize) -> None:
    lines = np.arange(len(found.layers) + 1) - 0.5
    axes.pcolormesh(_edges(found.values), lines, _shade(found), cmap=COLOURS, norm=scale)
    axes.set_xlabel(found.kind.axis, fontsize=8, color=INK, labelpad=2)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    _title(axes, found.transform, "")


def _edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The borders of the cells around values."""
    if len(values) == 1:
        return np.array([values[0] - 0.5, values[0] + 0.5])
    middles = (values[1:] + values[:-1]) / 2
    return np.concatenate(([2 * values[0] - middles[0]], middles, [2 * values[-1] - middles[-1]]))


def _scores(axes: Axes, found: Invariance) -> None:
    """The score of each layer with its interval, and where unrelated images are."""
    places = np.arange(len(found.layers))
    if found.unrelated is not None:
        axes.plot(found.unrelated, places, "|", color=FAINT, markersize=6, label="other images")
    if found.score_interval is not None:
        axes.hlines(places, *found.score_interval.T, color=LINE_COLOURS[0], lw=1)
    axes.plot(found.score_mean, places, ".", color=LINE_COLOURS[0], markersize=5, label="score")
    _finish(axes, "score", "| other images" if found.unrelated is not None else "")


def _units(axes: Axes, found: Invariance) -> None:
    """Means over the units at the followed values: compared as they are, and moved along."""
    for field, style, colour in (("still", ".", FAINT), ("moved", "x", LINE_COLOURS[1])):
        means = [unit_mean(getattr(change, field)) for change in found.units]
        axes.plot(_or_nan(means), np.arange(len(means)), style, color=colour, markersize=4.5)
    values = ", ".join(f"{value:g}" for value in found.followed)
    _finish(axes, "units: . still, x moved", f"at {short(values, 24)}" if values else "")


def _or_nan(values: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values])


def _finish(axes: Axes, title: str, remark: str) -> None:
    axes.set_xlim(left=0)
    axes.margins(x=0.08)
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.grid(axis="x", color="#e6e6e6", lw=0.6)
    axes.set_axisbelow(True)
    _title(axes, title, remark)


def _title(axes: Axes, title: str, remark: str) -> None:
    inch = 1 / _inches(axes)
    axes.text(0, 1 + 0.22 * inch, short(title, 30), transform=axes.transAxes, fontsize=8.5, color=INK, weight="bold")
    axes.text(0, 1 + 0.06 * inch, remark, transform=axes.transAxes, fontsize=7.5, color=FAINT)
