"""Window algebra against positions counted out one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convscope.window import IDENTITY, Field, Window

Step = tuple[int, int, int, int]
steps = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(0, 3), st.integers(1, 3)), max_size=4)


def seen(position: int, chain: list[Step]) -> set[int]:
    """All pixels that a position sees, op by op from the top."""
    places = {position}
    for kernel, stride, padding, dilation in reversed(chain):
        places = {p * stride - padding + k * dilation for p in places for k in range(kernel)}
    return places


def field_of(chain: list[Step]) -> Field:
    field = IDENTITY
    for step in chain:
        field = field.after(*step)
    return field


@given(steps, st.integers(0, 20))
def test_a_window_is_the_hull_of_the_pixels_that_are_seen(chain: list[Step], position: int) -> None:
    places = seen(position, chain)
    assert field_of(chain).window(position) == Window(min(places), max(places) + 1)


@given(steps, st.integers(1, 4), st.integers(0, 3), st.integers(0, 20))
def test_a_hull_holds_both_windows_and_nothing_beyond(chain: list[Step], kernel: int, padding: int, at: int) -> None:
    one, other = field_of(chain), field_of(chain).after(kernel, 1, padding, 1)
    windows = one.window(at), other.window(at)
    hull = one.hull(other).window(at)
    assert hull == Window(min(w.start for w in windows), max(w.stop for w in windows))
    assert one.hull(other) == other.hull(one)


def test_fields_of_different_stride_have_no_hull() -> None:
    with pytest.raises(ValueError, match="stride 1 and 2"):
        IDENTITY.hull(IDENTITY.after(1, 2, 0, 1))


@given(st.integers(-30, 30), st.integers(1, 30), st.integers(1, 20))
def test_a_clipped_window_lies_inside_and_loses_only_what_is_outside(start: int, size: int, length: int) -> None:
    window = Window(start, start + size)
    clipped = window.clip(length)
    assert 0 <= clipped.start < clipped.stop <= length
    inside = [p for p in range(window.start, window.stop) if 0 <= p < length]
    if inside:
        assert list(range(clipped.start, clipped.stop)) == inside
    else:
        assert clipped.size == 1


def test_sizes() -> None:
    assert Window(-2, 5).size == 7
    assert Field(7, 4, -3).window(2) == Window(5, 12)
