"""Merging parts in one fixed tree, whoever made them and in whatever order they come.

Sums of floats depend on how they are bracketed. Here the bracketing follows from the number of parts alone: neighbours
are merged in pairs, then pairs of pairs, and one that has no neighbour moves up as it is. So one process and a hundred
give the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, Protocol, Self, TypeVar


class Mergeable(Protocol):
    """A value of some images, to be merged with that of the images behind them."""

    def merge(self, other: Self) -> Self:
        """Of both sets of images."""


Value = TypeVar("Value", bound=Mergeable)


@dataclass
class Merging(Generic[Value]):
    """``count`` numbered parts on their way to one value; none is held longer than until its neighbour comes."""

    count: int
    waiting: dict[tuple[int, int], Value] = field(default_factory=dict)
    """By (level of the tree, place in it)."""

    def add(self, number: int, part: Value) -> None:
        """Take the part ``number``, each once, and merge whatever it completes."""
        level, width = 0, self.count
        while width > 1:
            neighbour = number ^ 1
            if neighbour < width:
                if (level, neighbour) not in self.waiting:
                    break
                other = self.waiting.pop((level, neighbour))
                part = part.merge(other) if number < neighbour else other.merge(part)
            level, number, width = level + 1, number // 2, -(-width // 2)
        self.waiting[level, number] = part

    def whole(self, nothing: Value) -> Value:
        """Of all parts, once they have come; ``nothing`` if there are none."""
        if not self.count:
            return nothing
        (value,) = self.waiting.values()
        return value
