"""A Parquet file with one image per row, in the layouts of Hugging Face data sets or plain."""

from __future__ import annotations

import json
import threading
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from convscope.errors import ImageError, ImageSetError
from convscope.images.entry import Entry, Listing, printable
from convscope.images.labels import name_labels

LAYOUT = (
    "Expected a column 'image' of binary, or of struct<bytes: binary, path: string>; "
    "optionally 'label' (integer or string) and 'name' or 'path' (string)."
)
Stamp = tuple[int, int]
_one_reader = threading.RLock()
"""Threads that want the same group of rows wait for the one that reads it."""


def read_table(path: Path) -> Listing:
    """The rows in their order, named by the column ``name`` or ``path``, else by number; images stay on disk.

    Class names come from Hugging Face metadata where the file has them, else from the labels.
    Raises ``ImageSetError`` if the file is no Parquet file, has no rows or another layout.
    """
    try:
        stamp = _stamp(path)
        with pq.ParquetFile(path) as file:
            _require_layout(path, file.schema_arrow)
            _require_rows(path, file.metadata, stamp)
            places, names, labels = _places(file), _names(file), _column(file, "label")
            declared = _declared_classes(file.schema_arrow)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ImageSetError(f"{path} cannot be read as a Parquet file: {error}") from error
    if not len(places) == len(names) == len(labels):
        raise ImageSetError(f"{path} has columns of different lengths. Write the file again.")
    labels, classes = name_labels(labels, declared)
    entries = tuple(
        Entry(name, label, partial(_load, path, stamp, group, row))
        for name, label, (group, row) in zip(names, labels, places, strict=True)
    )
    return Listing(printable(path.stem), entries, classes)


def _require_layout(path: Path, schema: pa.Schema) -> None:
    if "image" not in schema.names:
        raise ImageSetError(f"{path} has the columns {', '.join(schema.names)}. {LAYOUT}")
    kind = schema.field("image").type
    if pa.types.is_struct(kind):
        kind = kind.field("bytes").type if kind.get_field_index("bytes") >= 0 else kind
    if not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
        raise ImageSetError(f"The column 'image' of {path} is of type {kind}. {LAYOUT}")


def _require_rows(path: Path, metadata: pq.FileMetaData, stamp: Stamp) -> None:
    sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    if not sum(sizes):
        raise ImageSetError(f"{path} has no rows, so there is no image.")
    # A row with an image takes many bytes; a damaged count must not become a list of that length.
    if min(sizes) < 0 or sum(sizes) != metadata.num_rows or metadata.num_rows > stamp[0]:
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


def _load(path: Path, stamp: Stamp, group: int, row: int) -> bytes:
    try:
        with _one_reader:
            value = _images(path, stamp, group)[row].as_py()
    except (pa.ArrowException, OSError, IndexError) as error:
        raise ImageError("the Parquet file cannot be read at this row") from error
    if isinstance(value, dict):
        value = value.get("bytes")
    if value is None:
        raise ImageError("the row holds no image bytes")
    return bytes(value)


@lru_cache(maxsize=2)
def _images(path: Path, stamp: Stamp, group: int) -> pa.ChunkedArray:
    """Images of one row group, the unit in which Parquet is read; two are kept for readers side by side."""
    if _stamp(path) != stamp:
        raise ImageError("the Parquet file has changed since the set was opened")
    with pq.ParquetFile(path) as file:
        return file.read_row_group(group, columns=["image"]).column(0)


def _stamp(path: Path) -> Stamp:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
