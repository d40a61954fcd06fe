"""Sanity scores as the rows of tables."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from convscope.atlas.schema import TrustRow, column
from convscope.probes.trust.result import Likeness, Trust
from convscope.probes.trust.verdicts import TESTS


@dataclass(frozen=True)
class CascadeRow:
    """``cascade.parquet``: one row per method, layer and step of the cascade of the weight test."""

    method: str = column("deconvnet, guided_backprop or gradient", "string")
    layer: str = column("address of the layer", "string")
    reinitialised: int = column("ops below the layer whose weights are re-initialised, from the topmost down", "int32")
    of: int = column("ops below the layer that have weights", "int32")
    lowest: str = column("address of the lowest op that is re-initialised", "string")
    rank: float | None = column("mean rank correlation with the trained network's pictures", "float")
    absolute: float | None = column("the same of absolute values", "float")
    ssim: float | None = column("mean structural similarity, as displayed", "float")
    spread: float | None = column("standard deviation of the rank correlation over the pairs", "float")
    pairs: int = column("pairs that were compared", "int32")
    empty: int = column("pairs left out because one of the two pictures was empty", "int32")


def trust_rows(found: Trust) -> Iterator[TrustRow]:
    """One row per method, layer and test."""
    for row in found.rows:
        for test in TESTS:
            like = row.of(test)
            yield TrustRow(
                method=row.method,
                layer=row.layer,
                test=test,
                rank=known(like.rank),
                absolute=known(like.absolute),
                ssim=known(like.ssim),
                spread=known(like.spread),
                pairs=like.pairs,
                empty=like.empty,
                verdict=row.verdict(test),
                badge=row.badge,
                sentence=row.sentence,
            )


def cascade_rows(found: Trust) -> Iterator[CascadeRow]:
    """One row per method, layer and step."""
    for row in found.rows:
        for step in row.cascade:
            yield CascadeRow(row.method, row.layer, step.count, step.total, step.lowest, *_numbers(step.likeness))


def _numbers(like: Likeness) -> tuple[float | None, float | None, float | None, float | None, int, int]:
    return known(like.rank), known(like.absolute), known(like.ssim), known(like.spread), like.pairs, like.empty


def known(number: float) -> float | None:
    """A number; None where it is not defined."""
    return None if math.isnan(number) else number
