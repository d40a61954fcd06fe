"""The figures have what belongs there, looked at as pixels: tiles, jumps, blanks, frames."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from convscope.display import GREY, PAPER
from convscope.figures.evolution import (
    GAP,
    JUMPED,
    MOST_COLUMNS,
    MOST_ROWS,
    TILE,
    block_of,
    columns_of,
    evolution_png,
    few_units,
    patch_tile,
    patches_png,
    projection_tile,
)
from convscope.figures.evolution_curves import curves_png
from convscope.figures.evolution_film import FRAME, LAST, film, film_frames, layer_strip
from convscope.probes.evolution.evolve import evolve
from convscope.probes.evolution.labels import headings
from convscope.probes.evolution.result import Evolution
from tests.probes.evolution.make import JUMP, SHOWN, corner_images, turning


@pytest.fixture(scope="module")
def found() -> Evolution:
    return evolve(turning(), corner_images(), units=SHOWN)


def pixels(png: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(png)) as opened:
        return np.asarray(opened.convert("RGB"))


def area(figure: NDArray[np.uint8], colour: tuple[int, ...]) -> int:
    return int((figure == np.array(colour, np.uint8)).all(-1).sum())


def cells(sheet: NDArray[np.uint8], side: int = TILE) -> list[list[NDArray[np.uint8]]]:
    step = side + GAP
    rows, columns = (sheet.shape[0] + GAP) // step, (sheet.shape[1] + GAP) // step
    return [
        [sheet[y * step : y * step + side, x * step : x * step + side] for x in range(columns)] for y in range(rows)
    ]


def test_rows_are_units_columns_are_checkpoints_and_the_jump_has_a_corner(found: Evolution) -> None:
    tiles = cells(block_of(found.layers[0], columns_of(5), projection_tile))
    assert (len(tiles), len(tiles[0])) == (3, 5)
    for row, line in enumerate(tiles):
        for column, tile in enumerate(line):
            assert (area(tile, JUMPED) > 20) == (row == 0 and column == JUMP)
    first, last = tiles[0][0].astype(int), tiles[0][-1].astype(int)
    half = TILE // 2
    assert (first[4:half, 4:half, 0].mean(), first[half:, half:, 0].mean()) == pytest.approx((255, GREY), abs=2)
    assert (last[4:half, 4:half, 0].mean(), last[4:half, half:, 0].mean()) == pytest.approx((GREY, 255), abs=2)
    assert all((tile == PAPER).all() for tile in tiles[2])  # never active


def test_patches_are_the_images(found: Evolution) -> None:
    tiles = cells(block_of(found.layers[0], columns_of(5), patch_tile))
    half = TILE // 2
    assert (tiles[1][0][half:, :half] == 100).all()
    assert (tiles[1][0][:half] == 0).all()


def test_a_corner_between_shown_columns_compares_those(found: Evolution) -> None:
    tiles = cells(block_of(found.layers[0], np.array([0, 4]), projection_tile))
    assert [area(tile, JUMPED) > 0 for tile in tiles[0]] == [False, True]


def test_many_units_are_thinned_evenly(found: Evolution) -> None:
    layer = found.layers[0]
    assert few_units(layer).shown == layer.shown
    many = replace(
        layer,
        shown=tuple(unit % 3 for unit in range(100)),
        probes=layer.probes[:1] * 100,
        drawn=tuple(tuple(line[unit % 3] for unit in range(100)) for line in layer.drawn),
    )
    few = few_units(many)
    rows = np.linspace(0, 99, MOST_ROWS).round().astype(int)
    assert few.shown == tuple(int(row) % 3 for row in rows)
    assert all(
        line[row] is layer.drawn[n][unit] for n, line in enumerate(few.drawn) for row, unit in enumerate(few.shown)
    )
    assert pixels(evolution_png(replace(found, layers=(many,)))).shape[0] < (MOST_ROWS + 4) * (TILE + GAP)


def test_many_checkpoints_are_thinned_evenly() -> None:
    assert columns_of(3).tolist() == [0, 1, 2]
    many = columns_of(64)
    assert (len(many), many[0], many[-1]) == (MOST_COLUMNS, 0, 63)
    assert set(np.diff(many).tolist()) <= {5, 6}


def test_labels_share_their_first_word() -> None:
    assert headings(["epoch 1", "epoch 20"]) == ("epoch", ("1", "20"))
    assert headings(["epoch 1", "step 20"]) == ("", ("epoch 1", "step 20"))
    assert headings(["a", "b c"]) == ("", ("a", "b c"))


def test_figures_are_whole(found: Evolution) -> None:
    figures = [pixels(draw(found, "a title")) for draw in (evolution_png, patches_png, curves_png)]
    for figure in figures:
        assert figure.std() > 5
        assert all((edge == 255).all() for edge in (figure[:8], figure[-4:], figure[:, :8], figure[:, -4:]))
    assert area(figures[0], JUMPED) == area(figures[1], JUMPED) > 20
    wide = replace(found, layers=found.layers * 30)
    assert pixels(evolution_png(wide)).shape[0] > 4 * figures[0].shape[0]
    assert pixels(curves_png(wide)).shape[0] > figures[2].shape[0]
    none = replace(found, layers=(replace(found.layers[0], shown=(), drawn=((),) * 5),))
    assert pixels(evolution_png(none)).shape[1] > 500
    assert len(film_frames(none)) == 5


def test_a_film_has_a_frame_for_each_checkpoint(found: Evolution) -> None:
    frames = [np.asarray(frame) for frame in film_frames(found)]
    assert len(frames) == 5
    assert [area(frame, JUMPED) > 0 for frame in frames] == [number == JUMP for number in range(5)]
    assert len({frame.tobytes() for frame in frames}) == 5
    for kind in ("WEBP", "GIF"):
        with Image.open(io.BytesIO(film(found, kind))) as opened:
            assert getattr(opened, "n_frames", 1) == 5
            durations = []
            for number, frame in enumerate(frames):
                opened.seek(number)
                opened.load()
                durations.append(opened.info["duration"])
                shown = np.asarray(opened.convert("RGB")).astype(int)
                assert np.abs(shown - frame).mean() < 4
            assert durations == [FRAME] * 4 + [LAST]


def test_a_strip_marks_the_jump(found: Evolution) -> None:
    strip = np.asarray(layer_strip(found.layers[0], JUMP, 40))
    assert strip.shape == (40, 3 * 44 - 4, 3)
    assert area(strip[:, :40], JUMPED) > 0
    assert area(strip[:, 40:], JUMPED) == 0
