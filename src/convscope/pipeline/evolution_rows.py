"""The tables of an evolution: their columns, and how results fill them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.atlas.schema import column
from convscope.probes.evolution.likeness import Curve
from convscope.probes.evolution.record import NONE
from convscope.probes.evolution.result import Evolution, LayerEvolution


@dataclass(frozen=True)
class EvolutionRow:
    """``evolution.parquet``: one row per checkpoint, layer and unit."""

    checkpoint: str = column("label of the checkpoint", "string")
    position: float = column("epoch, step, or whatever the labels count", "double")
    layer: str = column("address of the layer", "string")
    depth: int = column("order of the layer from the input, from 0", "int32")
    unit: int = column("channel of the layer", "int32")
    image: str | None = column("the winner: image with the strongest activation; null if none is above 0", "string")
    value: float | None = column("its activation", "float")
    y: int | None = column("row of the map where it is", "int32")
    x: int | None = column("column of the map", "int32")
    jump: bool = column("the winner is another image than at the checkpoint before", "bool")
    overlap: float | None = column("share of the final strongest images that are among the strongest", "float")
    ranking: float | None = column("rank correlation with the final checkpoint, over the sample of images", "float")
    projection: float | None = column("cosine with the final projection at the fixed place; null if not shown", "float")


@dataclass(frozen=True)
class CurveRow:
    """``curves.csv``: one row per checkpoint and layer; medians and quartiles over units."""

    checkpoint: str = column("label of the checkpoint", "string")
    position: float = column("epoch, step, or whatever the labels count", "double")
    layer: str = column("address of the layer", "string")
    depth: int = column("order of the layer from the input, from 0", "int32")
    ranking: float | None = column("median rank correlation with the final checkpoint", "double")
    ranking_low: float | None = column("its lower quartile", "double")
    ranking_high: float | None = column("its upper quartile", "double")
    ranking_unrelated: float | None = column("the same between different units of the final checkpoint", "double")
    projection: float | None = column("median cosine of projections with the final ones", "double")
    projection_low: float | None = column("its lower quartile", "double")
    projection_high: float | None = column("its upper quartile", "double")
    projection_unrelated: float | None = column("the same between different units of the final checkpoint", "double")
    jumps: float | None = column("share of units whose winner is another image than one checkpoint before", "double")


def evolution_columns(found: Evolution) -> Iterator[Mapping[str, Any]]:
    """All units at all checkpoints, checkpoint by checkpoint."""
    names = np.array(found.images, object)
    for number, (label, position) in enumerate(zip(found.labels, found.positions, strict=True)):
        for depth, layer in enumerate(found.layers):
            there = layer.image[number] != NONE
            yield {
                "checkpoint": label,
                "position": position,
                "layer": layer.address,
                "depth": depth,
                "unit": np.arange(layer.units),
                "image": _where(there, names[layer.image[number]]),
                "value": _where(there, layer.value[number]),
                "y": _where(there, layer.y[number]),
                "x": _where(there, layer.x[number]),
                "jump": layer.jump[number],
                "overlap": _numbers(layer.overlap[number]),
                "ranking": _numbers(layer.ranking.values[number]),
                "projection": _numbers(_spread(layer, number)),
            }


def _where(there: NDArray[np.bool_], values: NDArray[Any]) -> list[Any]:
    return [value if known else None for known, value in zip(there, values.tolist(), strict=True)]


def _numbers(values: NDArray[np.floating]) -> list[float | None]:
    return [None if np.isnan(value) else value for value in values.tolist()]


def _spread(layer: LayerEvolution, number: int) -> NDArray[np.float32]:
    """Similarities of the units shown, in the places of all units."""
    spread = np.full(layer.units, np.nan, np.float32)
    spread[list(layer.shown)] = layer.projection.values[number]
    return spread


def curve_rows(found: Evolution) -> Iterator[CurveRow]:
    """The curves of every layer, checkpoint by checkpoint."""
    for number, (label, position) in enumerate(zip(found.labels, found.positions, strict=True)):
        for depth, layer in enumerate(found.layers):
            (jumps,) = _numbers(layer.jumps[number : number + 1])
            curves = _at("ranking", layer.ranking, number) | _at("projection", layer.projection, number)
            yield CurveRow(label, position, layer.address, depth, jumps=jumps, **curves)


def _at(name: str, curve: Curve, number: int) -> dict[str, float | None]:
    median, low, high = _numbers(np.array([curve.median[number], curve.low[number], curve.high[number]]))
    return {name: median, f"{name}_low": low, f"{name}_high": high, f"{name}_unrelated": curve.unrelated}


def layer_facts(found: Evolution) -> list[dict[str, Any]]:
    """Each layer in a few numbers, ready for JSON."""
    return [
        {
            "layer": layer.address,
            "units": layer.units,
            "shown": list(layer.shown),
            "silent_at_the_end": int((layer.image[-1] == NONE).sum()),
            "jumps": _numbers(layer.jumps),
            "ranking": _curve_facts(layer.ranking),
            "projection": _curve_facts(layer.projection),
        }
        for layer in found.layers
    ]


def _curve_facts(curve: Curve) -> dict[str, Any]:
    return {
        "settled": curve.settled,
        "units": curve.counted,
        "unrelated": curve.unrelated,
        "median": _numbers(curve.median),
    }


def projections_npz(found: Evolution) -> bytes:
    """Projections and patches of the units shown as a NumPy archive, readable without pickles.

    ``projection_D_U_C`` float32 and ``patch_D_U_C`` uint8, (height, width, channels), are of unit U of the layer with
    depth D at the checkpoint numbered C, and ``box_D_U_C`` the pixels (top, left, bottom, right) that they cover;
    silent units have none.
    """
    arrays: dict[str, Any] = {"positions": np.array(found.positions)}
    for depth, layer in enumerate(found.layers):
        for number, line in enumerate(layer.drawn):
            for drawn in line:
                if drawn is not None:
                    name = f"{depth}_{drawn.place.unit}_{number}"
                    arrays[f"projection_{name}"] = drawn.projection
                    arrays[f"patch_{name}"] = drawn.patch
                    arrays[f"box_{name}"] = np.array(drawn.place.box)
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()
