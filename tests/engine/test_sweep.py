"""Sweeps on windows against the network run on whole occluded images, in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from convscope.engine.changed import sums, value_at, whole
from convscope.engine.occluders import Occluders
from convscope.engine.sweep import sweep
from convscope.graph.export import export_graph
from convscope.graph.opgraph import OpGraph
from tests.nets import run
from tests.rules.random_nets import build, chains

SHAPE = (1, 17, 15)


def exported_in_double(net: nn.Module) -> OpGraph:
    torch.manual_seed(0)
    return export_graph(net.double().eval(), SHAPE)


def collected(graph: OpGraph, image: Tensor, occluders: Occluders, reads: Any, **options: Any) -> dict[str, Tensor]:
    found: dict[str, dict[int, Tensor]] = {name: {} for name in reads}
    for answers in sweep(graph, image, occluders, reads, **options):
        for name, values in answers.values.items():
            found[name].update(zip(answers.places, values, strict=True))
    return {name: torch.stack([by_place[p] for p in sorted(by_place)]) for name, by_place in found.items()}


sizes = st.tuples(st.integers(1, 5), st.integers(1, 5))


@pytest.mark.parametrize("windows", [True, False, None])
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(chain=chains, size=sizes, stride=st.integers(1, 5))
def test_windows_give_what_whole_images_give(
    windows: Any, chain: list[str], size: tuple[int, int], stride: int
) -> None:
    try:
        graph = exported_in_double(build(chain))
    except RuntimeError:
        return  # the map shrank to nothing
    image = torch.randn(1, *SHAPE, dtype=torch.float64)
    rows, columns = (tuple(range(0, n - s + 1, stride)) for n, s in zip(SHAPE[1:], size, strict=True))
    mask = torch.rand(size) < 0.7
    occluders = Occluders(rows, columns, mask, torch.randn(1, *SHAPE, dtype=torch.float64))
    values = run(graph, occluders.covered(image, range(len(occluders))))[graph.output]
    reads = {"all": (graph.output, whole), "sums": (graph.output, sums), "one": (graph.output, value_at(1, 0, 0))}
    found = collected(graph, image, occluders, reads, windows=windows)
    for name, expected in (("all", values), ("sums", values.sum((2, 3))), ("one", values[:, 1, 0, 0])):
        torch.testing.assert_close(found[name], expected, rtol=1e-9, atol=1e-9)
