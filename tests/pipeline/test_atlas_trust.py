"""The sanity scores of an atlas: there by default, added later, and no part of what tells two runs apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from convscope.atlas.reader import Atlas
from convscope.images import ImageSet
from convscope.models import Model
from convscope.pipeline.atlas_trust import STEPS, UNITS, images_for
from convscope.pipeline.build import Ask, build_atlas
from convscope.pipeline.trust_rows import trust_rows
from convscope.probes.trust.measure import trust
from tests.engine.make import LAYERS, exact_model, image_set, pictures

COUNT = 6


@pytest.fixture(scope="module")
def model() -> Model:
    return exact_model()


@pytest.fixture(scope="module")
def images() -> ImageSet:
    return image_set(pictures(COUNT, levels=256))


def test_an_atlas_holds_the_scores_of_its_own_method(model: Model, images: ImageSet, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    build_atlas(model, images, tmp_path / "a", Ask(top=2), report=lambda *event: told.append(event))
    atlas = Atlas.open(tmp_path / "a")
    found = trust(model, images, LAYERS, method="deconvnet", count=images_for(len(LAYERS)), units=UNITS, steps=STEPS)
    expected = list(trust_rows(found))
    for layer in LAYERS:
        rows = atlas.trust(layer)
        assert [row.test for row in rows] == ["weight", "unit", "signal", "image"]
        for row, known in zip(rows, (row for row in expected if row.layer == layer), strict=True):
            assert (row.verdict, row.badge, row.sentence) == (known.verdict, known.badge, known.sentence)
            assert row.rank == pytest.approx(known.rank, abs=1e-6)
    assert list(dict.fromkeys(stage for stage, done, total in told if done == total)) == [
        *("scan", "project", "spectrum", "trust"),
    ]
    badges = atlas.query("SELECT DISTINCT layer, badge FROM trust")
    assert len(badges) == len(LAYERS)


@pytest.mark.parametrize("ask", [Ask(top=2, trust=False), Ask(top=2, units=0)])
def test_without_them_or_without_pictures_there_is_no_table(
    model: Model, images: ImageSet, tmp_path: Path, ask: Ask
) -> None:
    build_atlas(model, images, tmp_path / "a", ask)
    assert not (tmp_path / "a" / "trust.parquet").exists()
    assert Atlas.open(tmp_path / "a").trust(LAYERS[0]) == ()


def test_scores_are_added_to_a_finished_atlas_whose_pages_are_then_out_of_date(
    model: Model, images: ImageSet, tmp_path: Path
) -> None:
    folder = tmp_path / "a"
    build_atlas(model, images, folder, Ask(top=2, trust=False))
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")}
    key = Atlas.open(folder).manifest.key
    (folder / "site").mkdir()
    build_atlas(model, images, folder, Ask(top=2, trust=False))
    assert (folder / "site").exists()
    build_atlas(model, images, folder, Ask(top=2))
    assert Atlas.open(folder).trust(LAYERS[1])
    assert Atlas.open(folder).manifest.key == key
    assert not (folder / "site").exists()
    assert {path: path.stat().st_mtime_ns for path in before} == before
    table = (folder / "trust.parquet").stat().st_mtime_ns
    build_atlas(model, images, folder, Ask(top=2))
    assert (folder / "trust.parquet").stat().st_mtime_ns == table


def test_scores_that_are_there_are_not_measured_again(
    model: Model, images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a"
    build_atlas(model, images, folder, Ask(top=2))
    (folder / "manifest.json").unlink()  # as if it had been stopped just before
    table = (folder / "trust.parquet").stat().st_mtime_ns
    build_atlas(model, images, folder, Ask(top=2))
    assert (folder / "trust.parquet").stat().st_mtime_ns == table


@pytest.mark.parametrize(("layers", "images"), [(1, 8), (4, 8), (7, 4), (16, 2), (60, 2)])
def test_more_layers_are_tested_with_fewer_images(layers: int, images: int) -> None:
    assert images_for(layers) == images
