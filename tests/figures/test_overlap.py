"""Figures of an overlap: sizes by what they hold, frames where the box is, names that cannot harm."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageColor

from convscope.figures.ink import LINE_COLOURS
from convscope.figures.overlap import Section, Shown, pairs_png
from convscope.figures.overlap_quality import quality_png
from convscope.images import ImageSet
from convscope.pipeline.overlap import SHOWN, _sections
from convscope.probes.overlap.quality import Quality
from convscope.probes.overlap.result import SECOND, Overlap, Pair, SetFacts

WHOLE = (0.0, 0.0, 1.0, 1.0)
PAIR = Pair(0, 0, 0.93, 0.98, SECOND, WHOLE, mirrored=False, identical=False)
NAMES = ("$x_1$ <b>\n=1+1 " + "long/" * 40,)
FACTS = SetFacts("a $set$", "", NAMES, (None,), ("",), (), 0)
FOUND = Overlap(FACTS, FACTS, 0.9, (PAIR,), (), 1, ("exact",), 0, ())
LIGHT, DARK = np.full((40, 80, 3), 230, np.uint8), np.full((60, 30, 1), 40, np.uint8)


def drawn(*sections: Section) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(pairs_png(FOUND, sections, "a title"))) as opened:
        return np.asarray(opened.convert("RGB"))


def section(count: int, pair: Pair = PAIR) -> Section:
    return Section("pairs", count, (Shown(pair, LIGHT, DARK),) * count)


def frame(figure: NDArray[np.uint8]) -> NDArray[np.bool_]:
    colour = np.array(ImageColor.getrgb(LINE_COLOURS[1]))
    return (np.abs(figure.astype(int) - colour) <= 3).all(-1)  # type: ignore[no-any-return]


def test_pairs_make_rows_of_four_and_none_is_said() -> None:
    none, few, more = (drawn(section(count)).shape for count in (0, 4, 5))
    assert none[1] == few[1] == more[1]
    assert none[0] < few[0] < more[0]
    assert drawn(section(4), section(4)).shape[0] > more[0]


def test_the_frame_is_on_the_larger_picture_where_the_box_is() -> None:
    plain = drawn(section(1))
    assert not frame(plain).any()
    framed = frame(drawn(section(1, replace(PAIR, box=(0.5, 0.0, 1.0, 1.0)))))
    dark = (plain == 40).all(-1)
    rows = np.flatnonzero(dark.sum(1) > 50)  # letters have fewer in a row
    columns = np.flatnonzero(dark[rows].any(0))
    marked_rows, marked_columns = np.nonzero(framed)
    assert abs(marked_rows.max() - rows.max()) < 4
    assert abs(marked_rows.min() - (rows.min() + rows.max()) / 2) < 4
    assert abs(marked_columns.min() - columns.min()) < 4
    assert abs(marked_columns.max() - columns.max()) < 4


@pytest.mark.parametrize(("count", "sections"), [(SHOWN, 2), (SHOWN + 1, 3)])
def test_pairs_above_the_threshold_are_not_shown_twice_where_all_are(count: int, sections: int) -> None:
    pairs = tuple(replace(PAIR, edges=1 - number / 1000) for number in range(count))
    made = _sections(replace(FOUND, pairs=pairs), [ImageSet.open([LIGHT])])
    assert len(made) == sections
    assert [shown.pair for shown in made[0].shown][:: SHOWN - 1] == [pairs[0], pairs[-1]]
    if sections == 3:
        assert [shown.pair for shown in made[1].shown] == list(pairs[:-13:-1])


def test_quality_is_drawn_also_where_nothing_was_found() -> None:
    edges = np.linspace(0.7, 1, 50).astype(np.float32)
    found = Quality(edges, edges, edges > 0.8, np.zeros(50, np.int64), ("cropped", "grey"), (40, 10), 5, 9)
    none = Quality(edges[:0], edges[:0], edges[:0] > 0, np.zeros(0, np.int64), ("cropped",), (4,), 5, 9)
    sizes = set()
    for quality in (found, none):
        with Image.open(io.BytesIO(quality_png(quality, 0.9))) as opened:
            sizes.add(opened.size)
            assert np.asarray(opened.convert("L")).std() > 5
    assert len(sizes) == 1
