"""Which answers are kept: the latest, within their bound."""

from __future__ import annotations

from collections import OrderedDict

from hypothesis import given
from hypothesis import strategies as st

from convscope.serve.answers import Kept, Ready, ready
from convscope.web.place import Answer


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9))), st.integers(1, 60))
def test_the_latest_are_kept_within_the_bound(steps: list[tuple[bool, int]], limit: int) -> None:
    kept, model = Kept(limit), OrderedDict[str, int]()
    for store, number in steps:
        key, size = str(number), 2 * number
        if store and key not in model and size <= limit // 4:
            model[key] = size
            while sum(model.values()) > limit:
                model.popitem(last=False)
        elif not store and key in model:
            model.move_to_end(key)
        if store:
            kept.put(key, Ready(Answer(b"x" * size, "text/plain"), "", None))
        else:
            assert (kept.get(key) is not None) == (key in model)
        assert kept.size == sum(model.values()) <= limit


def test_pictures_and_short_texts_are_not_packed() -> None:
    assert ready(Answer(b"x" * 5000, "image/webp")).packed is None
    assert ready(Answer(b"x" * 50, "text/html")).packed is None
    made = ready(Answer(b"x" * 5000, "application/json"))
    assert made.packed is not None
    assert made.size == 5000 + len(made.packed)
    assert made.packed == ready(Answer(b"x" * 5000, "application/json")).packed
