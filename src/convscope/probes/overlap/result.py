"""What an overlap search found: pairs, what was done to the one to get the other, and which images to leave out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

THRESHOLD = 0.9
"""Correlation of edges from which two images count as near-duplicates; see docs/method.md for how it was chosen."""
NEAR_MISS = 0.1
"""How far below the threshold pairs are still shown: there a person must judge."""
_WHOLE = 0.9
"""Part of an image's area from which a box counts as all of it."""

FIRST, SECOND = "first", "second"

FractionBox = tuple[float, float, float, float]
"""(top, left, bottom, right), each a part of the side."""


@dataclass(frozen=True)
class SetFacts:
    """An image set that was searched; ``skipped`` are (name, reason), ``flat`` images that show nothing to compare."""

    name: str
    digest: str
    names: tuple[str, ...]
    labels: tuple[str | None, ...]
    contents: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    flat: int

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Pair:
    """Two images that resemble each other, by their places in the first and the second set (or twice the only one).

    ``edges`` decides; ``correlation`` is that of grey values. In plain pairs, with few edges, the distance of ``edges``
    from 1 counts twice. ``box`` is the part of the image of set ``larger`` that
    shows all of the other. An ``identical`` pair has the same content; of images with nothing to compare, both
    correlations are 1 then.
    """

    first: int
    second: int
    edges: float
    correlation: float
    larger: str
    box: FractionBox
    mirrored: bool
    identical: bool

    @property
    def cropped(self) -> bool:
        """Whether the box is clearly less than the whole image."""
        top, left, bottom, right = self.box
        return (bottom - top) * (right - left) < _WHOLE

    @property
    def what(self) -> str:
        """What relates the two, in words."""
        if self.identical:
            return "identical"
        found = ["mirrored"] if self.mirrored else []
        if self.cropped:
            top, left, bottom, right = self.box
            area = (bottom - top) * (right - left)
            found.append(f"{area:.0%} of the {self.larger}")
        return ", ".join(found) or "uncropped"


@dataclass(frozen=True)
class Overlap:
    """Near-duplicates between two sets, or within one (``second`` is None), surest first.

    ``near_misses`` are the pairs up to NEAR_MISS below the ``threshold``. ``indexes`` says how neighbours were found,
    ``memory`` what the larger index took, in bytes, ``candidates`` how many pairs were aligned.
    """

    first: SetFacts
    second: SetFacts | None
    threshold: float
    pairs: tuple[Pair, ...]
    near_misses: tuple[Pair, ...]
    candidates: int
    indexes: tuple[str, ...]
    memory: int
    notes: tuple[str, ...]

    @property
    def other(self) -> SetFacts:
        """The second set; the first, where it was compared with itself."""
        return self.first if self.second is None else self.second

    @property
    def excluded(self) -> Mapping[str, tuple[tuple[int, Pair], ...]]:
        """For each set, which images to leave out so that nothing overlaps any more, and the surest pair that says so.

        Of two sets it is enough to leave out those of one. Within one set the first of each group stays.
        """
        if self.second is not None:
            return {
                FIRST: _surest((pair.first, pair) for pair in self.pairs),
                SECOND: _surest((pair.second, pair) for pair in self.pairs),
            }
        stays = {group[0] for group in self.groups}
        ends = ((end, pair) for pair in self.pairs for end in (pair.second, pair.first))
        return {FIRST: _surest((end, pair) for end, pair in ends if end not in stays)}

    @cached_property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Within one set: images that pairs connect, directly or through others; each group in order."""
        if self.second is not None:
            return ()
        leader: dict[int, int] = {}

        def lead(image: int) -> int:
            while leader.setdefault(image, image) != image:
                leader[image] = leader[leader[image]]
                image = leader[image]
            return image

        for pair in self.pairs:
            one, other = sorted((lead(pair.first), lead(pair.second)))
            leader[other] = one
        members = defaultdict[int, list[int]](list)
        for image in sorted(leader):
            members[lead(image)].append(image)
        return tuple(tuple(group) for group in sorted(members.values()))

    @property
    def conflicts(self) -> tuple[Pair, ...]:
        """Within one set: pairs whose two images have different labels."""
        labels = self.first.labels
        pairs = () if self.second is not None else self.pairs
        return tuple(pair for pair in pairs if labels[pair.first] != labels[pair.second])


def number(count: int, what: str) -> str:
    """As in ``1 pair`` or ``2 pairs``."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def _surest(ends: Iterable[tuple[int, Pair]]) -> tuple[tuple[int, Pair], ...]:
    found: dict[int, Pair] = {}
    for image, pair in ends:  # pairs come surest first
        found.setdefault(image, pair)
    return tuple(sorted(found.items(), key=lambda each: each[0]))
