"""What a correspondence experiment found: table 1 of Zeiler & Fergus 2013 for each layer, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from convscope.web.result_files import pick
from convscope.web.results.parts import objects
from convscope.web.results.values import Cell, Estimate, Findings, Table

COLUMNS = (
    "part", "images", "\N{GREEK CAPITAL LETTER DELTA}", "of random regions", "difference", "p", "features changed, %",
    "by random regions, %",
)  # fmt: skip


@dataclass(frozen=True)
class PartLine:
    """A line of the table: a part at a layer beside its random draws."""

    layer: str
    part: str
    images: int
    delta: float
    low: float | None  # 95% interval of delta
    high: float | None
    changed: float  # part of the features that the cover changes
    random_delta: float
    random_changed: float
    difference: float  # negative: more consistent than random regions
    difference_low: float | None
    difference_high: float | None
    p: float  # of the permutation test


@dataclass(frozen=True)
class LayerLine:
    """A layer whose features were compared."""

    layer: str
    dimensions: int


@dataclass(frozen=True)
class RandomLine:
    """The last line of the paper's table."""

    layer: str
    delta: float  # of random regions, over all parts


def correspondence_findings(facts: Mapping[str, Any], where: str) -> Findings:
    """The tables, one for each layer; AtlasFormatError if a fact is not as the command writes it."""
    lines = [pick(PartLine, entry, f"{where}: table") for entry in objects(facts, "table", where)]
    layers = [pick(LayerLine, entry, f"{where}: layers") for entry in objects(facts, "layers", where)]
    overall = [pick(RandomLine, entry, f"{where}: random") for entry in objects(facts, "random", where)]
    deltas = {line.layer: line.delta for line in overall}
    return Findings(
        tables=tuple(
            Table(
                title=f"Table 1 at {layer.layer}",
                columns=COLUMNS,
                rows=tuple(_cells(line) for line in lines if line.layer == layer.layer),
                remark=_remark(layer, deltas.get(layer.layer)),
                file="table.csv",
            )
            for layer in layers
        )
    )


def _cells(line: PartLine) -> tuple[Cell, ...]:
    return (
        line.part,
        line.images,
        Estimate(line.delta, line.low, line.high),
        line.random_delta,
        Estimate(line.difference, line.difference_low, line.difference_high),
        line.p,
        100 * line.changed,
        100 * line.random_changed,
    )


def _remark(layer: LayerLine, delta: float | None) -> str:
    overall = "" if delta is None else f" Random regions over all parts: {delta:.3f}."
    return (
        f"Over {layer.dimensions} features.{overall} The lower \N{GREEK CAPITAL LETTER DELTA}, the more alike is what "
        "covering the same part does in different images; a negative difference: more alike than covering random "
        "regions. Below a number its 95% interval over images."
    )
