"""Projections on windows where networks branch, join, stride and pool, against the same on whole maps; float64."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from convscope.engine.allowance import Allowance, allowing
from convscope.engine.layers import layers
from convscope.engine.project import Way, project_units
from convscope.engine.trace import Trace, trace
from convscope.errors import CoverageError
from convscope.rules.projection import METHODS
from convscope.rules.unpooling import UNPOOLINGS
from tests.engine.awkward_nets import NETS as SWEPT
from tests.engine.awkward_nets import conv
from tests.engine.test_window_projection import both_ways
from tests.nets import Net, exported, picture

SHAPE = (1, 33, 29)


def branches(m: Any, x: Tensor) -> Tensor:
    y = F.relu(m.stem(x))
    return torch.cat([m.one(y), m.five(F.relu(m.one(y))), F.max_pool2d(y, 3, 1, 1)], 1)


def behind(*rest: nn.Module) -> nn.Module:
    return nn.Sequential(conv(before=1), nn.ReLU(), *rest, conv())


NETS: dict[str, Any] = {
    "strided shortcut": SWEPT["residual"],
    "dense": SWEPT["dense"],
    "squeeze-excite": SWEPT["squeeze-excite"],
    "branches": lambda: Net(branches, stem=conv(before=1), one=conv(1), five=conv(5)),
    "dilated": lambda: behind(conv(dilation=2, padding=2), nn.ReLU(), conv(dilation=(3, 2), padding=0)),
    "groups": lambda: behind(conv(groups=2), conv(groups=4, stride=2), conv(1, groups=2)),
    "valid": lambda: behind(conv(padding="valid"), conv(padding="valid", stride=2)),
    "even same": lambda: behind(conv(2, padding="same"), conv(4, padding="same")),
    "overlapping pools": lambda: behind(nn.MaxPool2d(3, 2, 1), conv(), nn.MaxPool2d(3, 2, ceil_mode=True)),
    "pools apart": lambda: behind(nn.MaxPool2d(2, 3), nn.MaxPool2d(2, 1, dilation=2)),
    "pools side by side": lambda: behind(nn.MaxPool2d(2, 2, ceil_mode=True), nn.MaxPool2d(2, 2, padding=1)),
    "adaptive pool": lambda: nn.Sequential(conv(2, before=1, padding=0), nn.AdaptiveMaxPool2d((8, 7))),
    "pool of 256 taps": lambda: behind(nn.MaxPool2d(16, 2)),
    "pool of 289 taps": lambda: behind(nn.MaxPool2d(17, 3, padding=4)),
    "averages": lambda: behind(nn.AvgPool2d(3, 2, padding=1, count_include_pad=False), nn.AvgPool2d(2, ceil_mode=True)),
}


@cache
def recorded(name: str) -> Trace:
    graph = exported(NETS[name](), SHAPE)
    return trace(graph, picture(SHAPE), graph.output)


def corners(found: Trace) -> list[tuple[int, int]]:
    height, width = found.values[found.graph.output].shape[2:]
    return [(0, 0), (0, width - 1), (height - 1, 0), (height - 1, width - 1), (height // 2, width // 2)]


@pytest.mark.parametrize("unpool", UNPOOLINGS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", NETS)
def test_units_in_all_corners_at_once(name: str, method: str, unpool: str) -> None:
    if "pool" not in name and unpool != "sum":
        return  # nothing to unpool
    try:
        mine, theirs = both_ways(recorded(name), corners(recorded(name)), method, unpool)
    except CoverageError:
        assert method == "deconvnet"
        return
    torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", NETS)
def test_alone_or_together_in_small_batches_or_one(name: str) -> None:
    found, way = recorded(name), Way("gradient", "last")
    layer = next(each for each in layers(found.graph, all_maps=True) if each.node == found.graph.output)
    places = [(number % layer.units, y, x) for number, (y, x) in enumerate(corners(found))]
    together = list(project_units(found, layer, places, way))
    alone = [next(project_units(found, layer, [place], way)) for place in places]
    with allowing(Allowance(signals=1)):
        one_by_one = list(project_units(found, layer, places, way))
    assert max(np.abs(batch).max() for batch in together) > 0
    for batch, single, small in zip(together, alone, one_by_one, strict=True):
        assert batch.shape == (*SHAPE[1:], 1)
        np.testing.assert_allclose(single, batch, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(small, batch, rtol=1e-6, atol=1e-9)
