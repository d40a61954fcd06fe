"""One graph per model and device: exported when first needed, kept for as long as the model lives."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn

from convscope.errors import ExportError
from convscope.graph.export import export_graph
from convscope.graph.fold import channels_last
from convscope.graph.opgraph import OpGraph
from convscope.models import Model

Key = tuple[str, tuple[int, int, int]]
"""Device, empty for where the module is, and the size of the input."""

_graphs: WeakKeyDictionary[nn.Module, dict[Key, OpGraph]] = WeakKeyDictionary()


def digest_of(model: Model) -> str:
    """SHA-256 (hex) of all that decides an activation: weights, ops and preprocessing."""
    parts = (model.digest, graph_of(model).fingerprint, repr(model.preprocessing))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def graph_of(model: Model, device: str = "cpu") -> OpGraph:
    """The model's graph for its own input size, its constants on ``device``; raises ExportError."""
    made = _graphs.setdefault(model.module, {})
    shape = (model.preprocessing.channels, model.preprocessing.height, model.preprocessing.width)
    if (device, shape) not in made:
        # Exported where the module is: the user's own device placement is not ours to change.
        exported = made.get(("", shape)) or _export(model.module, shape)
        made["", shape], made[device, shape] = exported, channels_last(exported.to(device))
    return made[device, shape]


def _export(module: nn.Module, shape: tuple[int, int, int]) -> OpGraph:
    others = {entry.dtype for entry in module.parameters() if entry.is_floating_point()} - {torch.float32}
    if others:
        raise ExportError(
            f"{type(module).__name__} has parameters of {', '.join(sorted(map(str, others)))}, and everything is "
            "computed in float32. Call .float() on the module before handing it over"
        )
    return export_graph(module, shape)


@dataclass(frozen=True)
class Carried:
    """A model that may go to another process. What arrives there is its graph, so neither its code nor its file is
    needed, and it cannot be another one; its module does nothing.
    """

    model: Model

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _arrived, (replace(self.model, module=nn.Module().eval()), graph_of(self.model))


def _arrived(model: Model, graph: OpGraph) -> Carried:
    shape = (model.preprocessing.channels, model.preprocessing.height, model.preprocessing.width)
    _graphs[model.module] = {("", shape): graph}
    return Carried(model)
