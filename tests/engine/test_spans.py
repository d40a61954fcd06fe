"""Windows along an axis against plain sets of positions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from convscope.engine.spans import Extent, Span, changed_by, everything, hull, same
from convscope.window import Field

fields = st.builds(Field, st.integers(1, 5), st.integers(1, 4), st.integers(-4, 4))
lengths = st.integers(1, 14)
starts = st.lists(st.integers(-9, 18), min_size=1, max_size=4)


def extent(pairs: Sequence[tuple[int, int]]) -> Extent:
    first, last = np.asarray(pairs, np.int64).T
    return Extent(first, last)


def span(first: Sequence[int], size: int) -> Span:
    return Span(np.asarray(first, np.int64), size)


def held(intervals: Extent | Span, number: int) -> set[int]:
    found = intervals.extent if isinstance(intervals, Span) else intervals
    return set(range(int(found.first[number]), int(found.last[number])))


def axis(length: int) -> set[int]:
    return set(range(length))


def in_axis(length: int) -> st.SearchStrategy[tuple[int, int]]:
    """Intervals inside an axis, empty ones among them."""
    return st.tuples(st.integers(0, length), st.integers(0, length)).map(lambda pair: (min(pair), max(pair)))


@settings(deadline=None, derandomize=True)
@given(st.data(), lengths, lengths, st.lists(fields, min_size=1, max_size=3))
def test_changed_positions_are_those_that_see_a_change(
    data: st.DataObject, length: int, result: int, reaches: list[Field]
) -> None:
    count = data.draw(st.integers(1, 3))
    some = st.lists(in_axis(length).filter(lambda pair: pair[0] < pair[1]), min_size=count, max_size=count)
    operands = [(extent(data.draw(some)), reach) for reach in reaches]
    found = changed_by(operands, result)
    for number in range(count):
        seeing = {
            position
            for each, reach in operands
            for position in range(result)
            if held(each, number) & axis_of(reach, position)
        }
        assert seeing <= held(found, number) <= axis(result)
        if len(operands) == 1 and seeing:
            assert held(found, number) == set(range(min(seeing), max(seeing) + 1))
        if seeing and len(operands) > 1:
            edges = [changed_by([each], result)[np.asarray([number])] for each in operands]
            assert held(found, number) <= set(
                range(min(int(e.first[0]) for e in edges), max(int(e.last[0]) for e in edges))
            )


def axis_of(reach: Field, position: int) -> set[int]:
    window = reach.window(position)
    return set(range(window.start, window.stop))


@settings(deadline=None, derandomize=True)
@given(st.data(), lengths)
def test_fitted_windows_hold_their_intervals_and_lie_inside(data: st.DataObject, length: int) -> None:
    intervals = extent(data.draw(st.lists(in_axis(length), min_size=1, max_size=4)))
    fitted = intervals.fitted(length)
    assert fitted.size == max(1, *(len(held(intervals, n)) for n in range(len(intervals.first))), 1)
    for number in range(len(intervals.first)):
        assert held(intervals, number) <= held(fitted, number) <= axis(length)
        assert len(held(fitted, number)) == fitted.size


@settings(deadline=None, derandomize=True)
@given(starts, st.integers(1, 6), lengths)
def test_what_is_inside_an_axis_is_kept(first: list[int], size: int, length: int) -> None:
    windows = span(first, size)
    found = windows.inside(length)
    for number in range(len(first)):
        assert held(windows, number) & axis(length) <= held(found, number) <= axis(length)
        assert found.size <= max(size, 1)


@settings(deadline=None, derandomize=True)
@given(st.data(), st.integers(1, 4), st.integers(1, 6), st.integers(1, 6), lengths)
def test_a_hull_holds_both(data: st.DataObject, count: int, one: int, other: int, length: int) -> None:
    drawn = st.lists(st.integers(-6, 16), min_size=count, max_size=count)
    a, b = span(data.draw(drawn), one), span(data.draw(drawn), other)
    both = hull(a, b, length)
    for number in range(count):
        wanted = (held(a, number) | held(b, number)) & axis(length)
        assert wanted <= held(both, number) <= axis(length)


@settings(deadline=None, derandomize=True)
@given(starts, st.integers(1, 5), fields)
def test_what_windows_see_runs_from_the_first_position_to_the_last(first: list[int], size: int, reach: Field) -> None:
    windows = span(first, size)
    seen = windows.seen_by(reach)
    for number in range(len(first)):
        positions = set().union(*(axis_of(reach, position) for position in held(windows, number)))
        assert held(seen, number) == set(range(min(positions), max(positions) + 1))


def test_windows_are_the_same_only_with_equal_starts_and_sizes() -> None:
    one = (span([0, 1], 2), span([3, 3], 1))
    assert same(one, (span([0, 1], 2), span([3, 3], 1)))
    assert not same(one, (span([0, 1], 2), span([3, 4], 1)))
    assert not same(one, (span([0, 1], 3), span([3, 3], 1)))
    assert same([everything(2, 5)], [span([0, 0], 5)])
    assert one[0][np.asarray([1])].starts.tolist() == [1]
