"""The tables of a diagnosis: their columns, and how results fill them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.atlas.schema import column
from convscope.probes.diagnosis.result import Diagnosis, FilterLayer
from convscope.spectrum import BANDS


@dataclass(frozen=True)
class FilterRow:
    """``filters.parquet``: one row per filter; frequencies only for the first layer."""

    model: str = column("how the model was named", "string")
    layer: str = column("address of the convolution", "string")
    depth: int = column("order of the convolution from the input, from 0", "int32")
    unit: int = column("number of the filter", "int32")
    rms: float = column("root mean square of its weights, batch normalisation folded in", "float")
    ratio: float = column("the same in units of the layer's median", "float")
    duplicate_of: int | None = column("first filter of the layer that it repeats; null: none", "int32")
    cosine: float | None = column("largest cosine with another filter; null where none can be compared", "float")
    dead: bool | None = column("its unit never answered; null without images, or behind a sum", "bool")
    peak: float | None = column("frequency of its largest power, cycles per pixel", "float")
    angle: float | None = column("direction of that frequency, degrees: 0 changes along a row", "float")
    low: float | None = column("share of its power below 1/8 cycles per pixel", "float")
    mid: float | None = column("share from 1/8 to 1/4", "float")
    high: float | None = column("share from 1/4 on", "float")


@dataclass(frozen=True)
class UnitRow:
    """``units.parquet``: one row per unit of the layers whose answers were counted."""

    model: str = column("how the model was named", "string")
    layer: str = column("address of the layer", "string")
    unit: int = column("channel of the layer", "int32")
    dead: bool = column("never above zero behind a rectifier; else: its value never changed", "bool")
    density: float = column("share of its values above zero", "float")
    images: float = column("share of images with a value above zero", "float")
    saturated: float = column("share of its values at a limit of the op", "float")
    lowest: float = column("smallest value", "float")
    highest: float = column("largest value", "float")


@dataclass(frozen=True)
class StridedRow:
    """``strided.parquet``: one row per measured channel of each op that drops positions."""

    model: str = column("how the model was named", "string")
    layer: str = column("address of the op", "string")
    depth: int = column("order among these ops from the input, from 0", "int32")
    op: str = column("name of the op", "string")
    unit: int = column("channel", "int32")
    above: float | None = column("share of its energy above the new Nyquist limit; null: it is constant", "float")
    op_above: float = column("the same for all measured channels together", "float")
    op_agreement: float | None = column("shift consistency of the op; null: maps too small", "float")


@dataclass(frozen=True)
class FindingRow:
    """``findings.csv``: one row per finding, worst first."""

    model: str = column("how the model was named", "string")
    severity: str = column("strong, mild or none", "string")
    kind: str = column("what it is about", "string")
    layer: str = column("address; empty for the whole network", "string")
    number: float = column("the number that it rests on", "double")
    what: str = column("what was met, in words", "string")
    against: str = column("how reference networks do", "string")
    advice: str = column("what to change; empty where there is nothing to change", "string")
    source: str = column("where the advice comes from", "string")


def filter_columns(found: Diagnosis, model: str) -> Iterator[Mapping[str, Any]]:
    """Each convolution's filters."""
    dead = {layer.address: layer.dead for layer in found.activity}
    for depth, layer in enumerate(found.filters):
        first = depth == 0 and found.first is not None and found.first.address == layer.address
        yield {
            "model": model,
            "layer": layer.address,
            "depth": depth,
            "unit": np.arange(layer.units),
            "rms": layer.sizes.rms,
            "ratio": layer.sizes.ratio,
            "dead": None if layer.activity is None else dead[layer.activity],
            **_twin_columns(layer),
            **(_frequency_columns(found) if first else dict.fromkeys(["peak", "angle", *BANDS])),
        }


def _twin_columns(layer: FilterLayer) -> Mapping[str, Any]:
    if layer.twins is None:
        return {"duplicate_of": None, "cosine": None}
    repeated = [None if number < 0 else int(number) for number in layer.twins.of]
    return {"duplicate_of": repeated, "cosine": layer.twins.cosine}


def _frequency_columns(found: Diagnosis) -> Mapping[str, Any]:
    if found.first is None or found.first.spectra is None:
        return dict.fromkeys(["peak", "angle", *BANDS])
    spectra = found.first.spectra
    return {"peak": spectra.peak, "angle": spectra.angle, **dict(zip(BANDS, spectra.shares.T, strict=True))}


def unit_columns(found: Diagnosis, model: str) -> Iterator[Mapping[str, Any]]:
    """Each layer's units."""
    for layer in found.activity:
        names = ("dead", "density", "images", "saturated", "lowest", "highest")
        values = {name: getattr(layer, name) for name in names}
        yield {"model": model, "layer": layer.address, "unit": np.arange(layer.units), **values}


def strided_columns(found: Diagnosis, model: str) -> Iterator[Mapping[str, Any]]:
    """Each strided op's measured channels."""
    for depth, op in enumerate(found.strided):
        yield {
            "model": model,
            "layer": op.address,
            "depth": depth,
            "op": op.op,
            "unit": np.array(op.measured),
            "above": _with_nulls(op.per_unit),
            "op_above": op.above,
            "op_agreement": op.agreement,
        }


def _with_nulls(values: NDArray[np.float32]) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


def finding_rows(found: Diagnosis, model: str) -> Iterator[FindingRow]:
    """All findings."""
    for each in found.findings:
        yield FindingRow(
            model, each.severity, each.kind, each.layer, each.number, each.what, each.against, each.advice, each.source
        )
