"""Pairs in words, groups, conflicts and what to leave out: against plain searches through the pairs."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from convscope.probes.overlap.identical import identical_pairs
from convscope.probes.overlap.result import FIRST, SECOND, Overlap, Pair, SetFacts

WHOLE = (0.0, 0.0, 1.0, 1.0)


def facts(count: int, labels: str = "") -> SetFacts:
    names = tuple(f"{number}.png" for number in range(count))
    shown = tuple(labels) if labels else (None,) * count
    return SetFacts("set", "digest", names, shown, names, (), 0)


def pair(first: int, second: int, edges: float = 0.95) -> Pair:
    return Pair(first, second, edges, 0.99, FIRST, WHOLE, mirrored=False, identical=False)


def made(pairs: list[Pair], first: SetFacts, second: SetFacts | None) -> Overlap:
    listed = tuple(sorted(pairs, key=lambda each: -each.edges))
    return Overlap(first, second, 0.9, listed, (), 0, ("exact",), 0, ())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "uncropped"),
        ({"mirrored": True}, "mirrored"),
        ({"box": (0.1, 0.1, 0.9, 0.9), "larger": SECOND}, "64% of the second"),
        ({"box": (0, 0, 1, 0.75), "mirrored": True}, "mirrored, 75% of the first"),
        ({"box": (0, 0.05, 1, 1)}, "uncropped"),
        ({"identical": True}, "identical"),
    ],
)
def test_a_pair_in_words(changes: dict[str, object], words: str) -> None:
    plain: dict[str, object] = {"larger": FIRST, "box": WHOLE, "mirrored": False, "identical": False}
    assert Pair(0, 1, 0.95, 0.99, **(plain | changes)).what == words  # type: ignore[arg-type]


def test_of_two_sets_each_side_of_every_pair_can_be_left_out() -> None:
    found = made([pair(1, 2, 0.91), pair(1, 0, 0.97), pair(3, 2, 0.95)], facts(5), facts(3))
    assert [(image, each.edges) for image, each in found.excluded[FIRST]] == [(1, 0.97), (3, 0.95)]
    assert [(image, each.edges) for image, each in found.excluded[SECOND]] == [(0, 0.97), (2, 0.95)]
    assert (found.groups, found.conflicts) == ((), ())


def test_groups_are_what_pairs_connect() -> None:
    draw = np.random.default_rng(0)
    ends = [sorted(draw.choice(30, 2, replace=False).tolist()) for _ in range(20)]
    found = made([pair(a, b) for a, b in ends], facts(30), None)
    groups = set[frozenset[int]]()
    for start in range(30):
        reached = {start}
        while more := {end for edge in ends if reached & set(edge) for end in edge} - reached:
            reached |= more
        groups.add(frozenset(reached))
    assert {frozenset(group) for group in found.groups} == {group for group in groups if len(group) > 1}
    left_out = {image for image, _ in found.excluded[FIRST]}
    assert left_out == {image for group in found.groups for image in group[1:]}
    assert not any(a not in left_out and b not in left_out for a, b in ends)


def test_conflicts_are_pairs_with_two_labels() -> None:
    found = made([pair(0, 1), pair(0, 2, 0.92)], facts(3, "aab"), None)
    assert [(each.first, each.second) for each in found.conflicts] == [(0, 2)]


def test_identical_images_are_paired_with_the_first_of_their_group() -> None:
    first, second = list("abcab") + ["unreadable: x"] * 2, [*list("dbbxa"), "unreadable: x"]
    found = set(identical_pairs(first, second))
    assert found <= {(i, j) for i, a in enumerate(first) for j, b in enumerate(second) if a == b}
    assert {i for i, _ in found} == {0, 1, 3, 4}
    assert {j for _, j in found} == {1, 2, 4}
    within = list(identical_pairs(first, None))
    assert within == [(a, b) for a, b in combinations(range(5), 2) if first[a] == first[b]]
    assert len(list(identical_pairs(["x"] * 1000, ["x"] * 1000))) == 1999
