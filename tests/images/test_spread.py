"""Some of a range: as many as asked for, in order, none twice, evenly spaced."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from convscope.images.spread import spread


@given(st.integers(0, 300), st.integers(1, 300))
def test_evenly_spaced(total: int, limit: int) -> None:
    chosen = spread(total, limit)
    assert len(chosen) == min(total, limit)
    assert chosen == sorted(set(chosen))
    if chosen:
        assert chosen[0] >= 0
        assert chosen[-1] < total
    steps = {after - before for before, after in pairwise(chosen)}
    assert len(steps) <= 2
    assert not steps or max(steps) - min(steps) <= 1


@given(st.integers(0, 300))
def test_all_where_nothing_is_asked(total: int) -> None:
    assert spread(total, None) == list(range(total))


def test_neither_end_is_preferred() -> None:
    assert spread(100, 2) == [25, 75]
