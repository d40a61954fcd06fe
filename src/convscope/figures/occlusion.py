"""Figure 7 of Zeiler & Fergus 2013 for one image: five panels on one picture, made from an occlusion map."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from convscope.display import Picture, blank, display_scale, fit, grid, shrink, to_picture, to_rgb
from convscope.figures.ink import COLOURS, FAINT, INK, LINE_COLOURS, OTHERS, PAPER, new_figure, png, short
from convscope.probes.occlusion.map import LayerResponse, OcclusionMap

TILE = 96
PANEL = 2.85
"""Width of a panel, in inches."""


@dataclass(frozen=True)
class Examples:
    """Other images for panel (c): tiles of one size, uint8 (side, side, 3), and where they come from in words."""

    tiles: tuple[Picture, ...]
    source: str


def figure_png(
    found: OcclusionMap, title: str = "", examples: Sequence[Examples | None] | None = None, place: int | None = None
) -> bytes:
    """The panels as a PNG: (a) image and occluder, (b) strongest map's sum, (c) projections, (d) target, (e) label.

    ``examples`` are for panel (c), one entry per layer of the map; more layers than one have rows of their own for
    (b) and (c). ``place`` is where the occluder is drawn, row by row; by default where the target drops most.
    """
    others = examples or [None] * len(found.layers)
    rows = max(len(found.layers), 1)
    figure = new_figure(5 * PANEL + 1.6, rows * (PANEL + 1.05) + 0.95)
    panels = figure.subplots(rows, 5, squeeze=False)
    figure.subplots_adjust(
        left=0.012,
        right=0.985,
        wspace=0.17,
        top=1 - 1.15 / figure.get_figheight(),
        bottom=0.85 / figure.get_figheight(),
    )
    for axes in panels.ravel():
        axes.set_axis_off()
    _heading(figure, found, title)
    row, column = found.peak if place is None else divmod(place, found.grid.shape[1])
    _image(panels[0, 0], found, row, column)
    for response, shown, line in zip(found.layers, others, panels, strict=True):
        _numbers(
            line[1],
            found,
            response.sums,
            response.unoccluded,
            "(b) strongest map, summed",
            f"{response.layer}:{response.unit}; {response.unoccluded:.4g} unoccluded",
        )
        _projections(line[2], response, shown)
    what = "class probability" if found.target.classes else "target"
    _numbers(
        panels[0, 3],
        found,
        found.target_grid,
        found.unoccluded,
        f"(d) {what}",
        f"{found.target.quantity}; {found.unoccluded:.4g} unoccluded",
    )
    _outline(panels[0, 3], found.peak_box)
    _labels(panels[0, 4], found)
    return png(figure)


def _heading(figure: Figure, found: OcclusionMap, title: str) -> None:
    height = figure.get_figheight()
    patch, stride = found.grid.mask.shape, _stride(found.rows)
    settings = (
        f"{patch[0]} x {patch[1]} occluder, fill {found.fill_name}, stride {stride}, {found.target_grid.size} places; "
        "each value is drawn at the occluder's centre; a triangle marks the unoccluded value"
    )
    figure.text(0.012, 1 - 0.3 / height, title, fontsize=13, color=INK, parse_math=False)
    figure.text(0.012, 1 - 0.52 / height, settings, fontsize=9, color=FAINT, parse_math=False)
    if found.error is not None:
        warning = (
            f"APPROXIMATE: {found.exact.mean():.0%} of places computed; error of the target elsewhere: {found.error}"
        )
        figure.text(0.012, 1 - 0.72 / height, warning, fontsize=9, color=INK, weight="bold")


def _stride(places: Sequence[int]) -> int:
    return places[1] - places[0] if len(places) > 1 else 0


def _title(axes: Axes, title: str, remark: str) -> None:
    axes.text(
        0, 1.075, short(title, 48), transform=axes.transAxes, fontsize=9.5, color=INK, weight="bold", parse_math=False
    )
    axes.text(0, 1.02, short(remark, 50), transform=axes.transAxes, fontsize=8.5, color=FAINT, parse_math=False)


def _canvas(axes: Axes, found: OcclusionMap) -> None:
    """Axes in pixels of the view, with a frame, so that all panels lie over each other."""
    height, width = found.grid.size
    axes.set_axis_on()
    axes.set(xlim=(0, width), ylim=(height, 0), xticks=[], yticks=[], facecolor=PAPER, aspect="equal")
    for edge in axes.spines.values():
        edge.set_color("#999999")


def _image(axes: Axes, found: OcclusionMap, row: int, column: int) -> None:
    _canvas(axes, found)
    height, width = found.grid.size
    picture = to_rgb(found.occluded(row, column))
    axes.imshow(picture, extent=(0, width, height, 0), interpolation="nearest")
    box = found.grid.box(row, column)
    _outline(axes, box)
    remark = f"at row {box[0]}, column {box[1]}"
    if (row, column) == found.peak:
        remark += ": largest drop in (d)"
    _title(axes, "(a) image and occluder", remark)


def _outline(axes: Axes, box: tuple[int, int, int, int]) -> None:
    top, left, bottom, right = box
    for colour, width in (("white", 2.6), ("black", 1.2)):
        axes.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=colour, lw=width))


def _edges(places: Sequence[int], patch: int) -> NDArray[np.float64]:
    """The borders of the cells around the occluders' centres."""
    centres = np.array(places) + patch / 2
    if len(centres) == 1:
        return np.array([places[0], places[0] + patch], np.float64)
    middles = (centres[1:] + centres[:-1]) / 2
    return np.concatenate(([2 * centres[0] - middles[0]], middles, [2 * centres[-1] - middles[-1]]))


def _mesh_edges(found: OcclusionMap) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    height, width = found.grid.mask.shape
    return _edges(found.columns, width), _edges(found.rows, height)


def _numbers(
    axes: Axes, found: OcclusionMap, values: NDArray[np.float32], unoccluded: float, title: str, remark: str
) -> None:
    """A grid of numbers in colour, with a bar on which the unoccluded value is marked."""
    _canvas(axes, found)
    low, high = min(float(values.min()), unoccluded), max(float(values.max()), unoccluded)
    scale = Normalize(low, high if high > low else low + 1e-6)
    axes.pcolormesh(*_mesh_edges(found), values, cmap=COLOURS, norm=scale)
    beside = axes.inset_axes((0, -0.085, 1, 0.045))
    bar = axes.figure.colorbar(ScalarMappable(scale, COLOURS), cax=beside, orientation="horizontal")
    bar.outline.set_visible(False)
    beside.xaxis.set_major_locator(MaxNLocator(5))
    beside.tick_params(labelsize=8, colors=INK, length=2.5)
    above = beside.get_xaxis_transform()
    beside.plot([unoccluded], [1.25], marker="v", color=INK, markersize=5, clip_on=False, transform=above)
    _title(axes, title, remark)


def _projections(axes: Axes, response: LayerResponse, examples: Examples | None) -> None:
    """The projection of this image in a black frame; with examples, as the first tile among them."""
    title = "(c) its projection"
    if response.method is not None:
        title += f" ({response.method.replace('_', ' ')})"
    axes.set_aspect("equal", anchor="C")
    if response.projection is None or response.method is None:
        _title(axes, title, "not possible: an op has no rule, see notes")
        return
    if examples is None:
        scale = display_scale([response.projection])
        _framed(axes, to_picture(response.projection, scale), (0, 0, 1, 1))
        _title(axes, title, "this image")
        return
    top, left, bottom, right = response.window
    window = shrink(response.projection[top:bottom, left:right], TILE)
    own = fit(to_picture(window, display_scale([window])), TILE)
    tiles = [own, *examples.tiles[:8]]
    sheet = grid([*tiles, *[blank(TILE)] * (9 - len(tiles))], columns=3, gap=6)
    side = TILE / sheet.shape[0]
    _framed(axes, sheet, (0, 0, side, side))
    _title(axes, title, f"framed: this image; {examples.source}")


def _framed(axes: Axes, picture: Picture, frame: tuple[float, float, float, float]) -> None:
    height, width = picture.shape[:2]
    axes.imshow(picture, extent=(0, width, height, 0), interpolation="nearest")
    axes.set(xlim=(0, width), ylim=(height, 0))
    left, top, right, bottom = frame[0] * width, frame[1] * height, frame[2] * width, frame[3] * height
    axes.add_patch(
        Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor="black", lw=2.5, clip_on=False)
    )


def _labels(axes: Axes, found: OcclusionMap) -> None:
    title = "(e) most probable label"
    if found.labels is None or found.outputs.predicted is None:
        axes.text(0.5, 0.5, "the network has no class output", transform=axes.transAxes, ha="center", color=FAINT)
        _title(axes, title, "")
        return
    _canvas(axes, found)
    counts = Counter(found.labels.index.ravel().tolist())
    first = found.outputs.predicted
    ranked = [first, *(label for label, _ in counts.most_common() if label != first)]
    named = ranked[: len(LINE_COLOURS)]
    numbers = np.full(found.grid.shape, len(named))
    for number, label in enumerate(named):
        numbers[found.labels.index == label] = number
    colours = [*LINE_COLOURS[: len(named)], OTHERS]
    norm = BoundaryNorm(np.arange(len(colours) + 1) - 0.5, len(colours))
    axes.pcolormesh(*_mesh_edges(found), numbers, cmap=ListedColormap(colours), norm=norm)
    total = found.labels.index.size
    entries = [
        (colours[n], f"{short(found.outputs.name(label), 26)}, {counts[label] / total:.0%}")
        for n, label in enumerate(named)
    ]
    if len(ranked) > len(named):
        rest = sum(counts[label] for label in ranked[len(named) :])
        entries.append((OTHERS, f"{len(ranked) - len(named)} others, {rest / total:.0%}"))
    legend = axes.legend(
        handles=[Patch(facecolor=colour, label=label) for colour, label in entries],
        loc="upper left",
        bbox_to_anchor=(-0.02, -0.02),
        fontsize=8,
        frameon=False,
        ncols=2,
        labelcolor=INK,
        handlelength=1,
        columnspacing=1,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    _title(axes, title, f"unoccluded: {found.outputs.name(first)}")
