"""Random regions to compare a part with: as large as the part is on the same image, and somewhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from convscope.errors import SettingError
from convscope.probes.correspondence.signs import Cover

TRIES = 2_000
"""Random places that are looked at before an image counts as full."""


@dataclass(frozen=True)
class Ground:
    """Where a draw takes place: one part's cover on each image, all marked covers of each, and the view's sides."""

    own: Sequence[Cover]
    marked: Sequence[Sequence[Cover]]
    size: tuple[int, int]


Draw = Callable[[Ground, np.random.Generator], list[Cover]]
"""One draw: a cover for each image."""


def draw_covers(ground: Ground, where: str, count: int, seed: Sequence[int]) -> list[list[Cover]]:
    """``count`` draws, each one cover per image; raises SettingError for an unknown ``where`` or a lack of room.

    ``anywhere`` in the view; ``elsewhere``: overlapping none of the ``marked`` covers of that image; ``swapped``: at
    the middle of this part's place on another image, so that a draw has the part's own places, on the wrong images.
    """
    if where not in WHERE:
        raise SettingError(f"random regions are drawn from {', '.join(WHERE)}, not {where!r}")
    if count < 1:
        raise SettingError(f"{count} random draws were asked for; expected at least 1")
    rng = np.random.default_rng(list(seed))
    return [WHERE[where](ground, rng) for _ in range(count)]


def _anywhere(ground: Ground, rng: np.random.Generator) -> list[Cover]:
    return [_random(cover, ground.size, rng) for cover in ground.own]


def _elsewhere(ground: Ground, rng: np.random.Generator) -> list[Cover]:
    return [_apart(cover, taken, ground.size, rng) for cover, taken in zip(ground.own, ground.marked, strict=True)]


def _swapped(ground: Ground, rng: np.random.Generator) -> list[Cover]:
    # One cycle through all images: nobody keeps its own place, and every place is used once.
    order = rng.permutation(len(ground.own))
    taken = dict(zip(order.tolist(), np.roll(order, 1).tolist(), strict=True))
    return [_moved(cover, ground.own[taken[number]], ground.size) for number, cover in enumerate(ground.own)]


WHERE: Mapping[str, Draw] = {"anywhere": _anywhere, "elsewhere": _elsewhere, "swapped": _swapped}


def _random(cover: Cover, size: tuple[int, int], rng: np.random.Generator) -> Cover:
    height, width = _sides(cover)
    return _at(int(rng.integers(size[0] - height + 1)), int(rng.integers(size[1] - width + 1)), height, width)


def _apart(cover: Cover, taken: Sequence[Cover], size: tuple[int, int], rng: np.random.Generator) -> Cover:
    for _ in range(TRIES):
        found = _random(cover, size, rng)
        if not any(overlap(found, other) for other in taken):
            return found
    height, width = _sides(cover)
    raise SettingError(
        f"no place for a random region of {height}x{width} pixels beside the marked parts in {TRIES} tries; mark "
        "smaller parts, or draw anywhere"
    )


def _moved(cover: Cover, to: Cover, size: tuple[int, int]) -> Cover:
    """The cover, moved so that its middle is that of another one, but inside the view."""
    height, width = _sides(cover)
    top = (to[0] + to[2] - height) // 2
    left = (to[1] + to[3] - width) // 2
    return _at(min(max(top, 0), size[0] - height), min(max(left, 0), size[1] - width), height, width)


def overlap(one: Cover, other: Cover) -> bool:
    """Whether two covers share a pixel."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _sides(cover: Cover) -> tuple[int, int]:
    return cover[2] - cover[0], cover[3] - cover[1]


def _at(top: int, left: int, height: int, width: int) -> Cover:
    return top, left, top + height, left + width
