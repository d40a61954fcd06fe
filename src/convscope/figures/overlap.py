"""Pairs of near-duplicates as a figure: side by side, with what relates them, and those near the threshold apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from convscope.display import Picture, to_rgb
from convscope.figures.ink import FAINT, INK, LINE_COLOURS, PAPER, new_figure, png, short
from convscope.images.pixels import Pixels
from convscope.probes.overlap.result import FIRST, SECOND, FractionBox, Overlap, Pair, number

_COLUMNS = 4
_CELL, _ROW = 3.1, 2.25
"""Size of a pair, in inches."""
_TOP, _HEAD = 0.95, 0.5
"""Height of the title, and of a section's."""
_PIXELS = 240
"""Longer side of a picture in the figure: more would not be seen."""
_BETWEEN = 1.06
"""Left edge of the second picture, where a picture is 1 wide."""


@dataclass(frozen=True)
class Shown:
    """A pair with its pictures, uint8 [height, width, channels]."""

    pair: Pair
    first: Pixels
    second: Pixels


@dataclass(frozen=True)
class Section:
    """Pairs under one heading, and how many there are in all."""

    title: str
    total: int
    shown: tuple[Shown, ...]


def pairs_png(found: Overlap, sections: Sequence[Section], title: str = "") -> bytes:
    """The sections one below the other, as a PNG; a frame marks the part that is the whole of the other picture."""
    rows = [max(1, math.ceil(len(section.shown) / _COLUMNS)) if section.shown else 0 for section in sections]
    height = _TOP + sum(_HEAD + _ROW * count for count in rows) + 0.15
    figure = new_figure(_CELL * _COLUMNS + 0.3, height)
    _heading(figure, found, title)
    top = _TOP
    for section, count in zip(sections, rows, strict=True):
        _section(figure, found, section, top)
        top += _HEAD + _ROW * count
    return png(figure)


def _heading(figure: Figure, found: Overlap, title: str) -> None:
    height = figure.get_figheight()
    within = "two images of one set each" if found.second is None else "left from the first set, right from the second"
    lines = (
        (title, 13, INK),
        (
            f"{number(len(found.pairs), 'pair')} of near-duplicates, {sum(p.identical for p in found.pairs)} of them "
            f"identical; {within}",
            9,
            FAINT,
        ),
        (
            "e: normalised correlation of edges, which decides; g: that of grey values; in a frame: the part "
            "that shows the whole of the other picture",
            9,
            FAINT,
        ),
    )
    for (text, size, colour), down in zip(lines, (0.3, 0.52, 0.7), strict=True):
        figure.text(
            0.15 / figure.get_figwidth(), 1 - down / height, short(text, 170), size=size, color=colour, parse_math=False
        )


def _section(figure: Figure, found: Overlap, section: Section, top: float) -> None:
    width, height = figure.get_figwidth(), figure.get_figheight()
    more = f" ({len(section.shown)} of {section.total} shown)" if section.total > len(section.shown) else ""
    text = f"{section.title}{more}" if section.shown else f"{section.title}: none"
    figure.text(0.15 / width, 1 - (top + 0.32) / height, text, fontsize=11, color=INK, weight="bold", parse_math=False)
    for place, shown in enumerate(section.shown):
        row, column = divmod(place, _COLUMNS)
        bottom = height - top - _HEAD - (row + 1) * _ROW
        axes = figure.add_axes(
            ((0.15 + column * _CELL) / width, (bottom + 0.6) / height, (_CELL - 0.2) / width, (_ROW - 0.65) / height)
        )
        _cell(axes, found, shown)


def _cell(axes: Axes, found: Overlap, shown: Shown) -> None:
    pair = shown.pair
    axes.set(xlim=(0, 1 + _BETWEEN), ylim=(1.06, 0), aspect="equal", anchor="NW")
    axes.set_axis_off()
    for left, picture, which in ((0.0, shown.first, FIRST), (_BETWEEN, shown.second, SECOND)):
        box = pair.box if pair.cropped and pair.larger == which else None
        _picture(axes, _small(picture), left, box)
    numbers = "" if pair.identical else f"e {pair.edges:.3f}, g {pair.correlation:.3f}: "
    names = found.first.names[pair.first], found.other.names[pair.second]
    for text, down, size, colour in (
        (f"{numbers}{pair.what}", 0.02, 8.5, INK),
        (_name(names[0]), 0.16, 7.5, FAINT),
        (_name(names[1]), 0.29, 7.5, FAINT),
    ):
        axes.text(0, 1.06 + down, text, fontsize=size, color=colour, va="top", parse_math=False)


def _name(name: str) -> str:
    """The end of a name tells more than its beginning; control characters would break the line."""
    text = "".join(each if each.isprintable() else "�" for each in name)
    return text if len(text) <= 44 else "…" + text[-43:]


def _picture(axes: Axes, picture: Picture, left: float, box: FractionBox | None) -> None:
    """A picture in a square of side 1, and a frame around a part of it."""
    height, width = (side / max(picture.shape[:2]) for side in picture.shape[:2])
    axes.add_patch(Rectangle((left, 0), 1, 1, color=PAPER, lw=0))
    x, y = left + (1 - width) / 2, (1 - height) / 2
    axes.imshow(picture, extent=(x, x + width, y + height, y), interpolation="antialiased", zorder=1)
    axes.set(xlim=(0, 1 + _BETWEEN), ylim=(1.06, 0))
    if box is not None:
        top, first, bottom, last = box
        corner, across, down = (x + first * width, y + top * height), (last - first) * width, (bottom - top) * height
        for colour, thick in (("white", 2.8), (LINE_COLOURS[1], 1.4)):
            axes.add_patch(Rectangle(corner, across, down, fill=False, edgecolor=colour, lw=thick, zorder=2))


def _small(pixels: Pixels) -> Picture:
    picture = Image.fromarray(np.ascontiguousarray(to_rgb(pixels)))
    picture.thumbnail((_PIXELS, _PIXELS), Image.Resampling.LANCZOS)
    return np.asarray(picture)
