"""Writing an atlas: whole files or none, one writer at a time, never two runs mixed.

Every file is written beside its place, flushed to the disk and then renamed, so that a killed writer leaves
whole files, and left-overs that the next one removes; then it is listed in ``digests.json``. ``manifest.json`` comes
last; until then ``journal.json`` says which run the files belong to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from convscope.atlas.digests import FileDigest, digest_of_file, record
from convscope.atlas.manifest import MANIFEST, Manifest
from convscope.atlas.strictjson import dumps
from convscope.atlas.tables import (
    REPEATING,
    SPLIT,
    batch_of_columns,
    batches_of_rows,
    file_of,
    row_type_of,
    schema_of,
)
from convscope.atomic import replacing
from convscope.errors import AtlasError

TEMPORARY = ".*.tmp"


def table_path(folder: Path, table: str, part: str | None = None) -> Path:
    """Where a table, or a part of a partitioned one, lies; AtlasError for an unsafe or missing part name."""
    return folder / file_of(table, part)


def write_table(folder: Path, table: str, rows: Iterable[Any], part: str | None = None) -> Path:
    """Write rows as one Parquet file, replacing what was there; only a row group at a time is in memory.

    ``rows`` are instances of the table's row type; there may be none. Returns the file's path.
    """
    return _write_batches(folder, table, batches_of_rows(table, rows), part)


def write_columns(folder: Path, table: str, batches: Iterable[Mapping[str, Any]], part: str | None = None) -> Path:
    """As ``write_table``, from whole columns: a batch maps a column to an array, a list or one value for all.

    About a hundred times faster than rows where the columns are NumPy arrays. Each batch begins a row group.
    """
    return _write_batches(folder, table, (batch_of_columns(table, columns) for columns in batches), part)


def _write_batches(folder: Path, table: str, batches: Iterable[pa.RecordBatch], part: str | None) -> Path:
    path = table_path(folder, table, part)
    path.parent.mkdir(exist_ok=True)
    with replacing(path) as temporary:
        with _parquet(temporary, table) as writer:
            for batch in batches:
                writer.write_batch(batch)
        digest = digest_of_file(temporary)
    record(folder, file_of(table, part), digest)
    return path


def _parquet(path: Path, table: str) -> pq.ParquetWriter:
    schema = schema_of(row_type_of(table))
    texts = [column.name for column in schema if pa.types.is_string(column.type)]
    # Dictionaries and minima of encoded pictures and packed numbers would only cost room.
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        use_dictionary=[*texts, *REPEATING.get(table, ())],
        column_encoding=dict.fromkeys(SPLIT.get(table, ()), "BYTE_STREAM_SPLIT"),
        write_statistics=[column.name for column in schema if not pa.types.is_binary(column.type)],
    )


def write_manifest(folder: Path, manifest: Manifest) -> Path:
    """Write ``manifest.json``, which says that the atlas is whole: call it last."""
    if manifest.key != manifest.provenance.key:
        raise AtlasError("the manifest's key is not the one of its digests and settings: use manifest.provenance.key.")
    text = dumps(manifest)
    # Listed first, because with it the atlas is finished.
    record(folder, MANIFEST, FileDigest.of(text.encode()))
    return write_text(folder / MANIFEST, text)


def write_text(path: Path, text: str) -> Path:
    """Write a UTF-8 file, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return path
