"""What happened to each unit, from ``evolution.parquet``, and the quartiles of the curves, from ``curves.csv``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from convscope.errors import AtlasFormatError
from convscope.web.columns import csv_columns, parquet_columns
from convscope.web.evolution.facts import EvolutionFacts
from convscope.web.result_files import ResultFiles

TABLE, CURVES = "evolution.parquet", "curves.csv"
_UNITS = {
    "position": pa.float64(),
    "layer": pa.string(),
    "unit": pa.int32(),
    "image": pa.string(),
    "value": pa.float64(),
    "y": pa.int32(),
    "x": pa.int32(),
    "jump": pa.bool_(),
    "overlap": pa.float64(),
    "ranking": pa.float64(),
}
_QUARTILES = ("ranking_low", "ranking_high", "projection_low", "projection_high")
_BANDS = {"position": pa.float64(), "layer": pa.string(), **dict.fromkeys(_QUARTILES, pa.float64())}

Numbers = tuple[float | None, ...]


@dataclass(frozen=True)
class LayerCourse:
    """A layer over all checkpoints. ``jump`` and ``there`` are (checkpoints, units); ``rows`` are of all units.

    A unit that is not ``there`` has no activation above zero at that checkpoint.
    """

    rows: pa.Table  # checkpoint by checkpoint, in each the units in order
    units: int
    jump: NDArray[np.bool_]
    there: NDArray[np.bool_]
    bands: dict[str, Numbers]  # the quartiles, by column

    def column(self, name: str, unit: int) -> list[object]:
        """One column of one unit, by checkpoint."""
        found: list[object] = self.rows.column(name).take(pa.array(self._places(unit))).to_pylist()
        return found

    def peaks(self) -> NDArray[np.float64]:
        """The strongest activations (checkpoints, units), NaN where there is none."""
        values = self.rows.column("value").to_numpy()
        return np.asarray(values, np.float64).reshape(-1, self.units)

    def compared(self) -> NDArray[np.int64]:
        """How many units had a winner at a checkpoint and at the one before, (checkpoints,); 0 for the first."""
        both = np.zeros(self.there.shape, bool)
        both[1:] = self.there[1:] & self.there[:-1]
        return np.asarray(both.sum(1))

    def _places(self, unit: int) -> range:
        return range(unit, self.rows.num_rows, self.units)


def read_courses(files: ResultFiles, facts: EvolutionFacts) -> tuple[LayerCourse, ...]:
    """The course of every layer of ``facts``; AtlasFormatError where the tables are damaged or tell of others."""
    table = parquet_columns(files.read(TABLE), files.path / TABLE, _UNITS)
    bands = csv_columns(files.read(CURVES), files.path / CURVES, _BANDS)
    expected = sum(layer.units for layer in facts.layers) * len(facts.labels)
    if table.num_rows != expected:
        raise _other(files.path / TABLE, f"has {table.num_rows} rows, expected {expected}")
    if bands.num_rows != len(facts.layers) * len(facts.labels):
        raise _other(files.path / CURVES, f"has {bands.num_rows} rows, expected one per checkpoint and layer")
    return tuple(
        _course(_of_layer(table, layer.layer), layer.units, _of_layer(bands, layer.layer), facts, files.path)
        for layer in facts.layers
    )


def _course(rows: pa.Table, units: int, bands: pa.Table, facts: EvolutionFacts, folder: Path) -> LayerCourse:
    count = len(facts.positions)
    wanted = np.repeat(np.array(facts.positions), units), np.tile(np.arange(units), count)
    found = rows.column("position").to_numpy(), rows.column("unit").to_numpy()
    if not all(np.array_equal(one, other) for one, other in zip(found, wanted, strict=True)):
        raise _other(folder / TABLE, "has not one row for each checkpoint and unit of each layer, in order")
    if bands.column("position").to_pylist() != list(facts.positions):
        raise _other(folder / CURVES, "has other checkpoints")
    there = rows.column("value").is_valid().to_numpy()
    return LayerCourse(
        rows=rows,
        units=units,
        jump=pa.compute.fill_null(rows.column("jump"), fill_value=False).to_numpy().reshape(count, units),
        there=there.reshape(count, units),
        bands={name: tuple(bands.column(name).to_pylist()) for name in _QUARTILES},
    )


def _of_layer(table: pa.Table, layer: str) -> pa.Table:
    # By NumPy: a name from JSON may hold half of a pair of surrogates, of which Arrow can make no text.
    return table.filter(pa.array(table.column("layer").to_numpy() == layer, pa.bool_()))


def _other(place: Path, what: str) -> AtlasFormatError:
    return AtlasFormatError(f"{place} {what}. It does not belong to the facts beside it; make the result again.")
