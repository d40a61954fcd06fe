"""What a model holds, asked by model rather than by graph."""

from __future__ import annotations

from collections.abc import Sequence

from convscope.engine.graphs import graph_of
from convscope.engine.layers import Layer, find_layers
from convscope.engine.layers import layers as layers_of
from convscope.models import Model
from convscope.rules.coverage import Coverage
from convscope.rules.coverage import coverage as coverage_of


def layers(model: Model, *, all_maps: bool = False) -> tuple[Layer, ...]:
    """The model's default layers, or with ``all_maps`` every op that gives feature maps; raises ExportError."""
    return layers_of(graph_of(model), all_maps=all_maps)


def coverage(model: Model, layers: Sequence[str] | None = None, method: str = "auto") -> Coverage:
    """The rule of every op on the way down from ``layers`` (addresses; default: all) under ``method``.

    Raises AddressError for an unknown layer and CoverageError for an unknown method; an op without a rule is listed
    as refused.
    """
    graph = graph_of(model)
    return coverage_of(graph, [layer.node for layer in find_layers(graph, layers)], method)
