"""Atlases of older versions of the format: read as they are, and written by nobody any more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from convscope.atlas.manifest import read_manifest
from convscope.atlas.reader import Atlas
from convscope.atlas.schema import FORMAT_VERSION, TABLES
from convscope.atlas.session import open_for_writing, stored_provenance
from convscope.atlas.tables import schema_of
from convscope.atlas.versions import MIGRATIONS, READABLE, assumed
from convscope.errors import AtlasFormatError, AtlasMismatchError
from convscope.render import contact_sheet
from convscope.web.site import export_site
from tests.atlas.make import make_atlas, make_manifest
from tests.atlas.version1 import make_version_1


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_version_1(tmp_path_factory.mktemp("old") / "a")


def test_every_version_up_to_the_own_is_read() -> None:
    assert tuple(range(1, FORMAT_VERSION + 1)) == READABLE
    for step in MIGRATIONS.values():
        for table, columns in step.columns.items():
            schema = schema_of(TABLES[table])
            for name, value in columns.items():
                assert schema.field(name).nullable if value is None else schema.field(name).type == "string"
    assert all(assumed(FORMAT_VERSION, table) == {} for table in TABLES)


def test_a_version_1_file_has_none_of_the_new_columns(old: Path) -> None:
    for table in TABLES:
        for file in (old / table).glob("*.parquet"):
            missing = set(schema_of(TABLES[table]).names) - set(pq.read_schema(file).names)
            assert missing == assumed(1, table).keys()


def test_version_1_answers_every_question(old: Path, tmp_path: Path) -> None:
    """The projections are those of the same atlas of today, up to the compression of its pictures."""
    first, now = Atlas.open(old), Atlas.open(make_atlas(tmp_path / "b"))
    assert first.manifest.format_version == 1
    assert first.layers() == now.layers()
    for layer in first.layers():
        ours, theirs = (dict(atlas.projections_of_layer(layer.layer)) for atlas in (first, now))
        assert ours.keys() == theirs.keys()
        for unit in ours:
            assert first.top(layer.layer, unit) == now.top(layer.layer, unit)
            assert np.array_equal(first.projections(layer.layer, unit)[0].pixels, ours[unit][0].pixels)
            for one, other in zip(ours[unit], theirs[unit], strict=True):
                assert one.rank == other.rank
                assert np.abs(one.pixels - other.pixels).mean() < 0.03 * np.abs(one.pixels).max()
    asked = "SELECT format, count(*) AS n FROM projections WHERE layer = 'features.0' GROUP BY format"
    assert first.query(asked).to_pylist() == [{"format": "float16", "n": 45}]
    assert contact_sheet(first, "features.0").size == contact_sheet(now, "features.0").size


def test_version_1_is_exported(old: Path, tmp_path: Path) -> None:
    before = {file: file.read_bytes() for file in old.rglob("*") if file.is_file()}
    index = export_site(Atlas.open(old), tmp_path / "site").index
    assert "features.3" in index.read_text("utf-8")
    assert {file: file.read_bytes() for file in old.rglob("*") if file.is_file()} == before


def test_damage_in_a_version_1_file_is_named(tmp_path: Path) -> None:
    path = make_version_1(tmp_path / "a") / "projections" / "001.parquet"
    atlas = Atlas.open(tmp_path / "a")
    column = pq.ParquetFile(path).metadata.row_group(0).column(11)
    assert column.path_in_schema == "values"
    data = bytearray(path.read_bytes())
    data[column.data_page_offset : column.data_page_offset + 64] = bytes(64)
    path.write_bytes(data)
    with pytest.raises(AtlasFormatError, match=r"001\.parquet, column values is damaged"):
        atlas.projection("features.3", 0, 0)


def test_a_version_2_file_without_its_format_is_refused(tmp_path: Path) -> None:
    path = make_atlas(tmp_path) / "projections" / "000.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["format"]), path)
    with pytest.raises(AtlasFormatError, match="column format is missing"):
        Atlas.open(tmp_path)


def test_version_1_is_never_gone_on_with(old: Path) -> None:
    assert stored_provenance(old) == read_manifest(old).provenance
    with (
        pytest.raises(AtlasMismatchError, match=r"settings\.raw .*, format version \(2, there 1\) differ"),
        open_for_writing(old, make_manifest().provenance),
    ):
        pass
