"""Checked access to the Parquet files of an atlas: read by filter, damage named by file and column."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import reduce
from operator import and_
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow.fs import LocalFileSystem

from convscope.atlas.schema import FORMAT_VERSION, TABLES
from convscope.atlas.tables import OPTIONAL, PARTITIONED, schema_of
from convscope.atlas.versions import assumed
from convscope.errors import AtlasError, AtlasFormatError
from convscope.regular import require_regular

Row = TypeVar("Row")

ONE_GROUP = 1024
"""Rows per batch while streaming: more than a row group of projections has, so a group stays whole."""


def check_name(folder: Path) -> None:
    """Raise AtlasError for a folder in which Arrow can name no file, because its name is not UTF-8."""
    try:
        str(folder).encode("utf-8")
    except UnicodeEncodeError:
        raise AtlasError(
            f"the name {str(folder)!r} holds bytes that are not UTF-8, and the tables of an atlas can neither be "
            "written nor read there. Rename the folder, or choose another one."
        ) from None


def open_tables(folder: Path, version: int = FORMAT_VERSION) -> Mapping[str, ds.Dataset]:
    """Every table of the atlas in ``folder``, its columns checked; a partitioned or optional table may be absent.

    Columns that a format of this ``version`` lacks are there, with the value that is assumed. Raises AtlasFormatError
    naming the file and the columns that are missing or of another type.
    """
    return {table: open_table(folder, table, version) for table in TABLES}


def open_table(folder: Path, table: str, version: int = FORMAT_VERSION) -> ds.Dataset:
    """One of the tables, as ``open_tables`` opens it, whatever the others are like."""
    schema, lacking = schema_of(TABLES[table]), assumed(version, table)
    single = folder / f"{table}.parquet"
    if table in PARTITIONED:
        files = sorted((folder / table).glob("*.parquet"))
    elif single.exists() or table in OPTIONAL:
        files = [single] if single.exists() else []
    else:
        raise AtlasFormatError(f"{single} is missing. Restore it, or make the atlas again.")
    for file in files:
        _check_columns(file, schema, lacking)
    if not files:
        return ds.dataset(schema.empty_table())
    # What is known of all rows of a file need not be in it: so Arrow fills in the columns of its partitions.
    known = reduce(and_, (_is(name, value) for name, value in lacking.items()), ds.scalar(True))
    kind, disk = ds.ParquetFileFormat(), LocalFileSystem()
    fragments = [kind.make_fragment(str(file), filesystem=disk, partition_expression=known) for file in files]
    return ds.FileSystemDataset(fragments, schema, kind, disk)


def _is(name: str, value: str | None) -> ds.Expression:
    return ds.field(name).is_null() if value is None else ds.field(name) == value


def _check_columns(file: Path, schema: pa.Schema, lacking: Collection[str]) -> None:
    try:
        require_regular(file)
        with pq.ParquetFile(file) as opened:
            _require_types(opened)
            found = opened.schema_arrow
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise AtlasFormatError(f"{file} is not a whole Parquet file: {error}. Make the atlas again.") from error
    problems = []
    for column in schema:
        if column.name in lacking:
            continue
        if column.name not in found.names:
            problems.append(f"column {column.name} is missing")
        elif found.field(column.name).type != column.type:
            problems.append(f"column {column.name} is {found.field(column.name).type}, expected {column.type}")
    if problems:
        raise AtlasFormatError(f"{file}: {'; '.join(problems)}. Restore the file, or make the atlas again.")


def _require_types(file: pq.ParquetFile) -> None:
    """Raise ArrowInvalid for a part of a column that says to be of another type than the column.

    Arrow ends the process when it is asked for the smallest and largest value of such a part, as every filter does.
    """
    types = [file.schema.column(place).physical_type for place in range(file.metadata.num_columns)]
    for group in map(file.metadata.row_group, range(file.metadata.num_row_groups)):
        for place, kind in enumerate(types):
            if (part := group.column(place)).physical_type != kind:
                raise pa.ArrowInvalid(f"column {part.path_in_schema} is {kind}, and a part of it {part.physical_type}")


def read_rows(table: ds.Dataset, row_type: type[Row], where: ds.Expression | None = None) -> tuple[Row, ...]:
    """The rows for which ``where`` holds, in the order of the files."""
    with damage_named(table, row_type):
        # Most questions are for a few rows of one row group, where handing out work costs more than doing it.
        return tuple(rows_of(table.to_table(filter=where, use_threads=False), row_type))


def rows_of(table: pa.Table | pa.RecordBatch, row_type: type[Row]) -> Iterator[Row]:
    """An Arrow table's rows as dataclasses; AtlasFormatError for a null where none may be."""
    for column in schema_of(row_type):
        if not column.nullable and table.column(column.name).null_count:
            raise AtlasFormatError(f"{_name(row_type)}, column {column.name}: a value is missing (null).")
    columns = [_values(table, name, row_type) for name in schema_of(row_type).names]
    return (row_type(*values) for values in zip(*columns, strict=True))


def _values(table: pa.Table | pa.RecordBatch, column: str, row_type: type) -> list[Any]:
    try:
        values: list[Any] = table.column(column).to_pylist()
    except UnicodeDecodeError as error:
        raise AtlasFormatError(
            f"{_name(row_type)}, column {column}: a text is not UTF-8 ({error}). Make the atlas again."
        ) from error
    return values


def merge_rows(
    table: ds.Dataset, row_type: type[Row], where: ds.Expression, key: Callable[[Row], Any]
) -> Iterator[Row]:
    """The rows for which ``where`` holds, in the order of ``key``; one row group per file is in memory.

    Each file has to be in that order already; how rows are spread over files does not matter.
    """

    def rows_of_file(fragment: ds.Fragment) -> Iterator[Row]:
        batches = fragment.to_batches(
            schema=schema_of(row_type),
            filter=where,
            batch_size=ONE_GROUP,
            batch_readahead=0,
            fragment_readahead=0,
            fragment_scan_options=ds.ParquetFragmentScanOptions(pre_buffer=False),  # else: the whole file
            use_threads=False,
        )
        with damage_named(table, row_type):
            for batch in batches:
                yield from rows_of(batch, row_type)

    return heapq.merge(*map(rows_of_file, table.get_fragments(filter=where)), key=key)


@contextmanager
def damage_named(table: ds.Dataset, row_type: type) -> Iterator[None]:
    """Turn a failure to read into an AtlasFormatError that names the file and the column."""
    try:
        yield
    except (pa.ArrowInvalid, OSError) as error:
        raise AtlasFormatError(
            f"{_find_damage(table.get_fragments(), row_type)}: {error}. Make the atlas again."
        ) from error


def _find_damage(fragments: Iterable[ds.Fragment], row_type: type) -> str:
    for fragment in fragments:
        lacking = ds.get_partition_keys(fragment.partition_expression)
        _check_columns(Path(fragment.path), schema_of(row_type), lacking)
        for name in (name for name in schema_of(row_type).names if name not in lacking):
            try:
                fragment.to_table(columns=[name])
            except (pa.ArrowInvalid, OSError):
                return f"{fragment.path}, column {name} is damaged"
    return f"table {_name(row_type)} cannot be read"


def _name(row_type: type) -> str:
    return next(name for name, kind in TABLES.items() if kind is row_type)
