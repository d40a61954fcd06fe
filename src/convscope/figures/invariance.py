"""Figure 5 of Zeiler & Fergus 2013: a row for each transform, from the images to the network's answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from convscope.display import Picture, fit, grid, to_rgb
from convscope.figures.ink import FAINT, INK, LINE_COLOURS, new_figure, png, short, write_heading
from convscope.probes.invariance.result import Invariance

TILE, GAP = 72, 3
ROW, PANEL = 2.55, 2.75
"""Height of a row and width of a panel, in inches."""
BAND = (0.1, 0.9)
"""Quantiles over images between which the grey band lies."""
_MANY = 5
"""With more images than this the band is drawn: single lines are then a few of many."""

ByModel = Mapping[str, Invariance]


@dataclass(frozen=True)
class Examples:
    """How some images look at some values: their places in the result, uint8 (values, height, width, channels) each."""

    values: tuple[float, ...]
    images: tuple[int, ...]
    pictures: tuple[NDArray[np.uint8], ...]


def figure_png(found: Mapping[str, ByModel], examples: Sequence[Examples]) -> bytes:
    """A PNG with a row for each transform; ``found`` is by transform and model.

    Panels: examples, distance at the first layer, at the last before the answer, probability. For one model a thin
    line for each example, in the colour of its frame, and the mean over all images; for several their means.
    """
    rows = len(found)
    figure = new_figure(4 * PANEL + 2.3, rows * (ROW + 0.85) + 0.95)
    panels = figure.subplots(rows, 4, squeeze=False, gridspec_kw={"width_ratios": (1.12, 1, 1, 1)})
    height = figure.get_figheight()
    figure.subplots_adjust(
        left=0.012, right=0.985, top=1 - 1.2 / height, bottom=0.6 / height, wspace=0.27, hspace=0.85 / ROW
    )
    _heading(figure, found)
    for line, by_model, shown in zip(panels, found.values(), examples, strict=True):
        lines = shown.images if len(by_model) == 1 else ()
        _pictures(line[0], next(iter(by_model.values())), shown, framed=bool(lines))
        _distances(line[1], by_model, 0, lines)
        _distances(line[2], by_model, 1, lines)
        _probabilities(line[3], by_model, lines)
    return png(figure)


def _heading(figure: Figure, found: Mapping[str, ByModel]) -> None:
    height = figure.get_figheight()
    by_model = next(iter(found.values()))
    first = next(iter(by_model.values()))
    count = len(first.images)
    title = f"{', '.join(by_model)}: features of transformed images, {count} image{'s' if count > 1 else ''}"
    legend = "bold: mean over all images; thin: the framed examples"
    if count > _MANY:
        legend += "; grey: the middle 80% of the images"
    if len(by_model) > 1:
        legend = "means over all images"
    settings = f"border {first.border}, {first.interpolation}; {legend}"
    figure.text(0.012, 1 - 0.3 / height, short(title, 150), fontsize=13, color=INK, parse_math=False)
    figure.text(0.012, 1 - 0.52 / height, settings, fontsize=9, color=FAINT, parse_math=False)


def _pictures(axes: Axes, found: Invariance, shown: Examples, *, framed: bool) -> None:
    """The examples, an image to a row, each in a frame of its line's colour."""
    axes.set_axis_off()
    rows = []
    for number, pictures in enumerate(shown.pictures):
        tiles = [_framed(_tile(picture), LINE_COLOURS[number] if framed else "#ffffff") for picture in pictures]
        rows.append(grid(tiles, columns=len(tiles), gap=GAP))
    sheet = grid(rows, columns=1, gap=GAP)
    axes.imshow(sheet, interpolation="nearest")
    axes.set_anchor("NW")
    step = rows[0].shape[1] / len(shown.values)
    for place, value in enumerate(shown.values):
        axes.text((place + 0.5) * step, -8, f"{value:g}", ha="center", va="bottom", fontsize=8, color=INK)
    write_heading(axes, short(found.transform, 40), above=24)


def _tile(picture: NDArray[np.uint8]) -> Picture:
    return fit(to_rgb(picture), TILE)


def _framed(tile: Picture, colour: str) -> Picture:
    frame = np.full((TILE + 6, TILE + 6, 3), [int(colour[i : i + 2], 16) for i in (1, 3, 5)], np.uint8)
    frame[3:-3, 3:-3] = tile
    return frame


def _distances(axes: Axes, by_model: ByModel, which: int, lines: Sequence[int]) -> None:
    """Euclidean distance at one of the two shown layers; of several models one that compares them."""
    several = len(by_model) > 1
    against = all(found.unrelated is not None for found in by_model.values())
    curves = {}
    for name, found in by_model.items():
        place = found.shown[which]
        label = f"{name}, {found.layers[place].address}"
        curves[label] = (found.normalised if several else found.distance)[:, place]
        if several and against and found.unrelated is not None:
            curves[label] = curves[label] / np.float32(found.unrelated[place] or 1)
    found = next(iter(by_model.values()))
    _curves(axes, found, curves, lines)
    axes.set_ylim(bottom=0)
    layer = found.layers[found.shown[which]]
    shape = f"{layer.units} values" if layer.height is None else f"{layer.units} x {layer.height} x {layer.width}"
    where = ("first layer", "last layer")[which]
    write_heading(
        axes,
        f"distance, {where}" if several else short(f"distance, {layer.address}", 40),
        f"0 the same, 1 {'as far as another image' if against else 'nothing in common'}"
        if several
        else f"{where}: {shape}",
    )


def _probabilities(axes: Axes, by_model: ByModel, lines: Sequence[int]) -> None:
    curves = {name: found.answer.probability for name, found in by_model.items() if found.answer is not None}
    first = next(iter(by_model.values()))
    watched = next((found.answer.watched for found in by_model.values() if found.answer is not None), "")
    write_heading(axes, "probability of the class", short(f"watched: {watched}", 44) if watched else "")
    if not curves:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no class output", transform=axes.transAxes, ha="center", color=FAINT)
        return
    _curves(axes, first, curves, lines)
    axes.set_ylim(0, 1.02)


def _curves(axes: Axes, found: Invariance, curves: Mapping[str, NDArray[np.float32]], lines: Sequence[int]) -> None:
    """Curves (images, values) by name: the mean of each, and for one model single images and a band."""
    marker = "." if len(found.values) < 4 else ""
    for number, (name, values) in enumerate(curves.items()):
        mean = values.mean(0, dtype=np.float64)
        if len(curves) > 1:
            axes.plot(
                found.values, mean, color=LINE_COLOURS[number % len(LINE_COLOURS)], lw=2, marker=marker, label=name
            )
            continue
        if len(values) > _MANY:
            low, high = np.quantile(values, BAND, axis=0)
            axes.fill_between(found.values, low, high, color="#e4e4e4", lw=0)
        for colour, image in zip(LINE_COLOURS, lines, strict=False):
            axes.plot(found.values, values[image], color=colour, lw=0.9, marker=marker)
        axes.plot(found.values, mean, color="black", lw=2.4, marker=marker)
    _ticks(axes, found)
    if len(curves) > 1:
        legend = axes.legend(fontsize=7, frameon=False, labelcolor=INK)
        for text in legend.get_texts():
            text.set_parse_math(False)
            text.set_text(short(text.get_text(), 40))


def _ticks(axes: Axes, found: Invariance) -> None:
    axes.set_xlabel(found.kind.axis, fontsize=8.5, color=INK, labelpad=2)
    axes.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.tick_params(labelsize=8, colors=INK, length=2.5)
    axes.margins(x=0.01)
    axes.axvline(found.kind.identity, color="#cccccc", lw=0.8, zorder=0)
    for edge in ("top", "right"):
        axes.spines[edge].set_visible(False)
