"""What all figures share: colours, resolution, and how they become a file."""

from __future__ import annotations

import io
import warnings

from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, FAINT, PAPER = "#222222", "#666666", "#eeeeee"
COLOURS = "viridis"
"""For numbers on a map."""
LINE_COLOURS = ("#3b6fb6", "#e1812c", "#3a923a", "#c03d3e", "#8d69b8", "#845b53", "#d684bd")
"""For kinds, in the order in which they matter."""
OTHERS = "#b5b5b5"
DOTS_PER_INCH = 160


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure, its size in inches."""
    return Figure(figsize=(width, height), dpi=DOTS_PER_INCH, facecolor="white")


def png(figure: Figure) -> bytes:
    """The figure as a PNG file."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # class names may be in any script
        figure.savefig(file, format="png", facecolor="white")
    return file.getvalue()


def write_heading(axes: Axes, title: str, remark: str = "", above: float = 17) -> None:
    """A title above the axes, from their left edge, and a fainter line below it; distances in points, so that they
    stay clear of other text however low the axes are.
    """
    for text, size, points, colour, weight in ((title, 9.5, above, INK, "bold"), (remark, 8.5, 5.5, FAINT, "normal")):
        axes.annotate(
            text,
            (0, 1),
            (0, points),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=size,
            color=colour,
            weight=weight,
            parse_math=False,
        )


def short(text: str, most: int) -> str:
    """A text of at most that many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"
