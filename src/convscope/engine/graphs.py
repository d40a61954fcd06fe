"""One graph per model: exported when first needed, kept for as long as the model lives."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from torch import nn

from convscope.graph.export import export_graph
from convscope.graph.opgraph import OpGraph
from convscope.models import Model

_graphs: WeakKeyDictionary[nn.Module, OpGraph] = WeakKeyDictionary()


def graph_of(model: Model) -> OpGraph:
    """The model's graph for its own input size; raises ExportError."""
    if model.module not in _graphs:
        size = model.preprocessing
        _graphs[model.module] = export_graph(model.module, (size.channels, size.height, size.width))
    return _graphs[model.module]
