"""The spectra of an atlas: those of the projections and pictures it holds, there by default, added to an older one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from convscope.atlas import stored
from convscope.atlas.reader import Atlas
from convscope.atlas.store import open_tables
from convscope.atlas.writer import write_table
from convscope.errors import AddressError, AtlasFormatError
from convscope.images import ImageSet
from convscope.models import Model
from convscope.pipeline import atlas_spectra
from convscope.pipeline.atlas_spectra import RANKS, UNITS, add_spectra, layer_spectrum
from convscope.pipeline.build import Ask, build_atlas
from convscope.pipeline.picture_spectrum import picture_spectrum
from convscope.spectrum import RINGS
from tests.atlas.make import make_atlas
from tests.engine.make import LAYERS, exact_model, image_set, pictures


@pytest.fixture(scope="module")
def model() -> Model:
    return exact_model()


@pytest.fixture(scope="module")
def images() -> ImageSet:
    return image_set(pictures(6, levels=256))


def check(atlas: Atlas, layer: str) -> None:
    """Unit by unit, from what the reader answers."""
    means = []
    for unit in range(atlas.layer(layer).units):
        pairs = []
        for projection in atlas.projections(layer, unit)[:RANKS]:
            height, width = projection.pixels.shape[:2]
            down = slice(projection.top, projection.top + height)
            across = slice(projection.left, projection.left + width)
            projected = picture_spectrum(projection.pixels)
            patch = picture_spectrum(atlas.picture(projection.image)[down, across])
            pairs += [(projected, patch)] if projected is not None and patch is not None else []
        means += [np.mean(pairs, 0)] if pairs else []
    found = atlas.spectrum(layer)
    assert found is not None
    assert found.units == len(means)
    np.testing.assert_allclose(found.projected, np.mean(means, 0)[0], atol=1e-6)
    np.testing.assert_allclose(found.patch, np.mean(means, 0)[1], atol=1e-6)
    low, high = np.quantile([mean[0] for mean in means], (0.25, 0.75), axis=0)
    np.testing.assert_allclose(found.projected_low, low, atol=1e-6)
    np.testing.assert_allclose(found.projected_high, high, atol=1e-6)
    assert found.projected.sum() == pytest.approx(1, abs=1e-5)


def test_pictures_that_lose_all_detail_leave_spectra_as_they_are(
    model: Model, images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are measured before a projection becomes a picture, for as many as are wanted later, and no more."""
    build_atlas(model, images, tmp_path / "raw", Ask(trust=False, raw=True))
    monkeypatch.setattr(stored, "LOSSLESS_BELOW", 0)
    monkeypatch.setattr(stored, "QUALITY", 1)
    monkeypatch.setattr(atlas_spectra, "UNITS", 5)
    build_atlas(model, images, tmp_path / "lost", Ask(trust=False))
    monkeypatch.undo()
    for layer in LAYERS:
        tables = open_tables(tmp_path / "raw")
        with monkeypatch.context() as patch:
            patch.setattr(atlas_spectra, "UNITS", 5)
            expected, found = layer_spectrum(tables, layer), Atlas.open(tmp_path / "lost").spectrum(layer)
        assert expected is not None
        assert found is not None
        assert found.units == expected.units <= 5
        np.testing.assert_allclose(found.projected, expected.projected, atol=2e-3)
        rows = [
            row
            for path in (tmp_path / "lost" / "projections").iterdir()
            for row in pq.read_table(path, filters=[("layer", "=", layer)]).to_pylist()
        ]
        assert {row["format"] for row in rows} == {"avif"}
        kept = {row["unit"] for row in rows if row["spectrum"] is not None}
        assert len(kept) == found.units
        assert all((row["spectrum"] is not None) == (row["rank"] < RANKS and row["unit"] in kept) for row in rows)


def test_spectra_are_those_of_the_stored_projections(model: Model, images: ImageSet, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    ask = Ask(top=4, trust=False, raw=True)
    build_atlas(model, images, tmp_path / "a", ask, report=lambda *event: told.append(event))
    atlas = Atlas.open(tmp_path / "a")
    for layer in LAYERS:
        check(atlas, layer)
    assert told[-1] == ("spectrum", len(LAYERS), len(LAYERS))
    with pytest.raises(AddressError, match="no layer"):
        atlas.spectrum("other")


def test_they_are_added_to_a_finished_atlas_whose_pages_are_then_out_of_date(
    model: Model, images: ImageSet, tmp_path: Path
) -> None:
    ask, folder = Ask(["4"], top=2, trust=False), tmp_path / "a"
    build_atlas(model, images, folder, ask)
    before = Atlas.open(folder).spectrum("4")
    (folder / "spectra.parquet").unlink()
    (folder / "site").mkdir()
    assert Atlas.open(folder).spectrum("4") is None
    stages = []
    build_atlas(model, images, folder, ask, report=lambda stage, _done, _total: stages.append(stage))
    assert stages == ["spectrum"]
    assert not (folder / "site").exists()
    after = Atlas.open(folder).spectrum("4")
    assert before is not None
    assert after is not None
    np.testing.assert_array_equal(after.projected, before.projected)


def test_without_projections_there_is_no_table(model: Model, images: ImageSet, tmp_path: Path) -> None:
    build_atlas(model, images, tmp_path / "a", Ask(["4"], top=2, units=0))
    assert not (tmp_path / "a" / "spectra.parquet").exists()


def test_of_many_units_some_are_taken_evenly_and_of_a_layer_without_any_nothing_is_said(tmp_path: Path) -> None:
    folder = make_atlas(tmp_path / "a", [("many", 3 * UNITS + 1), ("one", 1)], size=16)
    tables = open_tables(folder)
    found = layer_spectrum(tables, "many")
    assert found is not None
    assert found.units == UNITS
    assert layer_spectrum(tables, "one") is None
    add_spectra(folder, lambda *_: None)
    table = pq.read_table(folder / "spectra.parquet").to_pydict()
    assert (set(table["layer"]), table["ring"]) == ({"many"}, list(range(RINGS)))
    check(Atlas.open(make_atlas(tmp_path / "b", [("few", 7)], size=16, spectra=True)), "few")


def test_a_projection_without_its_picture_is_damage(tmp_path: Path) -> None:
    folder = make_atlas(tmp_path, size=16)
    write_table(folder, "pictures", [], part="0")
    with pytest.raises(
        AtlasFormatError, match=r"pictures: image \d+ is missing, in which features\.0:\d+ is projected"
    ):
        layer_spectrum(open_tables(folder), "features.0")


@pytest.mark.parametrize("damage", ["ring = 3", "ring = 45 AND layer = 'features.3'", "projected > 0.5"])
def test_rows_that_are_no_spectrum_are_refused(damage: str, tmp_path: Path) -> None:
    folder = make_atlas(tmp_path, size=16, spectra=True)
    table = Atlas.open(folder).query(f"SELECT * FROM spectra WHERE NOT ({damage})")
    whole = pq.read_table(folder / "spectra.parquet")
    if damage.startswith("projected"):
        index = whole.schema.get_field_index("projected")
        table = whole.set_column(index, whole.field(index), whole["projected"].combine_chunks().fill_null(0).take(
            [0] * len(whole)))  # fmt: skip
    pq.write_table(table.cast(whole.schema), folder / "spectra.parquet")
    with pytest.raises(
        AtlasFormatError, match=r"spectra\.parquet: the rows of layer features\.[03] are not the shares"
    ):
        Atlas.open(folder).spectrum("features.0")


def test_columns_say_what_they_are(tmp_path: Path) -> None:
    make_atlas(tmp_path, size=16, spectra=True)
    schema = ds.dataset(tmp_path / "spectra.parquet").schema
    assert b"first quartile" in schema.field("projected_low").metadata[b"doc"]
