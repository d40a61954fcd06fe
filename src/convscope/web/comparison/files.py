"""A comparison's tables and summary, as files hold them."""

from __future__ import annotations

import io
import json
import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from convscope.atlas.comparison.layers import Matrix
from convscope.atlas.comparison.matching import NOBODY
from convscope.atlas.comparison.result import CompareAsk, Comparison, PairResult, summary_of
from convscope.atlas.reader import Atlas
from convscope.atlas.schema import column
from convscope.atlas.tables import schema_of
from convscope.version import installed_version
from convscope.web.comparison.diagnosis import Diagnosed

Atlases = tuple[Atlas, Atlas]
Diagnoses = tuple[Diagnosed, Diagnosed] | None
_FORMAT = 1
"""Of summary and tables: a folder of another one is not taken for finished."""


@dataclass(frozen=True)
class MatchRow:
    """``matches.csv`` and ``matches.parquet``: one row per unit of each compared layer of the first atlas."""

    layer: str = column("address of the layer in the first atlas", "string")
    unit: int = column("channel of the layer", "int32")
    dead: bool = column("true if no image of the set drives the unit", "bool")
    other_layer: str = column("address of the layer in the second atlas", "string")
    match: int | None = column("the most alike unit there; null if none is alike at all", "int32")
    match_dead: bool | None = column("whether that unit is dead", "bool")
    basis: str = column("what the score is: correlation of peaks, or overlap of top images", "string")
    score: float | None = column("score of the match", "float")
    chance: float | None = column("best score of the unit with permuted images; null if it cannot be compared", "float")
    counterpart: bool = column("true if the score is above chance", "bool")
    mutual: bool = column("true if the unit is the best match of its match, too", "bool")
    overlap: float | None = column("top images that both have, of all that either has", "float")
    expected_overlap: float | None = column("the same for as many images drawn by chance", "float")
    partner: int | None = column("unit in the one-to-one assignment; null if none, or not asked for", "int32")
    partner_score: float | None = column("its score", "float")


def match_table(found: Comparison) -> pa.Table:
    """All matches, layer by layer and unit by unit."""
    schema = schema_of(MatchRow)
    return pa.concat_tables([pa.table(_columns(result), schema=schema) for result in found.pairs])


def csv_of(table: pa.Table) -> bytes:
    """As CSV."""
    file = io.BytesIO()
    pyarrow.csv.write_csv(table, file)
    return file.getvalue()


def parquet_of(table: pa.Table) -> bytes:
    """As Parquet."""
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def asked_of(atlases: Atlases, ask: CompareAsk, diagnoses: Diagnoses) -> dict[str, Any]:
    """All that decides a comparison, ready for JSON."""
    return {
        "format": _FORMAT,
        "atlases": [_atlas_facts(atlas) for atlas in atlases],
        "layers": None if ask.layers is None else [list(pair) for pair in ask.layers],
        **asdict(ask.chance),
        "one_to_one": ask.one_to_one,
        "diagnoses": None if diagnoses is None else [each.key for each in diagnoses],
        "convscope": installed_version(),
    }


def facts_of(atlases: Atlases, found: Comparison, diagnoses: Diagnoses) -> dict[str, Any]:
    """What was asked, each pair of layers in numbers, the likeness of layers, and diagnoses, ready for JSON."""
    return {
        "asked": asked_of(atlases, found.ask, diagnoses),
        "images": found.images,
        "sampled": found.sampled,
        "top": found.top,
        "pairs": [asdict(summary_of(result)) for result in found.pairs],
        "cka": None if found.cka is None else _cka(found.layers, found.cka),
        "diagnoses": None if diagnoses is None else [dict(each.numbers) for each in diagnoses],
        "notes": list(found.notes),
    }


def _cka(layers: tuple[tuple[str, ...], tuple[str, ...]], values: Matrix) -> dict[str, Any]:
    rows = [[None if math.isnan(value) else value for value in row] for row in values.tolist()]
    return {"first": list(layers[0]), "second": list(layers[1]), "values": rows}


def json_of_facts(facts: dict[str, Any]) -> bytes:
    """As JSON."""
    return (json.dumps(facts, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode()


def _atlas_facts(atlas: Atlas) -> dict[str, Any]:
    model, data = atlas.manifest.model, atlas.manifest.data
    return {
        "key": atlas.manifest.key,
        "model": model.spec,
        "model_digest": model.digest,
        "images": data.name,
        "images_digest": data.digest,
    }


def _columns(result: PairResult) -> dict[str, pa.Array]:
    found, count = result.matches, len(result.matches.best)
    matched = found.best != NOBODY
    nothing = np.full(count, np.nan, np.float32)
    return {
        "layer": pa.repeat(result.pair.first.layer, count),
        "unit": pa.array(np.arange(count, dtype=np.int32)),
        "dead": pa.array(result.dead[0]),
        "other_layer": pa.repeat(result.pair.second.layer, count),
        "match": pa.array(found.best, mask=~matched),
        "match_dead": pa.array(result.dead[1][np.where(matched, found.best, 0)], mask=~matched),
        "basis": pa.repeat(result.basis, count),
        "score": _known(found.score),
        "chance": _known(found.chance),
        "counterpart": pa.array(found.counterpart),
        "mutual": pa.array(found.mutual),
        "overlap": _known(result.overlap),
        "expected_overlap": _known(result.expected),
        "partner": pa.nulls(count, pa.int32())
        if found.partner is None
        else pa.array(found.partner, mask=found.partner == NOBODY),
        "partner_score": _known(nothing if found.partner_score is None else found.partner_score),
    }


def _known(values: NDArray[np.float32]) -> pa.Array:
    return pa.array(values, from_pandas=True)  # NaN is null
