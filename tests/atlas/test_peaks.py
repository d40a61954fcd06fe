"""Peaks: what was written comes back as a matrix, an older atlas has none, and damage is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from convscope.atlas.reader import Atlas
from convscope.atlas.writer import write_columns
from convscope.errors import AddressError, AtlasFormatError
from tests.atlas.make import make_atlas


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    return Atlas.open(make_atlas(tmp_path_factory.mktemp("atlas")))


def test_a_layers_peaks_are_its_rows_as_a_matrix(atlas: Atlas) -> None:
    rows = pq.read_table(atlas.path / "peaks.parquet").to_pylist()
    assert len(rows) == (6 + 8) * 23
    for layer in atlas.layers():
        found = atlas.peaks(layer.layer)
        assert found is not None
        assert [str(array.dtype) for array in (found.images, found.values)] == ["int32", "float32"]
        assert found.values.shape == (layer.units, 23)
        for row in rows:
            if row["layer"] == layer.layer:
                assert found.values[row["unit"], found.images.tolist().index(row["image"])] == row["value"]


def test_an_older_atlas_has_none(tmp_path: Path) -> None:
    atlas = Atlas.open(make_atlas(tmp_path, peaks=False))
    assert not (tmp_path / "peaks.parquet").exists()
    assert atlas.peaks("features.0") is None
    with pytest.raises(AddressError, match="no layer"):
        atlas.peaks("features.1")


def test_a_sample_that_could_not_be_read_at_all_is_none(tmp_path: Path) -> None:
    make_atlas(tmp_path)
    nothing = np.empty(0, np.int32)
    columns = {"layer": "features.0", "unit": nothing, "image": nothing, "value": nothing.astype(np.float32)}
    write_columns(tmp_path, "peaks", [columns])
    assert Atlas.open(tmp_path).peaks("features.0") is None


def test_a_layer_is_found_by_its_row_groups(atlas: Atlas) -> None:
    file = pq.ParquetFile(atlas.path / "peaks.parquet").metadata
    layers = [file.row_group(number).column(0).statistics for number in range(file.num_row_groups)]
    assert [(found.min, found.max) for found in layers] == [("features.0",) * 2, ("features.3",) * 2]
    assert "BYTE_STREAM_SPLIT" in file.row_group(0).column(3).encodings
    assert "RLE_DICTIONARY" in file.row_group(0).column(2).encodings


@pytest.mark.parametrize(
    "damage",
    [
        lambda columns: {name: values[:-1] for name, values in columns.items()},
        lambda columns: columns | {"unit": np.roll(columns["unit"], 1)},
        lambda columns: columns | {"image": columns["image"][::-1].copy()},
        lambda columns: columns | {"image": np.where(np.arange(4 * 3) == 7, 9, columns["image"]).astype(np.int32)},
        lambda columns: columns | {"image": columns["image"] + 2},
        lambda columns: columns | {"image": columns["image"] - 1},
        lambda columns: {name: values[:0] for name, values in columns.items()},
    ],
)
def test_rows_that_make_no_matrix_are_refused(damage: Any, tmp_path: Path) -> None:
    layers = [("features.0", 4), ("features.3", 2)]
    make_atlas(tmp_path, layers, images=4)
    fine = {
        "unit": np.repeat(np.arange(4, dtype=np.int32), 3),
        "image": np.tile(np.arange(3, dtype=np.int32), 4),
        "value": np.ones(12, np.float32),
    }
    rest = {"layer": "features.3"} | {name: values[:6] for name, values in fine.items()}
    write_columns(tmp_path, "peaks", [{"layer": "features.0"} | damage(fine), rest])
    with pytest.raises(AtlasFormatError, match=r"peaks\.parquet, layer features\.0: its rows are not one for every"):
        Atlas.open(tmp_path).peaks("features.0")


def test_a_peak_that_is_no_number_is_refused(tmp_path: Path) -> None:
    make_atlas(tmp_path, [("features.0", 1), ("features.3", 1)], images=3)
    columns = {"unit": np.zeros(2, np.int32), "image": np.arange(2, dtype=np.int32)}
    values = np.array([1, np.nan], np.float32)
    write_columns(tmp_path, "peaks", [{"layer": "features.0", "value": values} | columns])
    with pytest.raises(AtlasFormatError, match="column value: holds NaN"):
        Atlas.open(tmp_path).peaks("features.0")
