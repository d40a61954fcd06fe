"""What a page on correspondence says, as a plain value made from the folder of one experiment."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from convscope.atlas.strictjson import decode
from convscope.errors import AtlasError, AtlasFormatError

FACTS = "correspondence.json"
CHOICES = ("zero", "where", "draws", "spread", "fill", "seed", "permutations")
T = TypeVar("T")


@dataclass(frozen=True)
class PartLine:
    """A line of table 1: a part at a layer beside its random draws."""

    layer: str
    part: str
    images: int
    delta: float
    spread: float | None  # what stands behind ±
    low: float | None  # 95% interval of delta
    high: float | None
    changed: float  # part of the dimensions that the cover changes
    random_delta: float
    random_spread: float | None
    random_changed: float
    difference: float  # negative: more consistent than random regions
    difference_low: float | None
    difference_high: float | None
    p: float  # of the permutation test
    random: tuple[float, ...]  # delta of each random draw


@dataclass(frozen=True)
class LayerTable:
    """Table 1 for one layer."""

    layer: str
    dimensions: int
    random_delta: float  # over all parts: the last line of the paper's table
    lines: tuple[PartLine, ...]


@dataclass(frozen=True)
class Choice:
    """A setting that the paper leaves open, and what was chosen."""

    name: str
    value: str


@dataclass(frozen=True)
class LeftOut:
    """A part that was not used on an image, or with an empty name the whole image."""

    image: str
    part: str
    reason: str


@dataclass(frozen=True)
class CorrespondencePage:
    """One experiment: its table by layers, its pictures by file name, and what a reader has to know."""

    model: str
    images: str  # name of the image set
    parts: tuple[str, ...]
    layers: tuple[LayerTable, ...]
    choices: tuple[Choice, ...]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]
    figure: str
    table: str


def correspondence_page(folder: str | Path) -> CorrespondencePage:
    """The page of a folder that ``convscope correspond`` wrote.

    Raises AtlasError if there is no finished result, and AtlasFormatError if a file is damaged.
    """
    place = Path(folder)
    try:
        text = (place / FACTS).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise AtlasError(f"{place} holds no finished correspondence ({FACTS} is missing)") from None
    try:
        return _page(json.loads(text), _draws(place / "random.parquet"))
    except (ValueError, KeyError, TypeError, AttributeError, OSError, pa.ArrowException, AtlasFormatError) as error:
        raise AtlasFormatError(
            f"{place} is not as `convscope correspond` writes it: {type(error).__name__}: {error}. Run it again with "
            "--overwrite"
        ) from error


def _page(facts: dict[str, Any], draws: dict[tuple[str, str], tuple[float, ...]]) -> CorrespondencePage:
    lines = [_picked(PartLine, row | {"random": list(draws[row["layer"], row["part"]])}) for row in facts["table"]]
    overall = {entry["layer"]: entry["delta"] for entry in facts["random"]}
    return CorrespondencePage(
        model=_text(facts["model"]["spec"]),
        images=_text(facts["images"]["name"]),
        parts=tuple(dict.fromkeys(line.part for line in lines)),
        layers=tuple(_layer(entry | {"random_delta": overall[entry["layer"]]}, lines) for entry in facts["layers"]),
        choices=tuple(Choice(name, _text(facts["settings"][name])) for name in CHOICES),
        left_out=tuple(_picked(LeftOut, entry) for entry in facts["left_out"]),
        notes=tuple(map(_text, facts["notes"])),
        figure="figure.png",
        table="table.png",
    )


def _layer(entry: dict[str, Any], lines: list[PartLine]) -> LayerTable:
    empty = _picked(LayerTable, entry | {"lines": []})
    return LayerTable(
        empty.layer, empty.dimensions, empty.random_delta, tuple(line for line in lines if line.layer == empty.layer)
    )


def _picked(kind: type[T], entry: dict[str, Any]) -> T:
    """The fields of ``kind`` out of an entry that may hold more, strictly typed."""
    wanted = {field.name: entry[field.name] for field in fields(kind)}  # type: ignore[arg-type]
    return decode(kind, wanted, FACTS)


def _text(value: object) -> str:
    if not isinstance(value, str | int):
        raise TypeError(f"{str(value)[:40]!r} is no name or number")
    return str(value)


def _draws(path: Path) -> dict[tuple[str, str], tuple[float, ...]]:
    table = pq.read_table(path, columns=["layer", "part", "draw", "delta"])
    found: dict[tuple[str, str], list[float]] = {}
    for row in table.sort_by("draw").to_pylist():
        found.setdefault((row["layer"], row["part"]), []).append(row["delta"])
    return {key: tuple(deltas) for key, deltas in found.items()}
