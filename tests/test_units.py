"""Addresses of units: what is written is read back, anything else is refused with the form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convscope.errors import AddressError
from convscope.units import UnitAddress

layers = st.text(st.characters(exclude_characters=":@", exclude_categories=["Z", "C"]), min_size=1)
numbers = st.integers(0, 10**9 - 1)


@given(layers, numbers, st.none() | st.tuples(numbers, numbers))
def test_an_address_reads_back_as_itself(layer: str, unit: int, position: tuple[int, int] | None) -> None:
    address = UnitAddress(layer, unit, position)
    assert UnitAddress.parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    ["", "conv1", "conv1:", ":3", "conv1:-1", "conv1:x", "conv1:3@", "conv1:3@1", "conv1:3@1,2,3", "conv1:3@-1,0",
     "a b:3", "conv1:3 ", "conv1:3@1, 2", "a:b:3", "conv1:\u0663", "conv1:" + "9" * 5000],
)  # fmt: skip
def test_anything_else_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(AddressError, match=r"is not a unit address\. Write LAYER:CHANNEL"):
        UnitAddress.parse(text)


def test_the_written_form() -> None:
    assert str(UnitAddress("layer3.1.conv2", 87, (6, 4))) == "layer3.1.conv2:87@6,4"
    assert UnitAddress.parse("relu#2:0") == UnitAddress("relu#2", 0)
