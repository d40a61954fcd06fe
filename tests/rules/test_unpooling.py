"""Ways back through max pooling: each against an explicit matrix or loop over the windows, in float64."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from convscope.graph.opgraph import OpGraph
from tests.nets import carried_down, exported, seeds_for

SIZE = (7, 9)
Tap = tuple[int, int]

POOLS: dict[str, nn.Module] = {
    "plain": nn.MaxPool2d(2),
    "overlapping": nn.MaxPool2d(3, 2),
    "ceil": nn.MaxPool2d(3, 2, ceil_mode=True),
    "ceil, hanging over": nn.MaxPool2d(2, 2, ceil_mode=True),
    "padded": nn.MaxPool2d(3, 2, padding=1),
    "padded, ceil": nn.MaxPool2d(3, 2, padding=1, ceil_mode=True),
    "dilated": nn.MaxPool2d(2, 2, dilation=3),
    "dilated, padded, ceil": nn.MaxPool2d(3, 2, padding=1, dilation=2, ceil_mode=True),
    "oblong": nn.MaxPool2d((3, 2), (1, 3), padding=(1, 0)),
    "same size": nn.MaxPool2d(3, 1, padding=1),
    "adaptive": nn.AdaptiveMaxPool2d((3, 4)),
    "global": nn.AdaptiveMaxPool2d(1),
}


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def window(pool: nn.Module, axis: int, place: int, result: int) -> list[int]:
    """The positions along one axis that a pooled place looks at, inside the map."""
    length = SIZE[axis]
    if isinstance(pool, nn.AdaptiveMaxPool2d):
        return list(range(place * length // result, -(-(place + 1) * length // result)))
    assert isinstance(pool, nn.MaxPool2d)
    kernel, stride, padding, dilation = (
        pair(value)[axis] for value in (pool.kernel_size, pool.stride, pool.padding, pool.dilation)
    )
    taps = [place * stride - padding + k * dilation for k in range(kernel)]
    return [tap for tap in taps if 0 <= tap < length]


def windows(pool: nn.Module, result: tuple[int, int]) -> Iterator[tuple[Tap, list[Tap]]]:
    """Each pooled place with the positions in its window, in reading order."""
    for y in range(result[0]):
        for x in range(result[1]):
            rows, columns = window(pool, 0, y, result[0]), window(pool, 1, x, result[1])
            yield (y, x), [(row, column) for row in rows for column in columns]


def by_loop(pool: nn.Module, image: Tensor, seed: Tensor, unpool: str) -> Tensor:
    """The definition, one window at a time; the first of equal maxima holds the switch."""
    down = torch.zeros_like(image)
    height, width = seed.shape[-2:]
    for channel in range(image.shape[1]):
        for (y, x), taps in windows(pool, (height, width)):
            value = seed[0, channel, y, x]
            if unpool == "none":
                for row, column in taps:
                    down[0, channel, row, column] += value / len(taps)
                continue
            row, column = max(taps, key=lambda tap: float(image[0, channel, tap[0], tap[1]]))
            down[0, channel, row, column] = value + (down[0, channel, row, column] if unpool == "sum" else 0)
    return down


def pictures() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(3)
    noise = torch.randn(1, 2, *SIZE, generator=generator, dtype=torch.float64)
    return {"noise": noise, "many ties": noise.relu().round(), "all zero": torch.zeros_like(noise)}


@pytest.fixture(scope="module")
def graphs() -> dict[str, OpGraph]:
    return {name: exported(pool, (2, *SIZE)) for name, pool in POOLS.items()}


@pytest.mark.parametrize("unpool", ["sum", "last", "none"])
@pytest.mark.parametrize("picture", pictures())
@pytest.mark.parametrize("name", POOLS)
def test_unpooling_is_what_its_definition_says(
    name: str, picture: str, unpool: str, graphs: dict[str, OpGraph]
) -> None:
    pool, image = POOLS[name], pictures()[picture]
    seeds = seeds_for(pool(image), units=3)
    down = carried_down(graphs[name], image, seeds, "deconvnet", unpool)
    expected = torch.cat([by_loop(pool, image, seed, unpool) for seed in seeds])
    torch.testing.assert_close(down, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["plain", "dilated", "global"])
def test_without_overlap_the_last_is_the_sum(name: str, graphs: dict[str, OpGraph]) -> None:
    image = pictures()["noise"]
    seeds = seeds_for(POOLS[name](image))
    downs = [carried_down(graphs[name], image, seeds, "deconvnet", unpool) for unpool in ("sum", "last")]
    assert torch.equal(*downs)
