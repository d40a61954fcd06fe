"""An occlusion map as files hold it: facts for JSON, and the raw numbers as a NumPy archive."""

from __future__ import annotations

import io
from dataclasses import asdict
from typing import Any

import numpy as np

from convscope.probes.occlusion.deletion import Scores
from convscope.probes.occlusion.map import LayerResponse, OcclusionMap


def facts_of(found: OcclusionMap, scored: Scores | None) -> dict[str, Any]:
    """The findings in numbers and words, ready for JSON."""
    top, left, bottom, right = found.peak_box
    return {
        "target": {
            "name": found.target.name,
            "quantity": found.target.quantity,
            "classes": list(found.target.classes),
            "unit": None if found.target.unit is None else str(found.target.unit),
            "unoccluded": found.unoccluded,
            "smallest": float(found.target_grid.min()),
            "largest": float(found.target_grid.max()),
        },
        "drop": {
            "largest": float(found.drop.max()),
            "mean": float(found.drop.mean(dtype=np.float64)),
            "peak": list(found.peak),
            "peak_box": {"top": top, "left": left, "bottom": bottom, "right": right},
        },
        "predicted": None if found.outputs.predicted is None else _class(found, found.outputs.predicted),
        "labels": _label_counts(found),
        "layers": [_layer_facts(layer) for layer in found.layers],
        "deletion": None if scored is None else {"area": scored.deletion.area, "fill": scored.deletion.fill},
        "insertion": None if scored is None else {"area": scored.insertion.area, "start": scored.insertion.fill},
        "computed_places": int(found.exact.sum()),
        "error": None if found.error is None else asdict(found.error),
        "notes": list(found.notes),
    }


def _class(found: OcclusionMap, index: int) -> dict[str, Any]:
    return {"index": index, "name": found.outputs.name(index)}


def _label_counts(found: OcclusionMap) -> list[dict[str, Any]]:
    if found.labels is None:
        return []
    labels, counts = np.unique(found.labels.index, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return [_class(found, int(labels[i])) | {"places": int(counts[i])} for i in order]


def _layer_facts(layer: LayerResponse) -> dict[str, Any]:
    return {
        "layer": layer.layer,
        "unit": layer.unit,
        "peak": layer.peak,
        "position": list(layer.position),
        "window": list(layer.window),
        "unoccluded_sum": layer.unoccluded,
        "smallest_sum": float(layer.sums.min()),
        "largest_sum": float(layer.sums.max()),
        "method": layer.method,
    }


def grids_npz(found: OcclusionMap, scored: Scores | None = None) -> bytes:
    """All numbers of a map as a NumPy archive; readable with ``numpy.load`` as it is, without pickles."""
    arrays: dict[str, Any] = {
        "rows": np.array(found.rows),
        "columns": np.array(found.columns),
        "mask": found.grid.mask,
        "view": found.view,
        "fill": found.fill,
        "target": found.target_grid,
        "drop": found.drop,
        "exact": found.exact,
    }
    if found.labels is not None:
        arrays |= {"label": found.labels.index, "label_probability": found.labels.probability}
    for number, layer in enumerate(found.layers):
        arrays[f"sums_{number}"] = layer.sums
        if layer.projection is not None:
            arrays[f"projection_{number}"] = layer.projection
    if scored is not None:
        arrays |= {"fractions": scored.deletion.fractions}
        arrays |= {"deletion": scored.deletion.values, "insertion": scored.insertion.values}
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()
