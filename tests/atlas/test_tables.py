from __future__ import annotations

from dataclasses import astuple, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from convscope.atlas.schema import TABLES, ImageRow, TopRow
from convscope.atlas.tables import ROWS_PER_GROUP, batch_of_columns, batches_of_rows, schema_of
from convscope.atlas.writer import write_columns, write_table
from convscope.errors import AtlasError

PYTHON_TO_ARROW = {"int": "int32", "str": "string", "float": "float", "bool": "bool", "bytes": "binary"}
TOP = TopRow("a", 1, None, 0, 3, 0.5, 1, 2, 0, 0, 7, 7, False)


@pytest.mark.parametrize("table", TABLES)
def test_schema_follows_annotations(table: str) -> None:
    schema = schema_of(TABLES[table])
    annotations = {field.name: str(field.type) for field in fields(TABLES[table])}
    assert schema.names == list(annotations)
    for column in schema:
        kind, _, null = annotations[column.name].partition(" | ")
        assert column.type == pa.type_for_alias(PYTHON_TO_ARROW[kind])
        assert column.nullable == (null == "None")
        assert column.metadata[b"doc"]


def columns_of(rows: list[TopRow]) -> dict[str, Any]:
    return {f.name: [getattr(row, f.name) for row in rows] for f in fields(TopRow)}


def test_columns_and_rows_make_the_same_file(tmp_path: Path) -> None:
    rows = [replace(TOP, rank=rank, among=among) for among in (None, "cat") for rank in range(3)]
    by_row = pq.read_table(write_table(tmp_path, "top", rows))
    columns = columns_of(rows)
    arrays = {name: np.array(column) for name, column in columns.items() if name != "among"}
    by_column = pq.read_table(write_columns(tmp_path, "top", [arrays | {"among": columns["among"]}]))
    assert by_row == by_column
    assert [tuple(row.values()) for row in by_row.to_pylist()] == [astuple(row) for row in rows]


def test_one_value_stands_for_all_rows() -> None:
    columns = columns_of([TOP]) | {
        "rank": np.arange(4),
        "layer": "conv",
        "among": None,
        "value": np.float32(2),
    }
    columns |= {name: value[0] for name, value in columns.items() if isinstance(value, list)}
    batch = batch_of_columns("top", columns)
    assert batch.num_rows == 4
    assert batch.column("layer").to_pylist() == ["conv"] * 4
    assert batch.column("among").null_count == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": [2**31]}, "column image"),
        ({"image": [1.5]}, "column image"),
        ({"image": ["x"]}, "column image"),
        ({"image": [None]}, "column image: holds a null"),
        ({"layer": [3]}, "column layer"),
        ({"layer": None}, "column layer: holds a null"),
        ({"image": [1, 2]}, "one common length"),
        ({"imag": [1]}, "unknown columns.*imag"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(AtlasError, match=message):
        batch_of_columns("top", columns_of([TOP]) | change)


def test_rows_of_another_table_are_refused() -> None:
    with pytest.raises(AtlasError, match="top takes TopRow, got ImageRow"):
        list(batches_of_rows("top", [ImageRow(0, "a", None, 1, 1, None)]))
    with pytest.raises(AtlasError, match="no table 'tops'"):
        list(batches_of_rows("tops", []))


def test_a_batch_is_one_row_group_and_rows_come_as_needed() -> None:
    taken = []

    def rows() -> Any:
        for image in range(1000):
            taken.append(image)
            yield TABLES["pictures"](image, 1, 1, "png", b"x")

    first = next(batches_of_rows("pictures", rows()))
    assert first.num_rows == len(taken) == ROWS_PER_GROUP["pictures"]


def test_projections_out_of_order_are_refused() -> None:
    def row(layer: str, unit: int, rank: int) -> Any:
        return TABLES["projections"](layer, unit, rank, 0, "gradient", 0, 0, 1, 1, 1, 1.0, "float16", b"\0\0", None)

    for size, rows in ((10, 63), (100_000, 10), (2_000_000, 1)):
        many = (replace(row("b", unit, 0), values=bytes(size)) for unit in range(130))
        assert [batch.num_rows for batch in batches_of_rows("projections", many)][:2] == [rows, rows]
    fine = [row("b", 0, 0), row("b", 0, 2), row("a", 0, 0), row("b", 1, 0)]
    assert sum(batch.num_rows for batch in batches_of_rows("projections", fine)) == 4
    for bad in (row("b", 1, 0), row("b", 0, 8)):
        with pytest.raises(AtlasError, match="sorted by unit and rank"):
            list(batches_of_rows("projections", [*fine, bad]))
