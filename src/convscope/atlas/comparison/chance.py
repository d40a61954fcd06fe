"""What chance would do: how often images are permuted, and how many top images two units share anyway."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import comb

from convscope.errors import SettingError


@dataclass(frozen=True)
class Chance:
    """How often images are permuted, and from which seed; SettingError if never or from a negative one."""

    permutations: int = 19
    seed: int = 0

    def __post_init__(self) -> None:
        if self.permutations < 1 or self.seed < 0:
            raise SettingError(
                f"permutations {self.permutations} with seed {self.seed}: there has to be 1 at least, and a seed of 0 "
                "or more. With 19, a unit that is like nobody passes for matched in 1 of 20 cases."
            )


USUAL = Chance()


@cache
def expected_jaccard(first: int, second: int, images: int) -> float:
    """Mean of shared / either over all ways to draw ``first`` and ``second`` of ``images`` images."""
    if not first or not second:
        return 0.0
    ways = comb(images, second)
    shared = range(max(0, first + second - images), min(first, second) + 1)
    return sum(
        comb(first, both) * comb(images - first, second - both) / ways * both / (first + second - both)
        for both in shared
    )
