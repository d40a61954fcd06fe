"""Figure 8 and table 1 as pixels: everything is drawn, at the place that its number says."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from numpy.typing import NDArray
from PIL import Image

from convscope.figures.correspondence import figure_png, table_png
from convscope.figures.ink import LINE_COLOURS, OTHERS
from convscope.probes.correspondence.result import Consistency, Correspondence, Example, Settings

BLUE = tuple(round(255 * value) for value in to_rgb(LINE_COLOURS[0]))
GREY = tuple(round(255 * value) for value in to_rgb(OTHERS))
RED, GREEN = (200, 30, 30), (30, 200, 30)


def consistency(layer: str, part: str, delta: float, p: float) -> Consistency:
    apart = np.full((3, 3), delta)
    draws = np.stack([np.full((3, 3), 0.3 + 0.01 * draw) for draw in range(5)])
    ends = (delta - 0.02, delta + 0.02)
    return Consistency(layer, part, (0, 1, 2), apart, draws, p, ends, ends, 0.5, 0.5)


def example(number: int) -> Example:
    view = np.broadcast_to(np.array(RED, np.uint8), (20, 30, 3))
    fill = np.broadcast_to(np.array(GREEN, np.uint8), (20, 30, 3))
    covers = {"eye": (2, 2, 8, 10)} | ({"nose $x_1$": (10, 10, 16, 20)} if number else {})
    return Example(f"a/folder/image {number} with $ a long name.png", view, fill, covers, (0, 0, 6, 8))


def result(parts: tuple[str, ...] = ("eye", "nose $x_1$")) -> Correspondence:
    rows = [
        consistency(layer, part, 0.1 + 0.1 * n, 0.01 if n == 0 else 0.4)
        for layer in "ab"
        for n, part in enumerate(parts)
    ]
    return Correspondence(
        rows=tuple(rows),
        layers=(("a", 100), ("b", 7)),
        parts=parts,
        images=("x", "y", "z"),
        examples=tuple(example(number) for number in range(3)),
        settings=Settings("own", 5, "anywhere", "pairs", "grey", 0, 99),
        left_out=(),
        notes=(),
    )


def pixels(png: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(png)) as opened:
        return np.asarray(opened.convert("RGB"))


def area(figure: NDArray[np.uint8], colour: tuple[int, ...]) -> int:
    return int((figure == np.array(colour, np.uint8)).all(-1).sum())


def test_figure_8_has_originals_covered_parts_and_random_regions() -> None:
    figure = pixels(figure_png(result()))
    picture = area(figure, RED) + area(figure, GREEN)
    one = picture / (3 * 4 - 1)  # the first image has no nose
    covered = (3 * 48 + 2 * 60 + 3 * 48) / 600 * one
    assert area(figure, GREEN) == pytest.approx(covered, rel=0.15)  # a white frame takes some
    assert (figure[:8] == 255).all()


def test_figure_8_of_one_channel_and_of_none_that_can_be_shown() -> None:
    found = result()
    for channels in (1, 5):
        grey = [
            replace(e, view=e.view[..., :1].repeat(channels, 2), fill=e.fill[..., :1].repeat(channels, 2))
            for e in found.examples
        ]
        assert pixels(figure_png(replace(found, examples=tuple(grey)))).std() > 5


def test_table_1_shows_every_part_with_its_draws() -> None:
    table = pixels(table_png(result()))
    assert area(table, BLUE) > 500
    assert area(table, GREY) > 100
    less = replace(result(), rows=tuple(replace(row, interval=None) for row in result().rows))
    assert area(pixels(table_png(less)), BLUE) < area(table, BLUE)


def test_a_significant_part_is_filled() -> None:
    found = result()
    none = replace(found, rows=tuple(replace(row, p=0.5) for row in found.rows))
    assert area(pixels(table_png(found)), BLUE) > area(pixels(table_png(none)), BLUE) + 100


def test_a_more_consistent_part_stands_further_left() -> None:
    found = result(("eye",))
    table = pixels(table_png(found))
    panel = table[:, : table.shape[1] // 2]
    body = panel[100 : panel.shape[0] - 110]
    blue = np.nonzero((body == np.array(BLUE, np.uint8)).all(-1))[1].mean()
    grey = np.nonzero((body == np.array(GREY, np.uint8)).all(-1))[1].mean()
    assert blue < grey


def test_many_parts() -> None:
    parts = tuple(f"part number {number} with a very long name" for number in range(12))
    assert pixels(table_png(result(parts))).shape[0] > pixels(table_png(result())).shape[0]
