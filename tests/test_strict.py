"""Strict reading: exactly what was declared, or an error that says where."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convscope.strict import Reader, parsed_toml


@dataclass(frozen=True)
class Inner:
    size: int
    name: str | None = None


@dataclass(frozen=True)
class Outer:
    rate: float
    inner: Inner
    parts: tuple[Inner, ...] = ()
    widths: dict[int, int] = field(default_factory=dict)
    on: bool = True


STRICT, LENIENT = Reader(ValueError), Reader(ValueError, optional=True)
WHOLE: dict[str, Any] = {
    "rate": 0.5,
    "inner": {"size": 3, "name": None},
    "parts": [{"size": 1, "name": "a"}],
    "widths": {"6": 2048},
    "on": False,
}


def test_all_that_is_declared_is_read() -> None:
    expected = Outer(0.5, Inner(3), (Inner(1, "a"),), {6: 2048}, False)
    assert STRICT.decode(Outer, WHOLE, "f") == expected
    assert LENIENT.decode(Outer, WHOLE, "f") == expected


def test_only_fields_with_a_default_may_be_left_out_and_only_if_allowed() -> None:
    short = {"rate": 2, "inner": {"size": 3}}
    found = LENIENT.decode(Outer, short, "f")
    assert found == Outer(2.0, Inner(3))
    assert type(found.rate) is float
    with pytest.raises(ValueError, match=r"f: missing fields: on, parts, widths; unknown fields: none"):
        STRICT.decode(Outer, short, "f")
    with pytest.raises(ValueError, match=r"f.inner: missing fields: size"):
        LENIENT.decode(Outer, {"rate": 2, "inner": {}}, "f")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rat": 1}, r"^f: missing fields: none; unknown fields: rat \(known are rate, inner, parts, widths, on\)"),
        ({"rate": "1"}, r"^f.rate: expected float, found str \('1'\)"),
        ({"rate": True}, r"^f.rate: expected float, found bool"),
        ({"on": 1}, r"^f.on: expected bool, found int"),
        ({"rate": float("nan")}, r"^f.rate: expected a finite number, found nan"),
        ({"rate": 10**400}, r"^f.rate: expected float of at most 64 bits, found one of 1329 bits"),
        ({"on": 10**5000}, r"^f.on: expected bool, found int \('…'\)"),
        ({"inner": []}, r"^f.inner: expected dict, found list"),
        ({"inner": {"size": True}}, r"^f.inner.size: expected int, found bool"),
        ({"parts": [{"size": 1}, 3]}, r"^f.parts\[1\]: expected dict, found int"),
        ({"widths": {"six": 1}}, r"^f.widths: expected whole numbers as keys, found 'six'"),
        ({"widths": {"6": "x"}}, r"^f.widths.6: expected int, found str"),
    ],
)
def test_anything_else_is_refused_with_its_place(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LENIENT.decode(Outer, WHOLE | change, "f")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = [3", "^x is not TOML: "),
        ("a = " + "[" * 5000 + "]" * 5000, "^x is not TOML: it is nested too deeply"),
        ("a = " + "1" * 5000, "^x is not TOML: it has a number of too many digits"),
    ],
)
def test_what_is_no_toml(text: str, message: str) -> None:
    assert parsed_toml("a = [3]", "x", ValueError) == {"a": [3]}
    with pytest.raises(KeyError, match=message[1:]):
        parsed_toml(text, "x", KeyError)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*WHOLE, "6", "size", "x"]), inner),
)


@given(JSON)
def test_whatever_is_read_is_an_outer_or_an_error(value: object) -> None:
    try:
        found = LENIENT.decode(Outer, value, "f")
    except ValueError:
        return
    assert asdict(found).keys() == WHOLE.keys()
