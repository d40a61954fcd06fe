"""The readers that README shows work on files of the documented schema, without convscope."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from convscope.atlas.projection import Projection
from convscope.atlas.schema import TABLES
from tests.structure.test_documents import README, examples

PROJECTION = np.arange(24, dtype=np.float32).reshape(2, 4, 3) - 10


def row(table: str, **values: Any) -> pa.Table:
    """One row of a table: the given values, and zero or nothing elsewhere."""
    schema = pa.schema([(f.name, pa.type_for_alias(f.metadata["arrow"])) for f in fields(TABLES[table])])
    empty = {"string": "", "bool": False, "binary": b""}
    filled = {name: values.get(name, empty.get(str(schema.field(name).type), 0)) for name in schema.names}
    return pa.Table.from_pylist([filled], schema=schema)


@pytest.fixture
def atlas(tmp_path: Path) -> Path:
    folder = tmp_path / "atlas"
    (folder / "projections").mkdir(parents=True)
    peak = float(abs(PROJECTION).max())
    stored = Projection("conv", 0, 0, 0, "deconvnet", 0, 0, PROJECTION).pack().values
    tables = {
        "images": row("images", name="owl.png"),
        "units": row("units", layer="conv", active=0.5),
        "top": row("top", layer="conv", among=None, value=3.0),
        "projections/part-0": row("projections", layer="conv", height=2, width=4, channels=3, peak=peak, values=stored),
    }
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet")
    return folder


def example(word: str) -> str:
    (found,) = [text for text in examples(README, "python") if f"import {word}" in text]
    return found


def test_duckdb_joins_units_top_and_images(
    atlas: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(atlas.parent)
    exec(compile(example("duckdb"), "README.md", "exec"), {})
    shown = capsys.readouterr().out
    assert "conv" in shown
    assert "owl.png" in shown


def test_pandas_reads_a_projection(
    atlas: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(atlas.parent)
    names: dict[str, Any] = {}
    exec(compile(example("pandas"), "README.md", "exec"), names)
    np.testing.assert_allclose(names["projection"], PROJECTION, atol=0.1)
    assert "conv 0 (2, 4, 3)" in capsys.readouterr().out
