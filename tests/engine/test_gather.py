"""Cutting out and pasting against padding and slicing, one window at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from convscope.engine.gather import cut_out, paste, positions_back, positions_first, with_border
from convscope.engine.spans import Span

FAR = 20
"""More border than any window of these tests needs."""


def spans_of(places: list[tuple[int, int]], size: tuple[int, int]) -> tuple[Span, Span]:
    rows, columns = np.asarray(places, np.int64).T
    return Span(rows, size[0]), Span(columns, size[1])


def padded(value: Tensor, outside: float) -> Tensor:
    """(1, rows, columns, channels) with a wide border."""
    return F.pad(value, (0, 0, FAR, FAR, FAR, FAR), value=outside)


places = st.lists(st.tuples(st.integers(-7, 10), st.integers(-7, 10)), min_size=1, max_size=6)
sizes = st.tuples(st.integers(1, 6), st.integers(1, 6))


@settings(deadline=None, derandomize=True)
@given(places, sizes, sizes, st.sampled_from([0.0, -math.inf, 2.5]), st.booleans())
def test_windows_are_slices_of_the_padded_map(
    at: list[tuple[int, int]], shape: tuple[int, int], size: tuple[int, int], outside: float, last: bool
) -> None:
    value = torch.randn(1, 3, *shape).movedim(1, 3) if last else torch.randn(1, *shape, 3)
    maps, moved = with_border(value, spans_of(at, size), outside)
    found = cut_out(maps, moved)
    wide = padded(value, outside)[0]
    for window, (y, x) in zip(found, at, strict=True):
        expected = wide[y + FAR : y + FAR + size[0], x + FAR : x + FAR + size[1]]
        assert torch.equal(window, expected)


def test_without_border_the_map_itself_is_cut() -> None:
    value = torch.randn(1, 4, 5)
    maps, moved = with_border(value, spans_of([(0, 0), (2, 3)], (2, 2)), 0.0)
    assert maps is value
    assert torch.equal(cut_out(maps, moved)[1], value[0, 2:, 3:])


@settings(deadline=None, derandomize=True)
@given(st.data(), st.integers(1, 6), sizes, sizes, st.booleans(), st.booleans())
def test_pasting_is_writing_position_by_position(
    data: st.DataObject, count: int, size: tuple[int, int], part_size: tuple[int, int], add: bool, first: bool
) -> None:
    near = st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=count, max_size=count)
    at, part_at = data.draw(near), data.draw(near)
    # Channels first in memory: neither the target nor the part is contiguous.
    into = torch.randn(count, 2, *size).movedim(1, 3) if first else torch.randn(count, *size, 2)
    part = torch.randn(count, 2, *part_size).movedim(1, 3)
    expected = into.clone()
    for number in range(count):
        for row in range(part_size[0]):
            for column in range(part_size[1]):
                y = part_at[number][0] + row - at[number][0]
                x = part_at[number][1] + column - at[number][1]
                if 0 <= y < size[0] and 0 <= x < size[1]:
                    before = expected[number, y, x] if add else 0
                    expected[number, y, x] = before + part[number, row, column]
    paste(into, spans_of(at, size), part, spans_of(part_at, part_size), add=add)
    assert torch.equal(into, expected)


def test_a_slice_is_written_through() -> None:
    whole = torch.zeros(2, 6, 3, 4)
    target = positions_first(whole.narrow(1, 2, 3), (2, 3))
    paste(target, spans_of([(0, 0), (0, 0)], (3, 4)), torch.ones(2, 2, 2, 3), spans_of([(-1, -1), (2, 3)], (2, 2)))
    assert whole.sum(1).flatten(1).count_nonzero(1).tolist() == [1, 1]
    assert whole[:, [0, 1, 5]].count_nonzero() == 0
    assert whole[0, 2:5, 0, 0].tolist() == whole[1, 2:5, 2, 3].tolist() == [1, 1, 1]


@pytest.mark.parametrize("axes", [(2, 3), (1, 2), (3, 1), (2, 4)])
def test_positions_come_first_and_go_back(axes: tuple[int, int]) -> None:
    value = torch.randn(2, 3, 4, 5, 6)
    front = positions_first(value, axes)
    assert front.shape[1:3] == (value.shape[axes[0]], value.shape[axes[1]])
    assert torch.equal(positions_back(front, axes), value)
