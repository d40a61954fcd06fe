"""Every layer of a diagnosis: sizes of filters, silent units, aliasing of strided ops; and two networks compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from convscope.figures.ink import FAINT, INK, LINE_COLOURS, OTHERS, PAPER, new_figure, png, short
from convscope.probes.diagnosis.comparison import Difference, compare
from convscope.probes.diagnosis.finding import KINDS
from convscope.probes.diagnosis.judge import RARE
from convscope.probes.diagnosis.result import Diagnosis

Found = Mapping[str, Diagnosis]
LINE = 0.17
"""Inches for a layer."""
NAMES, PANEL, GAP = 2.3, 1.75, 0.35
"""Inches for addresses, for a panel, and between panels."""
HEAD, FOOT, KEY = 0.75, 0.45, 0.3
_MEANING = "blue: none, orange: mild, red: strong; dotted: where mild and strong begin; short grey line: not measured"
_LONGEST = 60
"""Lines of a column that are drawn, each its own; beyond it lines are narrower."""

Numbers = Sequence[float | None]
Panel = tuple[str, str, Numbers]
"""Title, kind of finding whose thresholds are drawn, and a number for each line."""

Scale = tuple[float, float]
"""Range of a panel's axis."""


def layers_png(found: Found) -> bytes | None:
    """A PNG: for each model its convolutions' filters, and the answers of its units where images were seen.

    Models stand side by side, their layers by order from the input.
    """
    return _grid_png({name: _of_layers(each) for name, each in found.items()})


def aliasing_png(found: Found) -> bytes | None:
    """A PNG: for each model the aliasing and the shift consistency of each strided op; None if none was measured."""
    return _grid_png({name: [_of_strided(each)] if each.strided else [] for name, each in found.items()})


Block = tuple[Sequence[str], Sequence[Panel]]
"""Addresses, and panels that share them."""


def _of_layers(found: Diagnosis) -> list[Block]:
    filters = found.filters
    blocks: list[Block] = []
    if filters:
        twins = [None if layer.twins is None else float((layer.twins.of >= 0).mean()) for layer in filters]
        panels: list[Panel] = [
            ("largest filter / median", "dominating filters", [layer.largest for layer in filters]),
            ("vanishing filters", "vanishing filters", [float(layer.vanishing.mean()) for layer in filters]),
            ("duplicate filters", "duplicate filters", twins),
        ]
        blocks.append(([layer.address for layer in filters], panels))
    if found.activity:
        blocks.append(_of_units(found))
    return blocks


def _of_units(found: Diagnosis) -> Block:
    layers = found.activity
    rare = [float((~x.dead & (x.density < RARE)).mean()) if x.floor is not None else None for x in layers]
    saturated = [float(layer.saturated.mean()) if layer.can_saturate else None for layer in layers]
    panels = [
        ("dead units", "dead units", [None if x.gate else float(x.dead.mean()) for x in layers]),
        ("rarely active units", "rarely active units", rare),
        ("saturated values", "saturation", saturated),
    ]
    return [layer.address for layer in layers], panels


def _of_strided(found: Diagnosis) -> Block:
    names = [f"{short(op.address, 29)} /{'x'.join(map(str, op.stride))}" for op in found.strided]
    panels: list[Panel] = [
        ("energy above the limit", "aliasing", [op.above for op in found.strided]),
        ("shift consistency", "shift consistency", [op.agreement for op in found.strided]),
    ]
    return names, panels


def _grid_png(columns: Mapping[str, Sequence[Block]]) -> bytes | None:
    """Models across, each with its blocks one below the other; None if there are none."""
    rows = [[block for block in row if block is not None] for row in zip_longest(*columns.values())]
    if not rows:
        return None
    tall = [max(_height(names) for names, _ in row) for row in rows]
    panels = max(len(panels) for row in rows for _, panels in row)
    wide = NAMES + panels * (PANEL + GAP) + 0.1
    figure = new_figure(wide * len(columns), sum(tall) + len(rows) * (HEAD + FOOT) + KEY)
    width, height = figure.get_size_inches()
    figure.text(0.12 / width, 0.12 / height, _MEANING, fontsize=7.5, color=FAINT)
    scales = [_scales(row) for row in rows]
    for column, (name, blocks) in enumerate(columns.items()):
        top = height
        for block, size, scale in zip(blocks, tall, scales, strict=False):
            _block(figure, (column * wide, top), name, block, scale)
            top -= size + HEAD + FOOT
    return png(figure)


def _scales(row: Sequence[Block]) -> list[Scale]:
    """The range of each panel, the same for all models, so that their bars can be compared."""
    return [_scale([panel for _, panels in row for panel in panels[number : number + 1]]) for number in range(3)]


def _scale(panels: Sequence[Panel]) -> Scale:
    numbers = [number for _, _, numbers in panels for number in numbers if number is not None]
    kinds = [KINDS[name] for _, name, _ in panels]
    least = max((1.0 if kind.low_is_bad else kind.mild * 1.15 for kind in kinds), default=1.0)
    return min([0.0, *numbers]), max([least, *(number * 1.08 for number in numbers)])


def _height(names: Sequence[str]) -> float:
    return max(len(names), 2) * min(LINE, LINE * _LONGEST / len(names))


def _block(figure: Figure, corner: tuple[float, float], name: str, block: Block, scales: Sequence[Scale]) -> None:
    width, height = figure.get_size_inches()
    names, panels = block
    left, top = corner
    size = _height(names)
    words: dict[str, Any] = {"fontsize": 10.5, "color": INK, "weight": "bold", "parse_math": False}
    figure.text((left + 0.12) / width, (top - 0.3) / height, short(name, 60), **words)
    for number, panel in enumerate(panels):
        place = left + NAMES + number * (PANEL + GAP)
        axes = figure.add_axes((place / width, (top - HEAD - size) / height, PANEL / width, size / height))
        _bars(axes, panel, scales[number])
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_yticks([])
        if number == 0:
            _label(axes, names, size)


def _label(axes: Axes, names: Sequence[str], size: float) -> None:
    step = -(-len(names) // max(int(size / 0.12), 1))
    places = range(0, len(names), step)
    labels = [short(names[place], 34) for place in places]
    axes.set_yticks(list(places), labels, fontsize=7, parse_math=False)


def _bars(axes: Axes, panel: Panel, scale: Scale) -> None:
    title, name, numbers = panel
    kind = KINDS[name]
    colours = {"none": LINE_COLOURS[0], "mild": LINE_COLOURS[1], "strong": LINE_COLOURS[3]}
    known = [(place, number) for place, number in enumerate(numbers) if number is not None]
    drawn = [colours[kind.severity(number)] for _, number in known]
    axes.barh([place for place, _ in known], [number for _, number in known], height=0.7, color=drawn)
    unknown = [place for place, number in enumerate(numbers) if number is None]
    axes.plot([0.02] * len(unknown), unknown, "_", color=OTHERS, ms=4, transform=axes.get_yaxis_transform())
    for threshold in (kind.mild, kind.strong):
        axes.axvline(threshold, color=FAINT, lw=0.8, ls=":")
    axes.set_xlim(scale)
    axes.set_title(title, fontsize=8.5, color=INK, loc="left", pad=5)
    axes.tick_params(labelsize=7.5, colors=INK, length=2.5)
    axes.tick_params(axis="y", length=0)
    axes.set_facecolor("white")
    for edge in ("top", "right"):
        axes.spines[edge].set_visible(False)
    if kind.share:
        axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g}%")


def comparison_png(found: Found) -> bytes | None:
    """A PNG: measures of two models side by side with their difference; None for a single model."""
    if len(found) != 2:
        return None
    (one, first), (other, second) = found.items()
    rows = [each for each in compare(first, second) if each.layers == ("", "")]
    figure = new_figure(9.6, 0.27 * len(rows) + 1.15)
    width, height = figure.get_size_inches()
    columns = ((0.15, "left"), (5.1, "right"), (7.6, "right"), (9.2, "right"))
    words = [("", short(one, 28), short(other, 28), "difference"), *(_words(each) for each in rows)]
    for line, cells in enumerate(words):
        up = height - 0.4 - 0.27 * line
        colour = _colour(rows[line - 1]) if line else INK
        for (place, side), text, shade in zip(columns, cells, (INK, INK, INK, colour), strict=True):
            weight = "normal" if line else "bold"
            figure.text(
                place / width, up / height, text, ha=side, fontsize=9, color=shade, weight=weight, parse_math=False
            )
        if line % 2:
            strip = (0.08 / width, (up - 0.08) / height, 1 - 0.16 / width, 0.27 / height)
            figure.add_axes(strip, facecolor=PAPER, zorder=-1, xticks=[], yticks=[], frame_on=True).spines[
                :
            ].set_visible(False)
    key = "difference: the second minus the first; blue: the second is better, red: worse, grey: neither is, or equal"
    figure.text(0.15 / width, 0.15 / height, key, fontsize=8, color=FAINT)
    return png(figure)


def _words(each: Difference) -> tuple[str, str, str, str]:
    first, second = (("not measured" if number is None else f"{number:.3g}") for number in each.numbers)
    return each.measure, first, second, "" if each.difference is None else f"{each.difference:+.3g}"


def _colour(each: Difference) -> str:
    if not each.difference or not each.better:
        return OTHERS if each.difference == 0 else FAINT
    better = (each.difference < 0) == (each.better == "low")
    return LINE_COLOURS[0] if better else LINE_COLOURS[3]
