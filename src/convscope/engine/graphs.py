"""One graph per model and device: exported when first needed, kept for as long as the model lives."""

from __future__ import annotations

import hashlib
from weakref import WeakKeyDictionary

from torch import nn

from convscope.graph.export import export_graph
from convscope.graph.opgraph import OpGraph
from convscope.models import Model

_graphs: WeakKeyDictionary[nn.Module, dict[str, OpGraph]] = WeakKeyDictionary()


def digest_of(model: Model) -> str:
    """SHA-256 (hex) of all that decides an activation: weights, ops and preprocessing."""
    parts = (model.digest, graph_of(model).fingerprint, repr(model.preprocessing))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def graph_of(model: Model, device: str = "cpu") -> OpGraph:
    """The model's graph for its own input size, its constants on ``device``; raises ExportError."""
    made = _graphs.setdefault(model.module, {})
    if device not in made:
        size = model.preprocessing
        # Exported where the module is: the user's own device placement is not ours to change.
        exported = made.get("") or export_graph(model.module, (size.channels, size.height, size.width))
        made[""], made[device] = exported, exported.to(device)
    return made[device]
