"""Columns of a table in a result folder, with the types that are expected of them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from convscope.errors import AtlasFormatError

Types = Mapping[str, pa.DataType]


def parquet_columns(content: bytes, place: Path, types: Types) -> pa.Table:
    """The columns ``types`` of a Parquet file; AtlasFormatError naming ``place`` if it has them not, or is damaged."""
    try:
        table = pq.read_table(io.BytesIO(content), columns=list(types))
        found = table.select(list(types)).cast(pa.schema(list(types.items())))
        found.validate(full=True)  # that texts are UTF-8, among others
    except (pa.ArrowException, KeyError, OSError, UnicodeDecodeError) as error:
        raise _damaged(place, error) from error
    return found


def csv_columns(content: bytes, place: Path, types: Types) -> pa.Table:
    """The same of a CSV file, as this program writes it: empty is null, text is quoted."""
    options = pyarrow.csv.ConvertOptions(
        column_types=dict(types),
        include_columns=list(types),
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        null_values=[""],
    )
    parsing = pyarrow.csv.ParseOptions(newlines_in_values=True)
    try:
        found = pyarrow.csv.read_csv(io.BytesIO(content), parse_options=parsing, convert_options=options)
    except (pa.ArrowException, KeyError, OSError) as error:
        raise _damaged(place, error) from error
    for name in found.column_names:
        column = found.column(name)
        if pa.types.is_floating(column.type) and not pc.all(pc.is_finite(column), min_count=0).as_py():
            raise _damaged(place, ValueError(f"column {name} has numbers that are NaN or infinite"))
    return found


def _damaged(place: Path, error: Exception) -> AtlasFormatError:
    return AtlasFormatError(f"{place} is not as this program writes it ({error}). Make the result again.")
