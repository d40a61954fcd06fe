"""Atlases as version 1 of the format wrote them: projections are raw numbers, and no column says so."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from convscope.atlas.manifest import JOURNAL, MANIFEST
from tests.atlas.make import make_atlas


def make_version_1(path: Path, **asked: Any) -> Path:
    """As ``make_atlas``, in version 1; returns ``path``."""
    make_atlas(path, raw=True, **asked)
    for file in (path / "projections").iterdir():
        table = pq.read_table(file)
        assert set(table["format"].to_pylist()) == {"float16"}
        pq.write_table(table.drop_columns(["format", "spectrum"]), file, compression="zstd", row_group_size=9)
    journal = _as_version_1(path / JOURNAL, {})
    _as_version_1(path / MANIFEST, {"key": _key(journal)})
    return path


def _as_version_1(path: Path, change: dict[str, Any]) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_text("utf-8")) | {"format_version": 1} | change
    path.write_text(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")
    return value


def _key(journal: dict[str, Any]) -> str:
    """What version 1 said that a key is; the journal held exactly what it is made from."""
    assert set(journal) == {"weights", "data", "settings", "convscope", "format_version"}
    return hashlib.sha256(json.dumps(journal, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
