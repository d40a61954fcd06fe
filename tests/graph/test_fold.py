"""Rewritten graphs: the same numbers, in another order or layout."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from convscope.graph.export import export_graph
from convscope.graph.fold import channels_last, fold_batch_norm, linear_first
from tests.nets import run


class Turned(nn.Module):
    """Positions of a map as tokens, with two axes changed about before a linear layer."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__()
        self.axes = first, second
        self.linear = nn.Linear(5 if 2 not in (first % 3, second % 3) else 12, 4)

    def forward(self, images: Tensor) -> Tensor:
        tokens = images.flatten(2).transpose(1, 2)  # (n, 12, 5)
        turned = tokens.transpose(*self.axes)
        once, twice = self.linear(turned), self.linear(turned)
        return torch.add(once, twice.sin())


@pytest.mark.parametrize("axes", [(0, 1), (1, 0), (-2, -3), (1, 2), (-1, 1)])
def test_a_linear_layer_is_computed_in_memory_order(axes: tuple[int, int]) -> None:
    torch.manual_seed(0)
    module = Turned(*axes).double().eval()
    graph = export_graph(module, (5, 3, 4))
    found = linear_first(graph)
    images = torch.randn(3, 5, 3, 4, dtype=torch.float64)
    torch.testing.assert_close(run(found, images)[graph.output], module(images), rtol=0, atol=1e-12)
    moved = 2 not in (axes[0] % 3, axes[1] % 3)
    for node in found.nodes:
        if node.op == "linear":
            assert node.name.endswith(".ahead") == moved
            assert node.shape == ((1, 12, 4) if moved else (1, 5, 4))
    assert {node.name for node in graph.nodes} <= {node.name for node in found.nodes}


def test_constants_with_four_axes_have_their_channels_side_by_side() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(128, 4))
    graph = export_graph(module.double().eval(), (3, 6, 6))
    found = channels_last(graph)
    images = torch.randn(2, 3, 6, 6, dtype=torch.float64)
    torch.testing.assert_close(run(found, images)[graph.output], module(images), rtol=0, atol=1e-12)
    for each in (found, fold_batch_norm(found, frozenset())):
        weights = [value for value in each.constants.values() if value.dim() == 4]
        assert weights
        assert all(weight.is_contiguous(memory_format=torch.channels_last) for weight in weights)
    assert {name: value.shape for name, value in found.constants.items()} == {
        name: value.shape for name, value in graph.constants.items()
    }
