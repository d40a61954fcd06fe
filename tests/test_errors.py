"""Errors say what they are about."""

from __future__ import annotations

import pytest

from convscope.errors import ImageError, NumberError, about


def test_a_number_error_names_what_it_is_about_first() -> None:
    with pytest.raises(NumberError, match=r"^image 'a\.png': layer 'x' gives NaN$"), about("image 'a.png'"):
        raise NumberError("layer 'x' gives NaN")


@pytest.mark.parametrize("error", [ImageError("broken"), RuntimeError("no memory")])
def test_others_pass_with_a_note(error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)) as caught, about("image 'a.png'"):
        raise error
    assert caught.value is error
    assert caught.value.__notes__ == ["This happened while convscope was at image 'a.png'."]


def test_nothing_happens_where_nothing_is_wrong() -> None:
    with about("image 'a.png'"):
        pass
