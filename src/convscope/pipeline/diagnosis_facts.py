"""A diagnosis as files hold it: facts for JSON, and the first layer's raw numbers as a NumPy archive."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from convscope.pipeline.results import skips_facts
from convscope.probes.diagnosis.comparison import Difference
from convscope.probes.diagnosis.result import (
    ActivityLayer,
    Diagnosis,
    FilterLayer,
    FirstLayer,
    ShiftConsistency,
    StridedOp,
)


def diagnosis_facts(found: Diagnosis) -> dict[str, Any]:
    """Everything but the numbers per filter and unit, ready for JSON."""
    return {
        "images": found.images,
        "findings": [asdict(each) for each in found.findings],
        "first_layer": None if found.first is None else _first(found.first),
        "filters": [_filters(layer) for layer in found.filters],
        "activity": [_activity(layer) for layer in found.activity],
        "strided": [_strided(op) for op in found.strided],
        "shifts": None if found.shifts is None else _shifts(found.shifts),
        "left_out": [asdict(each) for each in found.left_out],
        "skipped": skips_facts(found.skipped),
        "notes": list(found.notes),
    }


def _first(first: FirstLayer) -> dict[str, Any]:
    spectra = first.spectra
    bands = None if spectra is None else dict(zip(("low", "mid", "high"), spectra.mean_shares, strict=True))
    return {
        "layer": first.address,
        "shape": list(first.filters.shape),
        "stride": list(first.stride),
        "power": bands,
        "mid_coverage": None if spectra is None else spectra.covered,
    }


def _filters(layer: FilterLayer) -> dict[str, Any]:
    twins = layer.twins
    return {
        "layer": layer.address,
        "units": layer.units,
        "inputs": layer.inputs,
        "kernel": list(layer.kernel),
        "stride": list(layer.stride),
        "groups": layer.groups,
        "median_rms": float(np.median(layer.sizes.rms)),
        "largest_ratio": layer.largest,
        "vanishing": int(layer.vanishing.sum()),
        "duplicates": None if twins is None else int((twins.of >= 0).sum()),
        "duplicates_from_cosine": None if twins is None else twins.least,
        "opposite_pairs": None if twins is None else twins.opposite,
    }


def _activity(layer: ActivityLayer) -> dict[str, Any]:
    return {
        "layer": layer.address,
        "op": layer.op,
        "units": layer.units,
        "rectified": layer.floor is not None,
        "gate": layer.gate,
        "dead": int(layer.dead.sum()),
        "density": float(layer.density.mean()),
        "saturated": float(layer.saturated.mean()) if layer.can_saturate else None,
    }


def _strided(op: StridedOp) -> dict[str, Any]:
    return {
        "layer": op.address,
        "op": op.op,
        "kernel": list(op.kernel),
        "stride": list(op.stride),
        "units": op.units,
        "measured": len(op.measured),
        "size": list(op.size),
        "above": op.above,
        "agreement": op.agreement,
    }


def _shifts(found: ShiftConsistency) -> dict[str, Any]:
    same = [float(value) for value in found.same]
    return {"pixels": list(found.pixels), "same": same, "mean": found.mean, "classes": found.classes}


def comparison_facts(differences: Sequence[Difference]) -> list[dict[str, Any]]:
    """A comparison, ready for JSON."""
    return [asdict(each) | {"difference": each.difference} for each in differences]


def first_layer_npz(found: Sequence[Diagnosis]) -> bytes:
    """First-layer filters and radial spectra of each model, numbered; readable with ``numpy.load`` without pickles."""
    arrays: dict[str, Any] = {}
    for number, each in enumerate(found):
        if each.first is not None:
            arrays[f"filters_{number}"] = each.first.filters
        if each.first is not None and each.first.spectra is not None:
            arrays[f"frequency_{number}"] = each.first.spectra.frequency
            arrays[f"radial_{number}"] = each.first.spectra.radial
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()
