"""Classifiers as people use them, with random weights: windows against whole maps and against the module itself.

DenseNet, slow to export, is stood for by the dense block of awkward_nets. In single precision, so
equal within rounding: 1e-4 of the largest number.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
import torchvision
from torch import Tensor, nn

from convscope.engine.changed import whole
from convscope.engine.layers import layers
from convscope.engine.occluders import Occluders
from convscope.engine.project import Way, project_units
from convscope.engine.trace import trace
from convscope.graph.export import export_graph
from convscope.graph.opgraph import OpGraph
from tests.engine.test_sweep import collected

NAMES = (
    "squeezenet1_1",
    "googlenet",
    "resnet18",
    "shufflenet_v2_x0_5",
    "efficientnet_b0",
    "convnext_tiny",
    "mnasnet0_5",
)
SIZE = 64
TOLERANCE = 1e-4


@cache
def made(name: str) -> tuple[nn.Module, OpGraph, Tensor]:
    torch.manual_seed(0)
    settings = {"init_weights": False, "aux_logits": False} if name == "googlenet" else {}
    module = getattr(torchvision.models, name)(**settings).eval()
    image = torch.randn(1, 3, SIZE, SIZE)
    return module, export_graph(module, (3, SIZE, SIZE)), image


@pytest.mark.parametrize("name", NAMES)
def test_an_occluder_gives_what_the_module_gives(name: str) -> None:
    module, graph, image = made(name)
    mask = torch.ones(9, 12, dtype=torch.bool)
    patches = Occluders((0, 20, SIZE - 9), (3, SIZE - 12), mask, torch.randn(1, 3, SIZE, SIZE))
    with torch.inference_mode():
        expected = module(patches.covered(image, range(len(patches))))
    atol = TOLERANCE * float(expected.abs().max())
    found = collected(graph, image, patches, {"all": (graph.output, whole)}, windows=True)
    torch.testing.assert_close(found["all"], expected, rtol=0, atol=atol)


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_projects_as_on_whole_maps(name: str) -> None:
    _, graph, image = made(name)
    every = layers(graph)
    layer = every[len(every) // 2]
    recorded = trace(graph, image, layer.node)
    generator = np.random.default_rng(0)
    units, rows, columns = (generator.integers(n, size=2) for n in (layer.units, layer.height, layer.width))
    places = [(int(unit), int(y), int(x)) for unit, y, x in zip(units, rows, columns, strict=True)]
    places.append((0, layer.height - 1, 0))
    for way in (Way("gradient"), Way("guided_backprop", "last")):
        mine = list(project_units(recorded, layer, places, way))
        theirs = list(project_units(replace(recorded, local={}), layer, places, way))
        for one, other in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=TOLERANCE * float(np.abs(other).max()))


def test_captum_finds_the_same_map() -> None:
    attr = pytest.importorskip("captum.attr")
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 8, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(8, 8, 5, padding=2), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5),
    ).eval()  # fmt: skip
    image, fill = torch.randn(2, 1, 3, 48, 48)
    theirs = attr.Occlusion(module).attribute(
        image, sliding_window_shapes=(3, 8, 8), strides=(3, 8, 8), baselines=fill, target=2
    )
    graph = export_graph(module, (3, 48, 48))
    patches = Occluders(tuple(range(0, 48, 8)), tuple(range(0, 48, 8)), torch.ones(8, 8, dtype=torch.bool), fill)
    with torch.inference_mode():
        bare = module(image)[0, 2]
    for windows in (True, False, None):
        found = collected(graph, image, patches, {"all": (graph.output, whole)}, windows=windows)
        drop = (bare - found["all"][:, 2]).view(6, 6)
        torch.testing.assert_close(drop, theirs[0, 0, ::8, ::8], rtol=1e-4, atol=1e-6)
