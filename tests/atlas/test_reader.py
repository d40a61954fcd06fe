from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from convscope.atlas.projection import Projection
from convscope.atlas.reader import Atlas
from convscope.atlas.schema import PictureRow, ProjectionRow
from convscope.atlas.writer import write_table
from convscope.errors import AddressError, AtlasError, AtlasFormatError
from tests.atlas.make import make_atlas


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    return Atlas.open(make_atlas(tmp_path_factory.mktemp("atlas"), per_class=3))


def raw(atlas: Atlas, name: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = pq.read_table(atlas.path / name).to_pylist()
    return rows


def test_every_top_row_is_found_where_it_belongs(atlas: Atlas) -> None:
    rows = raw(atlas, "top.parquet")
    found = [
        row
        for layer, among in product(atlas.layers(), (None, "cat", "dog"))
        for unit in atlas.units(layer.layer)
        for row in atlas.top(layer.layer, unit.unit, among)
    ]
    assert len(found) == len(rows)
    assert {tuple(vars(row).items()) for row in found} == {tuple(row.items()) for row in rows}
    assert atlas.top("features.0", 0, "cow") == ()


def test_top_of_layer_and_of_image_agree_with_top(atlas: Atlas) -> None:
    by_layer = {
        (layer.layer, unit): rows for layer in atlas.layers() for unit, rows in atlas.top_of_layer(layer.layer).items()
    }
    assert set(by_layer) == {(row.layer, u.unit) for row in atlas.layers() for u in atlas.units(row.layer)}
    assert all(rows == atlas.top(*key) for key, rows in by_layer.items())
    for image in (0, 5, 23):
        expected = [row for rows in by_layer.values() for row in rows if row.image == image]
        assert list(atlas.top_of_image(image)) == sorted(expected, key=lambda row: row.rank)


def test_projections_one_by_one_and_streamed_are_the_same(atlas: Atlas) -> None:
    for layer in atlas.layers():
        streamed = dict(atlas.projections_of_layer(layer.layer))
        assert list(streamed) == list(range(layer.units - 1))
        for unit, projections in streamed.items():
            assert [p.rank for p in projections] == list(range(9))
            for projection in projections:
                single = atlas.projection(layer.layer, unit, projection.rank)
                assert single is not None
                assert (single.pixels == projection.pixels).all()
    assert atlas.projection("features.0", 0, 9) is None


def test_stream_does_not_depend_on_the_partition(tmp_path: Path) -> None:
    make_atlas(tmp_path)
    expected = dict(Atlas.open(tmp_path).projections_of_layer("features.3"))
    rows = [ProjectionRow(**row) for row in pq.read_table(tmp_path / "projections").to_pylist()]
    for file in (tmp_path / "projections").iterdir():
        file.unlink()
    for part in range(4):
        write_table(tmp_path, "projections", rows[part::4], part=f"{9 - part}")
    found = dict(Atlas.open(tmp_path).projections_of_layer("features.3"))
    assert list(found) == list(expected)
    assert [[p.rank for p in found[u]] for u in found] == [[p.rank for p in expected[u]] for u in expected]


def test_atlas_without_projections(tmp_path: Path) -> None:
    atlas = Atlas.open(make_atlas(tmp_path, raw=None, labelled=False, channels=1))
    assert list(atlas.projections_of_layer("features.0")) == []
    assert atlas.projection("features.0", 0, 0) is None
    assert atlas.picture(0).shape == (64, 64, 1)
    assert atlas.unit("features.0", 0).best_class is None
    assert atlas.query("SELECT count(*) AS n FROM projections").to_pylist() == [{"n": 0}]


def test_images_and_pictures(atlas: Atlas) -> None:
    assert [row.image for row in atlas.images()] == list(range(24))
    assert atlas.image(3) == atlas.images()[3]
    assert atlas.skipped() == (atlas.image(23),)
    assert atlas.pictured() == tuple(range(23))
    row = atlas.picture_row(4)
    assert (atlas.picture(4) == np.asarray(Image.open(io.BytesIO(row.encoded)))).all()
    assert atlas.picture(4).dtype == np.uint8


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda a: a.layer("feature.3"), r"no layer 'feature\.3'. Did you mean features\.3"),
        (lambda a: a.units("zzz"), r"Its layers: features\.0, features\.3"),
        (lambda a: a.unit("features.0", 6), "no unit 6; its units are 0 to 5"),
        (lambda a: a.top("features.0", -1), "no unit -1"),
        (lambda a: a.projection("features.0", 77, 0), "no unit 77"),
        (lambda a: next(a.projections_of_layer("x")), "no layer 'x'"),
        (lambda a: a.image(24), "no image 24; its images are 0 to 23"),
        (lambda a: a.top_of_image(-1), "no image -1"),
        (lambda a: a.picture(23), "no picture of image 23"),
    ],
)
def test_wrong_addresses(atlas: Atlas, ask: Callable[[Atlas], object], message: str) -> None:
    with pytest.raises(AddressError, match=message):
        ask(atlas)


def test_no_atlas(tmp_path: Path) -> None:
    with pytest.raises(AtlasError, match=r"no atlas in .*convscope atlas MODEL IMAGES"):
        Atlas.open(tmp_path / "nowhere")


def test_missing_table(tmp_path: Path) -> None:
    (make_atlas(tmp_path) / "units.parquet").unlink()
    with pytest.raises(AtlasFormatError, match=r"units\.parquet is missing"):
        Atlas.open(tmp_path)


def test_missing_and_mistyped_columns_are_named(tmp_path: Path) -> None:
    path = make_atlas(tmp_path) / "projections" / "000.parquet"
    table = pq.read_table(path)
    where = table.schema.get_field_index("rank")
    pq.write_table(table.set_column(where, "rank", table["rank"].cast("int64")).drop_columns(["peak"]), path)
    with pytest.raises(AtlasFormatError, match=r"000\.parquet: column rank is int64, expected int32; column peak"):
        Atlas.open(tmp_path)


def test_what_is_not_parquet_is_named(tmp_path: Path) -> None:
    path = make_atlas(tmp_path) / "layers.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(AtlasFormatError, match=r"layers\.parquet is not a whole Parquet file"):
        Atlas.open(tmp_path)


def test_damaged_column_is_named(tmp_path: Path) -> None:
    path = make_atlas(tmp_path) / "projections" / "001.parquet"
    atlas = Atlas.open(tmp_path)
    column = pq.ParquetFile(path).metadata.row_group(0).column(12)
    assert column.path_in_schema == "values"
    data = bytearray(path.read_bytes())
    start = column.data_page_offset
    data[start : start + 64] = bytes(64)
    path.write_bytes(data)
    for ask in (
        lambda: atlas.projection("features.3", 0, 0),
        lambda: list(atlas.projections_of_layer("features.3")),
    ):
        with pytest.raises(AtlasFormatError, match=r"001\.parquet, column values is damaged"):
            ask()
    assert atlas.projection("features.0", 0, 0) is not None


def test_null_where_none_may_be_is_named(tmp_path: Path) -> None:
    path = make_atlas(tmp_path) / "layers.parquet"
    table = pq.read_table(path)
    where = table.schema.get_field_index("op")
    pq.write_table(table.set_column(where, pa.field("op", "string"), pa.nulls(2, "string")), path)
    with pytest.raises(AtlasFormatError, match="layers, column op: a value is missing"):
        Atlas.open(tmp_path).layers()


def test_image_numbers_have_no_gaps(tmp_path: Path) -> None:
    atlas = Atlas.open(make_atlas(tmp_path))
    write_table(tmp_path, "images", [row for row in atlas.images() if row.image != 4])
    with pytest.raises(AtlasFormatError, match=r"images\.parquet, column image"):
        Atlas.open(tmp_path).images()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"encoded": b"not a picture"}, "is no png picture"),
        ({"format": "jpeg"}, "is no jpeg picture"),
        ({"format": "eps"}, "column format: 'eps'"),
        ({"width": 9}, r"is \(64, 64\), but the row says \(9, 64\)"),
        ({"cut": 200}, "is no png picture"),
    ],
)
def test_damaged_pictures_are_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    row = Atlas.open(make_atlas(tmp_path)).picture_row(0)
    if "cut" in change:
        change = {"encoded": row.encoded[:200]}
    rows: list[PictureRow] = [replace(row, **change)]  # type: ignore[arg-type]
    write_table(tmp_path, "pictures", rows, part="0")
    with pytest.raises(AtlasFormatError, match=message):
        Atlas.open(tmp_path).picture(0)


def test_projection_of_another_shape_is_refused(tmp_path: Path) -> None:
    atlas = Atlas.open(make_atlas(tmp_path))
    packed = Projection("features.0", 0, 0, 0, "gradient", 0, 0, np.ones((2, 2, 3), np.float32)).pack(raw=True)
    write_table(tmp_path, "projections", [replace(packed, height=3)], part="000")
    with pytest.raises(AtlasFormatError, match=r"features\.0:0, rank 0, column values"):
        Atlas.open(atlas.path).projection("features.0", 0, 0)


def test_unsorted_projections_are_refused(tmp_path: Path) -> None:
    path = make_atlas(tmp_path) / "projections" / "000.parquet"
    table = pq.read_table(path)
    pq.write_table(table.take(list(reversed(range(table.num_rows)))), path)
    with pytest.raises(AtlasFormatError, match=r"projections, column unit.*not sorted \(3 after 4\)"):
        list(Atlas.open(tmp_path).projections_of_layer("features.0"))


def test_tables_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    atlas = Atlas.open(make_atlas(tmp_path))
    rows = atlas.top("features.0", 0)
    write_table(tmp_path, "top", [replace(rows[0], layer="elsewhere")])
    with pytest.raises(AtlasFormatError, match=r"top\.parquet, column layer: 'elsewhere'"):
        Atlas.open(tmp_path).top_of_image(rows[0].image)


def test_query_joins_tables(atlas: Atlas) -> None:
    sql = (
        "SELECT unit, count(*) AS cats FROM top JOIN images USING (image) "
        "WHERE layer = 'features.0' AND among IS NULL AND label = 'cat' GROUP BY unit ORDER BY unit"
    )
    labels = {row.image: row.label for row in atlas.images()}
    expected = {u: sum(labels[r.image] == "cat" for r in rows) for u, rows in atlas.top_of_layer("features.0").items()}
    found = {row["unit"]: row["cats"] for row in atlas.query(sql).to_pylist()}
    assert found == {unit: cats for unit, cats in expected.items() if cats}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_parquet('{path}/top.parquet')",
        "SELECT * FROM '{path}/top.parquet'",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM glob('/*')",
        "COPY top TO '{path}/stolen.csv'",
        "ATTACH '{path}/new.db'",
        "EXPORT DATABASE '{path}/out'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SELECT * FROM atlas",
        "SELEC 1",
        "",
    ],
)
def test_query_reaches_nothing_but_the_tables(atlas: Atlas, sql: str) -> None:
    before = sorted(atlas.path.rglob("*"))
    with pytest.raises(AtlasError, match="the query"):
        atlas.query(sql.format(path=atlas.path))
    assert sorted(atlas.path.rglob("*")) == before


READ_WITHOUT_US = """
import sys
sys.modules["convscope"] = None
import io
import duckdb, numpy, pandas
from PIL import Image
folder = sys.argv[1]
row = pandas.read_parquet(folder + "/projections").iloc[0]
pixels = (numpy.asarray(Image.open(io.BytesIO(row["values"]))).astype("int16") - 128) / 127
pixels *= abs(pixels)
assert pixels.shape == (row["height"], row["width"], row["channels"])
print(abs(pixels).max(), len(pandas.read_parquet(folder + "/top.parquet")))
print(duckdb.sql(f"SELECT count(*) FROM '{folder}/projections/*.parquet'").fetchall())
"""


def test_others_read_the_files_without_this_package(atlas: Atlas) -> None:
    command = [sys.executable, "-c", READ_WITHOUT_US, str(atlas.path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert answer == f"1.0 {12 * (9 + 2 * 3)}\n[({12 * 9},)]\n"


def test_reading_needs_no_torch() -> None:
    check = "import sys, convscope.render; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], check=True, env={"PYTHONPATH": ":".join(sys.path)})


def test_sanity_scores_by_layer(atlas: Atlas) -> None:
    rows = [vars(row) for row in atlas.trust("features.0")]
    assert rows == raw(atlas, "trust.parquet")
    assert [row["test"] for row in rows] == ["weight", "unit", "signal", "image"]
    assert atlas.trust("features.3") == ()
    with pytest.raises(AddressError, match=r"no layer 'features\.4'"):
        atlas.trust("features.4")


def test_an_atlas_without_sanity_scores_is_whole(tmp_path: Path) -> None:
    path = make_atlas(tmp_path / "a")
    (path / "trust.parquet").unlink()
    atlas = Atlas.open(path)
    assert atlas.trust("features.0") == ()
    assert atlas.query("SELECT count(*) AS n FROM trust")["n"].to_pylist() == [0]


def test_damaged_sanity_scores_are_named(tmp_path: Path) -> None:
    path = make_atlas(tmp_path / "a")
    table = pq.read_table(path / "trust.parquet")
    pq.write_table(table.drop_columns(["badge"]), path / "trust.parquet")
    with pytest.raises(AtlasFormatError, match=r"trust\.parquet: column badge is missing"):
        Atlas.open(path)
