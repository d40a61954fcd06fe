"""The strongest activations of a whole atlas as columns, for work that goes through all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pyarrow.dataset as ds
from numpy.typing import NDArray

from convscope.atlas.schema import TopRow
from convscope.atlas.store import damage_named


@dataclass(frozen=True)
class Tops:
    """Those of one layer among all images, unit by unit and strongest first: columns of ``top.parquet``, one length."""

    unit: NDArray[np.int32]
    rank: NDArray[np.int32]
    image: NDArray[np.int32]
    value: NDArray[np.float32]
    y: NDArray[np.int32]
    x: NDArray[np.int32]


def read_tops(tables: Mapping[str, ds.Dataset], layer: str) -> Tops:
    """The strongest activations of a layer; empty for one that has none."""
    where = (ds.field("layer") == layer) & ds.field("among").is_null()
    names = [column.name for column in fields(Tops)]
    with damage_named(tables["top"], TopRow):
        found = tables["top"].to_table(columns=names, filter=where)
    return Tops(*(column.to_numpy() for column in found.columns))


def images_on_top(tables: Mapping[str, ds.Dataset]) -> list[int]:
    """The images that are among the strongest of any unit, among all images or those of a class, in order."""
    with damage_named(tables["top"], TopRow):
        found: list[Any] = tables["top"].to_table(columns=["image"])["image"].unique().to_pylist()
    return sorted(found)
