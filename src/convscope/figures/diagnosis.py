"""Figure 6 of Zeiler & Fergus 2013: first-layer filters, and which frequencies they answer to; models side by side."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from convscope.figures.filters import MOST_SHOWN, filter_sheet
from convscope.figures.ink import COLOURS, FAINT, INK, LINE_COLOURS, PAPER, new_figure, png, short
from convscope.probes.diagnosis.finding import KINDS
from convscope.probes.diagnosis.result import Diagnosis
from convscope.spectrum import BANDS, HIGH, LOW

Found = Mapping[str, Diagnosis]
WIDTH = 6.4
"""Of a model's column, in inches."""


def first_layer_png(found: Found) -> bytes | None:
    """A PNG: each model's first-layer filters, above with one scaling for all, below each scaled by itself.

    None if no model has a first layer that reads pixels. Mid-grey is a weight of 0.
    """
    shown = {name: each.first for name, each in found.items() if each.first is not None}
    if not shown:
        return None
    sheets = {
        name: tuple(filter_sheet(first.filters, together=together) for together in (True, False))
        for name, first in shown.items()
    }
    tall = max(WIDTH * 0.92 * above.shape[0] / above.shape[1] for above, _ in sheets.values())
    figure = new_figure(WIDTH * len(shown), 2 * (tall + 0.45) + 0.45)
    width, height = figure.get_size_inches()
    for number, (name, sheet) in enumerate(sheets.items()):
        left = (number + 0.04) * WIDTH / width
        _heading(figure, left, name, _facts_of(found[name]))
        for row, title in enumerate(("one scaling for all filters", "each filter scaled by itself")):
            bottom = height - 0.45 - (row + 1) * (tall + 0.45) + 0.08
            axes = figure.add_axes((left, bottom / height, 0.92 * WIDTH / width, tall / height), anchor="NW")
            axes.imshow(sheet[row], interpolation="nearest")
            axes.axis("off")
            axes.set_title(title, loc="left", fontsize=9, color=INK, pad=4)
    return png(figure)


def _heading(figure: Figure, left: float, name: str, facts: str) -> None:
    height = figure.get_size_inches()[1]
    up = 1 - 0.27 / height
    figure.text(left, up, short(name, 60), fontsize=10.5, color=INK, weight="bold", parse_math=False)
    figure.text(left, 1 - 0.46 / height, short(facts, 105), fontsize=8.5, color=FAINT, parse_math=False)


def _facts_of(found: Diagnosis) -> str:
    assert found.first is not None
    count, rows, columns, channels = found.first.filters.shape
    layer = found.filters[0]
    down, across = found.first.stride
    shown = f", the first {MOST_SHOWN} shown" if count > MOST_SHOWN else ""
    mean = "; mean over channels" if channels not in (1, 3) else ""
    return (
        f"{count} filters {rows}x{columns}, stride {down}x{across}{shown}; largest RMS {layer.largest:.3g} times the "
        f"median, filter {int(layer.sizes.ratio.argmax())}{mean}"
    )


def spectra_png(found: Found) -> bytes | None:
    """A PNG: for each model the radial power of each first-layer filter, and which frequencies the filters cover."""
    shown = {name: each for name, each in found.items() if each.first is not None and each.first.spectra is not None}
    if not shown:
        return None
    figure = new_figure(2 * WIDTH, 3.45 * len(shown) + 0.2)
    width, height = figure.get_size_inches()
    for row, (name, each) in enumerate(shown.items()):
        bottom = height - 3.45 * (row + 1) + 0.35
        radial = figure.add_axes((0.75 / width, bottom / height, 7.2 / width, 2.4 / height))
        plane = figure.add_axes((9.0 / width, bottom / height, 2.4 / width, 2.4 / height))
        _radial(radial, each)
        _plane(plane, each)
        up = (bottom + 2.75) / height
        figure.text(0.75 / width, up, short(name, 70), fontsize=10.5, color=INK, weight="bold", parse_math=False)
    return png(figure)


def _radial(axes: Axes, found: Diagnosis) -> None:
    assert found.first is not None
    assert found.first.spectra is not None
    spectra = found.first.spectra
    filled = spectra.radial[spectra.shares.sum(1) > 0]
    axes.axvspan(LOW, HIGH, color=PAPER, zorder=0)
    axes.plot(spectra.frequency, 100 * filled.T, color=LINE_COLOURS[0], lw=0.5, alpha=0.35, zorder=2)
    axes.plot(spectra.frequency, 100 * filled.mean(0), color="black", lw=1.8, zorder=3, label="mean of the filters")
    top = float(100 * filled.max()) * 1.18 if len(filled) else 1.0
    axes.plot(spectra.peak, np.full(len(spectra.peak), top * 0.015), "|", color=LINE_COLOURS[1], ms=7, label="peaks")
    axes.set(xlim=(0, float(spectra.frequency[-1])), ylim=(0, top))
    axes.set_xlabel("cycles per pixel of the input", fontsize=8.5, color=INK)
    axes.set_ylabel("% of a filter's power per ring", fontsize=8.5, color=INK)
    for (begin, end), band, share in zip(
        ((0, LOW), (LOW, HIGH), (HIGH, 0.707)), BANDS, spectra.mean_shares, strict=True
    ):
        axes.text((begin + end) / 2, top * 0.96, f"{band} {share:.0%}", ha="center", va="top", fontsize=8.5, color=INK)
    axes.tick_params(labelsize=8, colors=INK, length=2.5)
    axes.legend(fontsize=8, frameon=False, loc="upper right", bbox_to_anchor=(1, 0.9), labelcolor=INK)


def _plane(axes: Axes, found: Diagnosis) -> None:
    assert found.first is not None
    assert found.first.spectra is not None
    spectra = found.first.spectra
    axes.imshow(spectra.answer, extent=(-0.5, 0.5, 0.5, -0.5), cmap=COLOURS, vmin=0, vmax=1, interpolation="nearest")
    turn = np.linspace(0, 2 * np.pi, 200)
    for radius in (LOW, HIGH):
        axes.plot(radius * np.cos(turn), radius * np.sin(turn), color="white", lw=1)
    severity = KINDS["mid frequencies"].severity(spectra.covered)
    verdict = "" if severity == "none" else f" ({severity})"
    axes.set_title(f"mid band covered: {spectra.covered:.0%}{verdict}", fontsize=9, color=INK, loc="left")
    axes.set_xlabel("across, cycles per pixel", fontsize=8.5, color=INK)
    axes.set_ylabel("down", fontsize=8.5, color=INK)
    axes.tick_params(labelsize=8, colors=INK, length=2.5)
    note = "brightest filter,\nin units of its\nown peak; the\nmid band lies\nbetween the\ncircles"
    axes.text(1.05, 0.98, note, transform=axes.transAxes, va="top", fontsize=7.5, color=FAINT)
