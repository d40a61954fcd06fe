"""Random regions: as large as the part, inside the view, and where they were asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convscope.errors import SettingError
from convscope.probes.correspondence.draws import WHERE, Ground, draw_covers, overlap
from convscope.probes.correspondence.signs import Cover

SIZE = (20, 30)


@st.composite
def a_cover(draw: st.DrawFn, most: int = 20) -> Cover:
    height, width = draw(st.integers(1, min(SIZE[0], most))), draw(st.integers(1, min(SIZE[1], most)))
    top, left = draw(st.integers(0, SIZE[0] - height)), draw(st.integers(0, SIZE[1] - width))
    return top, left, top + height, left + width


@given(st.lists(a_cover(), min_size=2, max_size=5), st.sampled_from(sorted(WHERE)), st.integers(0, 9))
def test_sizes_are_kept_and_all_lie_inside(own: list[Cover], where: str, seed: int) -> None:
    marked: list[tuple[Cover, ...]] = [() for _ in own]
    draws = draw_covers(Ground(own, marked, SIZE), where, 3, (seed, 1))
    assert draws == draw_covers(Ground(own, marked, SIZE), where, 3, (seed, 1))
    assert [len(draw) for draw in draws] == [len(own)] * 3
    for draw in draws:
        for (top, left, bottom, right), cover in zip(draw, own, strict=True):
            assert (bottom - top, right - left) == (cover[2] - cover[0], cover[3] - cover[1])
            assert 0 <= top < bottom <= SIZE[0]
            assert 0 <= left < right <= SIZE[1]


@given(st.lists(a_cover(6), min_size=2, max_size=4), st.integers(0, 9))
def test_elsewhere_is_on_no_marked_part(own: list[Cover], seed: int) -> None:
    marked = [(cover, own[0]) for cover in own]
    for draw in draw_covers(Ground(own, marked, SIZE), "elsewhere", 4, (seed,)):
        assert not any(overlap(found, other) for found, taken in zip(draw, marked, strict=True) for other in taken)


def test_swapped_uses_every_place_once_and_none_on_its_own_image() -> None:
    own = [(k, 2 * k, k + 3, 2 * k + 3) for k in range(6)]
    seen = set()
    for draw in draw_covers(Ground(own, [(c,) for c in own], SIZE), "swapped", 50, (0,)):
        assert sorted(draw) == own
        assert all(found != cover for found, cover in zip(draw, own, strict=True))
        seen.add(tuple(draw))
    assert len(seen) > 30


def test_anywhere_reaches_every_place() -> None:
    draws = draw_covers(Ground([(0, 0, 19, 28)] * 2, [(), ()], SIZE), "anywhere", 200, (0,))
    assert {(draw[0][0], draw[0][1]) for draw in draws} == {(y, x) for y in range(2) for x in range(3)}


@given(a_cover(), a_cover())
def test_overlap_is_a_shared_pixel(one: Cover, other: Cover) -> None:
    first, second = np.zeros(SIZE, bool), np.zeros(SIZE, bool)
    first[one[0] : one[2], one[1] : one[3]] = True
    second[other[0] : other[2], other[1] : other[3]] = True
    assert overlap(one, other) == bool((first & second).any())


def test_what_cannot_be_drawn() -> None:
    whole = (0, 0, *SIZE)
    with pytest.raises(SettingError, match="no place for a random region of 3x3 pixels beside the marked parts"):
        draw_covers(Ground([(0, 0, 3, 3)] * 2, [(whole,)] * 2, SIZE), "elsewhere", 1, (0,))
    with pytest.raises(SettingError, match="drawn from anywhere, elsewhere, swapped, not 'x'"):
        draw_covers(Ground([whole] * 2, [(), ()], SIZE), "x", 1, (0,))
    with pytest.raises(SettingError, match="0 random draws"):
        draw_covers(Ground([whole] * 2, [(), ()], SIZE), "anywhere", 0, (0,))
