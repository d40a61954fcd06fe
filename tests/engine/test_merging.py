"""Merging in a fixed tree: the same bracketing whatever comes first."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from convscope.engine.merging import Merging


@dataclass(frozen=True)
class Bracketed:
    """Remembers how it was made."""

    text: str

    def merge(self, other: Bracketed) -> Bracketed:
        return Bracketed(f"({self.text} {other.text})")


@dataclass(frozen=True)
class Sum:
    value: float

    def merge(self, other: Sum) -> Sum:
        return Sum(self.value + other.value)


def expected(first: int, last: int) -> str:
    """The bracketing by its other definition: cut behind the largest power of two that leaves something over."""
    if last - first == 1:
        return str(first)
    left = 2 ** math.ceil(math.log2(last - first) - 1)
    return f"({expected(first, first + left)} {expected(first + left, last)})"


@given(st.integers(1, 70).flatmap(lambda count: st.permutations(range(count))))
def test_the_bracketing_follows_from_the_count_alone(order: list[int]) -> None:
    merging = Merging[Bracketed](len(order))
    for number in order:
        merging.add(number, Bracketed(str(number)))
    assert merging.whole(Bracketed("")).text == expected(0, len(order))


@given(st.lists(st.floats(-1e9, 1e9), min_size=3, max_size=40), st.randoms(use_true_random=False))
def test_sums_have_the_same_bits_in_any_order(values: list[float], draw: object) -> None:
    in_order, shuffled = Merging[Sum](len(values)), Merging[Sum](len(values))
    order = list(range(len(values)))
    draw.shuffle(order)  # type: ignore[attr-defined]
    for number, value in enumerate(values):
        in_order.add(number, Sum(value))
    for number in order:
        shuffled.add(number, Sum(values[number]))
    assert in_order.whole(Sum(0)).value.hex() == shuffled.whole(Sum(0)).value.hex()


def test_parts_that_come_in_order_are_held_by_the_logarithm() -> None:
    merging = Merging[Sum](1000)
    most = 0
    for number in range(1000):
        merging.add(number, Sum(number))
        most = max(most, len(merging.waiting))
    assert most <= 10
    assert merging.whole(Sum(0)).value == sum(range(1000))


def test_nothing_is_nothing() -> None:
    assert Merging[Sum](0).whole(Sum(7)).value == 7
