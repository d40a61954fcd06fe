"""Parquet files with one image per row, in the layouts of Hugging Face data sets or plain."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from convscope.errors import ImageError, ImageSetError
from convscope.images.entry import Entry, Listing, printable
from convscope.images.file import File, opened, unusable
from convscope.images.labels import name_labels
from convscope.images.patterns import Named

LAYOUT = (
    "Expected a column 'image' of binary, or of struct<bytes: binary, path: string>; "
    "optionally 'label' (integer or string) and 'name' or 'path' (string)."
)
State = tuple[int, str]
_one_reader = threading.RLock()
"""Threads that want the same group of rows wait for the one that reads it."""


@dataclass(frozen=True, slots=True)
class Row:
    """The image of a row, read when it is called; raises ImageError."""

    file: File
    state: State
    group: int
    row: int

    def __call__(self) -> bytes:
        """The bytes of the image."""
        try:
            with _one_reader:
                cell = _images(self.file, self.state, self.group)[self.row]
            if isinstance(cell, pa.StructScalar):  # the bytes, and a path that nobody asks for
                cell = cell["bytes"]
            value = cell.as_py()
        except (pa.ArrowException, OSError, IndexError) as error:
            raise ImageError("the Parquet file cannot be read at this row") from error
        if value is None:
            raise ImageError("the row holds no image bytes")
        return bytes(value)


@dataclass(frozen=True)
class _Table:
    """What is known of a file without reading images."""

    rows: list[Row]
    names: list[str]
    labels: list[Any]
    declared: list[str]


def read_table(file: File) -> Listing:
    """The rows in their order, named by the column ``name`` or ``path``, else by number; images stay where they are.

    Class names come from Hugging Face metadata where the file has them, else from the labels.
    Raises ``ImageSetError`` if the file is no Parquet file, has no rows or another layout.
    """
    table = _read(file)
    return _listing([(table.names, table)], printable(file.stem))


def read_tables(files: Sequence[Named], name: str) -> Listing:
    """The rows of several files as one set, named ``FILE/NAME IN IT``.

    Raises ``ImageSetError`` as ``read_table``, and if the files declare different classes.
    """
    tables = [(shard, file, _read(file)) for shard, file in files]
    first = tables[0][2].declared
    for _, file, table in tables:
        if table.declared != first:
            raise ImageSetError(
                f"{file.shown} declares the classes {table.declared[:4]}…, but {files[0][1].shown} {first[:4]}…. "
                "Open the files as sets of their own, or write them with the same classes."
            )
    named = [([f"{printable(shard)}/{each}" for each in table.names], table) for shard, _, table in tables]
    return _listing(named, printable(name))


def _listing(tables: Sequence[tuple[list[str], _Table]], name: str) -> Listing:
    raw = [label for _, table in tables for label in table.labels]
    labels, classes = name_labels(raw, tables[0][1].declared)
    places = ((each, row) for names, table in tables for each, row in zip(names, table.rows, strict=True))
    entries = tuple(Entry(each, label, row) for (each, row), label in zip(places, labels, strict=True))
    return Listing(name, entries, classes)


def _read(file: File) -> _Table:
    try:
        state = file.state()
        with _parquet(file) as parquet:
            _require_layout(file.shown, parquet.schema_arrow)
            _require_rows(file.shown, parquet.metadata, state)
            rows = [Row(file, state, group, row) for group, row in _places(parquet)]
            names, labels = _names(parquet), _column(parquet, "label")
            declared = _declared_classes(parquet.schema_arrow)
    except ImageError as error:
        raise unusable(file, error) from error
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ImageSetError(f"{file.shown} cannot be read as a Parquet file: {error}") from error
    if not len(rows) == len(names) == len(labels):
        raise ImageSetError(f"{file.shown} has columns of different lengths. Write the file again.")
    return _Table(rows, names, labels, declared)


@contextmanager
def _parquet(file: File) -> Iterator[pq.ParquetFile]:
    with opened(file) as stream, pq.ParquetFile(stream) as parquet:
        yield parquet


def _require_layout(path: str, schema: pa.Schema) -> None:
    if "image" not in schema.names:
        raise ImageSetError(f"{path} has the columns {', '.join(schema.names)}. {LAYOUT}")
    kind = schema.field("image").type
    if pa.types.is_struct(kind):
        kind = kind.field("bytes").type if kind.get_field_index("bytes") >= 0 else kind
    if not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
        raise ImageSetError(f"The column 'image' of {path} is of type {kind}. {LAYOUT}")


def _require_rows(path: str, metadata: pq.FileMetaData, state: State) -> None:
    sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    if not sum(sizes):
        raise ImageSetError(f"{path} has no rows, so there is no image.")
    # A row with an image takes many bytes; a damaged count must not become a list of that length.
    if min(sizes) < 0 or sum(sizes) != metadata.num_rows or metadata.num_rows > state[0]:
        raise ImageSetError(f"{path} claims {metadata.num_rows} rows, which cannot be. Write the file again.")


def _places(file: pq.ParquetFile) -> list[tuple[int, int]]:
    sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    return [(group, row) for group, size in enumerate(sizes) for row in range(size)]


def _names(file: pq.ParquetFile) -> list[str]:
    column = next((name for name in ("name", "path") if name in file.schema_arrow.names), "")
    return [str(row) if name is None else str(name) for row, name in enumerate(_column(file, column))]


def _column(file: pq.ParquetFile, name: str) -> list[Any]:
    if name not in file.schema_arrow.names:
        return [None] * file.metadata.num_rows
    values: list[Any] = file.read(columns=[name]).column(0).to_pylist()
    return values


def _declared_classes(schema: pa.Schema) -> list[str]:
    """The class names that Hugging Face keeps beside the schema, as text in JSON."""
    try:
        kept = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        return [str(name) for name in kept["info"]["features"]["label"]["names"]]
    except (ValueError, KeyError, TypeError):
        return []


@lru_cache(maxsize=2)
def _images(file: File, state: State, group: int) -> pa.ChunkedArray:
    """Images of one row group, the unit in which Parquet is read; two are kept for readers side by side."""
    if file.state() != state:
        raise ImageError("the Parquet file has changed since the set was opened")
    with _parquet(file) as parquet:
        return parquet.read_row_group(group, columns=["image"]).column(0)
