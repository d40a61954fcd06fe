"""An atlas that was damaged is found out, and what is damaged is made again: just that, and the same as before."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from convscope.atlas import digests
from convscope.atlas.damage import check_files, files_of
from convscope.atlas.digests import DIGESTS
from convscope.atlas.manifest import JOURNAL, MANIFEST, read_versioned
from convscope.atlas.reader import Atlas
from convscope.errors import AtlasError, AtlasMismatchError
from convscope.images import ImageSet
from convscope.models import Model
from convscope.pipeline import winners as choosing
from convscope.pipeline.atlas_repair import repair
from convscope.pipeline.atlas_values import check_values
from convscope.pipeline.build import Ask, build_atlas
from tests.engine.make import exact_model, image_set, pictures
from tests.pipeline.test_build import contents

COUNT = 12
ASK = Ask(top=3, per_class=2, units=9)


@pytest.fixture(scope="module")
def model() -> Model:
    return exact_model()


@pytest.fixture(scope="module")
def images() -> ImageSet:
    return image_set(pictures(COUNT), [i % 2 for i in range(COUNT)], ["cat", "dog"])


@pytest.fixture
def atlas(model: Model, images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In several parts, with everything that an atlas can have."""
    monkeypatch.setattr(choosing, "PART_BYTES", 20_000)
    build_atlas(model, images, tmp_path / "a", ASK)
    assert len(list((tmp_path / "a" / "pictures").iterdir())) > 2
    return tmp_path / "a"


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: random.randrange(path.stat().st_size)])


@pytest.mark.parametrize("harm", [flip, cut, Path.unlink])
def test_each_file_alone_is_made_again_and_no_other_is_touched(
    atlas: Path, model: Model, images: ImageSet, harm: Callable[[Path], None]
) -> None:
    whole = contents(atlas)
    for name in files_of(atlas):
        moments = {other: (atlas / other).stat().st_mtime_ns for other in files_of(atlas)}
        harm(atlas / name)
        (found,) = check_files(atlas).damaged
        assert found.file == name
        repair(atlas, model, images, [found])
        assert check_files(atlas).damaged == ()
        assert contents(atlas) == whole
        touched = {other for other in moments if (atlas / other).stat().st_mtime_ns != moments[other]}
        partner = {"pictures": "projections", "projections": "pictures"}.get(name.partition("/")[0])
        assert touched <= {name, MANIFEST} | ({name.replace(name.partition("/")[0], partner)} if partner else set())


@pytest.mark.parametrize("harm", [flip, cut])
def test_an_unfinished_atlas_goes_on_whatever_of_it_is_damaged(
    atlas: Path, model: Model, images: ImageSet, harm: Callable[[Path], None]
) -> None:
    whole = contents(atlas)
    names = [name for name in files_of(atlas) if name != MANIFEST]
    for name in names:
        (atlas / MANIFEST).unlink()
        harm(atlas / name)
        build_atlas(model, images, atlas, ASK)
        assert contents(atlas) == whole, name


def test_going_on_reads_each_file_once_and_the_list_not_for_each(
    atlas: Path, model: Model, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    (atlas / MANIFEST).unlink()
    hashed, lists = Counter[Path](), Counter[Path]()
    digest_of_file = digests.digest_of_file

    def counted_digest(path: Path) -> digests.FileDigest:
        hashed[path] += 1
        return digest_of_file(path)

    def counted_list(path: Path) -> dict[str, Any]:
        lists[path] += 1
        return read_versioned(path)

    monkeypatch.setattr(digests, "digest_of_file", counted_digest)
    monkeypatch.setattr("convscope.atlas.digests.read_versioned", counted_list)
    build_atlas(model, images, atlas, ASK)
    assert hashed == {atlas / name: 1 for name in files_of(atlas) if name != MANIFEST}
    assert lists == {atlas / DIGESTS: 2}  # to begin with, and to list the manifest


def test_a_damaged_list_means_that_everything_is_made_again(atlas: Path, model: Model, images: ImageSet) -> None:
    whole = contents(atlas)
    flip(atlas / "top.parquet")
    (atlas / DIGESTS).write_text("{}")
    repair(atlas, model, images, check_files(atlas).damaged)
    assert contents(atlas) == whole
    assert check_files(atlas).damaged == ()


def test_other_images_or_weights_repair_nothing(atlas: Path, model: Model, images: ImageSet) -> None:
    flip(atlas / "top.parquet")
    damaged = check_files(atlas).damaged
    with pytest.raises(AtlasMismatchError, match="not the same set: 1 missing"):
        repair(atlas, model, images.head(COUNT - 1), damaged)
    with pytest.raises(AtlasMismatchError, match="weights differ"):
        repair(atlas, exact_model(seed=1), images, damaged)
    assert check_files(atlas).damaged == damaged


def test_a_damaged_journal_is_written_again(atlas: Path, model: Model, images: ImageSet) -> None:
    whole = contents(atlas)
    (atlas / JOURNAL).write_text("{")
    repair(atlas, model, images, check_files(atlas).damaged)
    assert contents(atlas) == whole
    assert check_files(atlas).damaged == ()


@pytest.mark.parametrize("harm", [lambda path: path.write_text("{"), Path.unlink])
def test_without_manifest_and_journal_there_is_nothing_to_go_by(
    atlas: Path, model: Model, images: ImageSet, harm: Callable[[Path], None]
) -> None:
    flip(atlas / MANIFEST)
    harm(atlas / JOURNAL)
    with pytest.raises(AtlasError, match=r"neither manifest\.json nor journal\.json"):
        repair(atlas, model, images, check_files(atlas).damaged)


def test_a_sample_of_the_values_is_what_the_model_gives(atlas: Path, model: Model, images: ImageSet) -> None:
    found = check_values(Atlas.open(atlas), model, images, count=COUNT)
    assert found.passed
    assert {check.check for check in found.checks} == {"activation", "peak", "projection", "picture"}
    assert len(found.images) == len(Atlas.open(atlas).pictured())


def test_projections_are_compared_however_few_units_have_them(model: Model, images: ImageSet, tmp_path: Path) -> None:
    build_atlas(model, images, tmp_path / "few", Ask(top=COUNT, units=1, trust=False))
    atlas = Atlas.open(tmp_path / "few")
    found = check_values(atlas, model, images, count=COUNT)
    kept = atlas.columns("projections", "layer", "image").to_pylist()
    expected = {(row["layer"], images.names[row["image"]]) for row in kept}
    assert {(check.layer, check.image) for check in found.checks if check.check == "projection"} == expected


def test_a_kept_box_that_lies_outside_the_image_is_a_difference(atlas: Path, model: Model, images: ImageSet) -> None:
    for path in (atlas / "projections").iterdir():
        table = pq.ParquetFile(path).read()
        place = table.schema.get_field_index("top")
        moved = pc.add(table["top"], 1000).cast(table.schema.field(place).type)
        pq.write_table(table.set_column(place, table.schema.field(place), moved), path)
    found = check_values(Atlas.open(atlas), model, images, count=2)
    differences = {check.difference for check in found.checks if check.check == "projection"}
    assert differences == {float("inf")}


def test_values_are_only_compared_with_the_model_and_images_of_the_atlas(
    atlas: Path, model: Model, images: ImageSet
) -> None:
    with pytest.raises(AtlasMismatchError, match="not the same set"):
        check_values(Atlas.open(atlas), model, images.head(3))
    with pytest.raises(AtlasMismatchError, match="other weights"):
        check_values(Atlas.open(atlas), exact_model(seed=1), images)
