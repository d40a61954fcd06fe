"""The strongest activations, against sorting everything in plain Python."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from convscope.engine import topk
from convscope.engine.topk import NOWHERE, TopK, strongest_per_image, strongest_positions
from tests.engine.make import Place, full_sort


def listed(top: TopK, positions: int) -> list[list[Place]]:
    """A TopK in the form of ``full_sort``; places after the last activation must be empty."""
    units = []
    for values, places in zip(top.value.tolist(), top.place.tolist(), strict=True):
        held = [(v, p // positions, p % positions) for v, p in zip(values, places, strict=True) if p != NOWHERE]
        assert values[len(held) :] == [-np.inf] * (len(values) - len(held))
        units.append(held)
    return units


def tied_maps(count: int, units: int = 5, height: int = 3, width: int = 4, seed: int = 0) -> Tensor:
    """Few whole numbers, so most maxima are shared; unit 0 is silent, unit 1 has one value for all."""
    draw = torch.Generator().manual_seed(seed)
    maps = torch.randint(-1, 3, (count, units, height, width), generator=draw).float()
    maps[:, 0], maps[:, 1] = 0, 2
    return maps


def fold(maps: Tensor, numbers: Tensor, k: int, batch: int, *, many: bool) -> TopK:
    best = TopK.empty(maps.shape[1], k)
    for start in range(0, len(maps), batch):
        some, images = maps[start : start + batch], numbers[start : start + batch]
        best = (
            strongest_positions(some, images, best)
            if many
            else strongest_per_image(some, some.amax((2, 3)), images, best)
        )
    return best


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("k", [1, 4, 9, 200])
@pytest.mark.parametrize("batch", [1, 3, 50])
def test_agrees_with_a_full_sort(many: bool, k: int, batch: int) -> None:
    maps = tied_maps(11)
    numbers = torch.arange(11) + 5
    expected = full_sort(maps, k, numbers.tolist(), many=many)
    assert listed(fold(maps, numbers, k, batch, many=many), 12) == expected


@pytest.mark.parametrize("many", [False, True])
def test_order_of_the_images_makes_no_difference(many: bool) -> None:
    maps = tied_maps(10, seed=1)
    expected = full_sort(maps, 4, range(10), many=many)
    for seed in range(5):
        order = torch.randperm(10, generator=torch.Generator().manual_seed(seed))
        assert listed(fold(maps[order], order, 4, 3, many=many), 12) == expected


def test_a_map_of_one_position_and_fewer_positions_than_k() -> None:
    maps = tied_maps(4, height=1, width=1)
    assert listed(fold(maps, torch.arange(4), 9, 2, many=True), 1) == full_sort(maps, 9, range(4), many=True)
    assert listed(fold(maps, torch.arange(4), 9, 2, many=False), 1) == full_sort(maps, 9, range(4))


def test_positions_are_the_same_when_looked_up_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = tied_maps(7)
    expected = fold(maps, torch.arange(7), 5, 7, many=False)
    monkeypatch.setattr(topk, "_GATHER_LIMIT", 25)
    found = fold(maps, torch.arange(7), 5, 7, many=False)
    assert torch.equal(found.value, expected.value)
    assert torch.equal(found.place, expected.place)


def test_layout_in_memory_makes_no_difference() -> None:
    maps = tied_maps(6)
    channels_last = maps.contiguous(memory_format=torch.channels_last)
    for many in (False, True):
        assert listed(fold(channels_last, torch.arange(6), 4, 4, many=many), 12) == full_sort(
            maps, 4, range(6), many=many
        )


def test_zero_and_negative_zero_tie() -> None:
    maps = torch.tensor([-0.0, 0.0, -0.0, 0.0]).reshape(2, 1, 1, 2)
    assert fold(maps, torch.arange(2), 2, 2, many=False).place.tolist() == [[0, 2]]
    assert fold(maps, torch.arange(2), 3, 1, many=True).place.tolist() == [[0, 1, 2]]


Activations = st.lists(st.integers(-1, 2), min_size=0, max_size=8)


def made_of(values: list[int], first: int, k: int) -> TopK:
    """A TopK of one unit over images of one position, numbered from ``first``."""
    maps = torch.tensor(values, dtype=torch.float32).reshape(len(values), 1, 1, 1)
    return fold(maps, torch.arange(first, first + len(values)), k, 3, many=False)


@settings(max_examples=60, deadline=None)
@given(st.tuples(Activations, Activations, Activations), st.integers(1, 5))
def test_merge_is_associative_and_commutative_and_empty_changes_nothing(
    values: tuple[list[int], list[int], list[int]], k: int
) -> None:
    starts = [0, len(values[0]), len(values[0]) + len(values[1])]
    a, b, c = (made_of(some, start, k) for some, start in zip(values, starts, strict=True))
    ways = [a.merge(b).merge(c), a.merge(b.merge(c)), c.merge(a).merge(b), b.merge(TopK.empty(1, k)).merge(c.merge(a))]
    ways.append(made_of([*values[0], *values[1], *values[2]], 0, k))
    for one, other in pairwise(ways):
        assert torch.equal(one.value, other.value)
        assert torch.equal(one.place, other.place)


def test_could_enter_is_exact() -> None:
    best = TopK(torch.tensor([[3.0, 2.0]]), torch.tensor([[4, 7]]))
    values = torch.tensor([[2.5, 2.0, 2.0, 1.0]])
    places = torch.tensor([[99, 6, 8, 0]])
    assert best.could_enter(values, places).tolist() == [[True, True, False, False]]
