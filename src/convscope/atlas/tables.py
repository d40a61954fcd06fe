"""Arrow schemas, record batches and file names, derived from the row types of ``schema.py``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import Field, fields
from functools import cache
from itertools import islice
from types import NoneType
from typing import Any, get_args, get_type_hints

import numpy as np
import pyarrow as pa

from convscope.atlas.schema import TABLES, ProjectionRow
from convscope.errors import AtlasError

PARTITIONED = frozenset({"projections", "pictures"})
"""Tables that are a folder of Parquet files; the others are one file."""

OPTIONAL = frozenset({"trust", "peaks", "spectra"})
"""Tables that an atlas may lack: it was not asked for them, or was made before there were any."""

PART_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")

ROWS_PER_GROUP = {"projections": 63, "pictures": 8}
"""Rows of one row group, where it is not the default: a reader fetches at least one group."""

GROUP_BYTES = 1_000_000
"""A row group of projections ends once it holds so many: seven units as pictures, a few raw numbers of whole images."""

DEFAULT_ROWS = 1 << 16

REPEATING = {"peaks": ("unit", "image")}
"""Columns of numbers that repeat row for row, stored as dictionaries like texts: next to nothing each."""

SPLIT = {"peaks": ("value",)}
"""Columns of floats stored byte by byte, so that signs and exponents, which are alike, are compressed together."""


def schema_of(row_type: type) -> pa.Schema:
    """The Arrow schema of a row type: types and documentation from its columns, nullable where ``| None``."""
    return _schema_of(row_type)


@cache
def _schema_of(row_type: type) -> pa.Schema:
    hints = get_type_hints(row_type)
    return pa.schema([_field(column, hints[column.name]) for column in fields(row_type)])


def _field(column: Field[Any], hint: Any) -> pa.Field:
    return pa.field(
        column.name,
        pa.type_for_alias(column.metadata["arrow"]),
        nullable=NoneType in get_args(hint),
        metadata={"doc": column.metadata["doc"]},
    )


def row_type_of(table: str) -> type:
    """The row type of a table; AtlasError if there is no such table."""
    if table not in TABLES:
        raise AtlasError(f"an atlas has no table {table!r}; its tables are {', '.join(TABLES)}.")
    return TABLES[table]


def file_of(table: str, part: str | None = None) -> str:
    """The path of a table, or of a part of a partitioned one, inside an atlas; AtlasError for an unsafe part name."""
    row_type_of(table)
    if table not in PARTITIONED:
        if part is not None:
            raise AtlasError(f"table {table} is a single file, so it has no part {part!r}.")
        return f"{table}.parquet"
    if part is None or not PART_NAME.fullmatch(part):
        raise AtlasError(
            f"table {table} is written in parts, and {part!r} cannot name one: use 1 to 200 of the "
            "characters A-Z a-z 0-9 . _ - and no leading dot."
        )
    return f"{table}/{part}.parquet"


def is_file_of_a_table(name: str) -> bool:
    """Whether ``file_of`` could have given this path."""
    table, slash, part = name.removesuffix(".parquet").partition("/")
    known = name.endswith(".parquet") and table in TABLES and (table in PARTITIONED) == bool(slash)
    return known and (not slash or PART_NAME.fullmatch(part) is not None)


def batches_of_rows(table: str, rows: Iterable[Any]) -> Iterator[pa.RecordBatch]:
    """Rows as record batches of one row group each, holding no more rows than that in memory."""
    row_type = row_type_of(table)
    names = schema_of(row_type).names
    for chunk in _light(_in_order(rows)) if table == "projections" else _chunks(iter(rows), table):
        for row in chunk:
            if type(row) is not row_type:
                raise AtlasError(f"table {table} takes {row_type.__name__}, got {type(row).__name__}.")
        yield batch_of_columns(table, {name: [getattr(row, name) for row in chunk] for name in names})


def _chunks(rows: Iterator[Any], table: str) -> Iterator[list[Any]]:
    while chunk := list(islice(rows, ROWS_PER_GROUP.get(table, DEFAULT_ROWS))):
        yield chunk


def _light(rows: Iterator[ProjectionRow]) -> Iterator[list[ProjectionRow]]:
    chunk: list[ProjectionRow] = []
    held = 0
    for row in rows:
        chunk.append(row)
        held += len(row.values)
        if len(chunk) == ROWS_PER_GROUP["projections"] or held >= GROUP_BYTES:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk


def _in_order(rows: Iterable[ProjectionRow]) -> Iterator[ProjectionRow]:
    """Passes rows on; AtlasError unless unit and rank rise in each layer, which readers rely on."""
    last: dict[str, tuple[int, int]] = {}
    for row in rows:
        place = (row.unit, row.rank)
        if place <= last.get(row.layer, (-1, -1)):
            raise AtlasError(
                f"table projections: {row.layer}:{row.unit}, rank {row.rank}, comes after unit and rank "
                f"{last[row.layer]}; rows have to be sorted by unit and rank, without repetition."
            )
        last[row.layer] = place
        yield row


def batch_of_columns(table: str, columns: Mapping[str, Any]) -> pa.RecordBatch:
    """One record batch from whole columns: arrays, lists, or one value (or None) for all rows.

    Raises AtlasError naming table and column for a missing or unknown column, a value that does not fit its
    type, a null where none may be, and columns of unequal length.
    """
    schema = schema_of(row_type_of(table))
    missing, unknown = set(schema.names) - set(columns), set(columns) - set(schema.names)
    if missing or unknown:
        raise AtlasError(f"table {table}: missing columns {sorted(missing)}, unknown columns {sorted(unknown)}.")
    lengths = {name: len(columns[name]) for name in schema.names if not _is_scalar(columns[name])}
    if len(set(lengths.values())) != 1:
        raise AtlasError(f"table {table}: columns need one common length, got {lengths}.")
    length = next(iter(lengths.values()))
    return pa.record_batch([_array(table, field, columns[field.name], length) for field in schema], schema=schema)


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, str | bytes | int | float | bool | np.generic)


def _array(table: str, field: pa.Field, value: Any, length: int) -> pa.Array:
    try:
        if _is_scalar(value):
            array = pa.repeat(pa.scalar(value, type=field.type), length)
        else:
            array = pa.array(value)
            array = array if array.type == field.type else _cast(array, field.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError) as error:
        raise AtlasError(f"table {table}, column {field.name}: cannot be stored as {field.type}: {error}") from error
    if array.null_count and not field.nullable:
        raise AtlasError(f"table {table}, column {field.name}: holds a null, but every row needs a value.")
    return array


def _cast(array: pa.Array, kind: pa.DataType) -> pa.Array:
    # Only double -> float may round; whole numbers that do not fit, and numbers for text, are mistakes.
    if pa.types.is_string(kind) and not pa.types.is_null(array.type):
        raise pa.ArrowTypeError(f"values of type {array.type}")
    return array.cast(kind)
