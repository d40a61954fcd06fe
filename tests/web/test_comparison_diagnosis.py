"""Two diagnoses side by side: the numbers that the command line compares, from folders alone."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from convscope.atlas.reader import Atlas
from convscope.engine.graphs import digest_of
from convscope.errors import AtlasError, AtlasFormatError, AtlasMismatchError
from convscope.figures.filters import filter_sheet
from convscope.images import ImageSet
from convscope.models import Model
from convscope.pipeline.diagnosis import diagnose_models
from convscope.probes.diagnosis.comparison import MEASURES
from convscope.probes.diagnosis.diagnose import diagnose
from convscope.probes.diagnosis.result import Diagnosis
from convscope.web.comparison.build import overview
from convscope.web.comparison.diagnosis import FILTERS, Diagnosed, diagnosis_part, read_diagnosis
from convscope.web.comparison.place import ComparisonPlace
from convscope.web.html import to_html
from tests.probes.diagnosis.make import classifier, model, picture, planted
from tests.web.comparison import make_place


@pytest.fixture(scope="module")
def models() -> tuple[Model, Model]:
    return replace(model(planted()), spec="sick"), replace(model(classifier("blur")), spec="blurred")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> ImageSet:
    folder = tmp_path_factory.mktemp("images")
    for seed in range(6):
        Image.fromarray(picture(seed)).save(folder / f"{seed}.png")
    return ImageSet.open(folder)


@pytest.fixture(scope="module")
def folder(models: tuple[Model, Model], images: ImageSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return diagnose_models(models, images, tmp_path_factory.mktemp("two") / "diagnosis")


@pytest.fixture(scope="module")
def place(models: tuple[Model, Model], tmp_path_factory: pytest.TempPathFactory) -> ComparisonPlace:
    made = make_place(tmp_path_factory.mktemp("comparison"))
    first, second = (of_model(atlas, digest_of(each)) for atlas, each in zip(made.atlases, models, strict=True))
    return replace(made, atlases=(first, second))


def of_model(atlas: Atlas, digest: str) -> Atlas:
    facts = replace(atlas.manifest.model, digest=digest)
    return replace(atlas, manifest=replace(atlas.manifest, model=facts))


@pytest.fixture(scope="module")
def told(folder: Path, place: ComparisonPlace) -> tuple[Diagnosed, Diagnosed]:
    return read_diagnosis(folder, place.atlases[0]), read_diagnosis(folder, place.atlases[1])


def test_the_numbers_are_those_of_the_diagnoses(
    models: tuple[Model, Model], images: ImageSet, told: tuple[Diagnosed, Diagnosed]
) -> None:
    found: list[Diagnosis] = [diagnose(each, images) for each in models]
    for line, (name, better, measure) in zip(diagnosis_part(*told).measures, MEASURES, strict=True):
        assert (line.name, line.better) == (name, better)
        for number, each in zip(line.numbers, found, strict=True):
            expected = measure(each)
            assert number == (expected if expected is None else pytest.approx(expected, abs=1e-6)), name
    for filters, each in zip((side.filters for side in told), found, strict=True):
        assert filters is not None
        assert each.first is not None
        np.testing.assert_array_equal(filters, each.first.filters)


def test_weights_alone_have_fewer_numbers(models: tuple[Model, Model], place: ComparisonPlace, tmp_path: Path) -> None:
    alone = diagnose_models(models[:1], None, tmp_path / "weights")
    found = read_diagnosis(alone, place.atlases[0])
    assert found.images == 0
    assert found.numbers["dead units"] is None
    assert found.numbers["mid-band coverage, first layer"] is not None


def test_filters_and_numbers_are_shown(place: ComparisonPlace, told: tuple[Diagnosed, Diagnosed]) -> None:
    shown = replace(place, diagnoses=told)
    page = to_html(overview(shown.compared))
    assert "--diagnosis-a" not in page
    for side, each in enumerate(told):
        assert each.filters is not None
        for name, together in (("together", True), ("each", False)):
            address = f"{'ab'[side]}/filters-{name}.png"
            answer = shown.answer(address)
            assert address in page
            assert answer is not None
            with Image.open(io.BytesIO(answer.content)) as sheet:
                np.testing.assert_array_equal(np.asarray(sheet), filter_sheet(each.filters, together=together))
                assert f'width="{sheet.width}" height="{sheet.height}"' in page


def test_one_scaling_shows_the_filter_that_dominates() -> None:
    filters = np.full((3, 4, 4, 3), 0.1, np.float32)
    filters[1] *= 10
    together, each = (filter_sheet(filters, together=together) for together in (True, False))
    assert sorted(np.unique(together)) == [128 + 13, 255]
    assert np.unique(each).tolist() == [255]


def test_a_diagnosis_of_another_network_is_refused(folder: Path, place: ComparisonPlace) -> None:
    with pytest.raises(AtlasMismatchError, match=r"of 'sick' and 'blurred'.*not those of 'early'"):
        read_diagnosis(folder, of_model(place.atlases[0], "f" * 64))


def test_a_folder_without_a_diagnosis_says_how_to_make_one(place: ComparisonPlace, tmp_path: Path) -> None:
    for wrong in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(AtlasError, match="convscope diagnose MODEL IMAGES"):
            read_diagnosis(wrong, place.atlases[0])


def spoil(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text, encoding="utf-8")


def edit(change: Callable[[dict[str, object]], object]) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        facts = json.loads((folder / "diagnosis.json").read_text())
        change(facts["diagnoses"][0])
        (folder / "diagnosis.json").write_text(json.dumps(facts))

    return act


def kept(filters: NDArray[Any]) -> Callable[[Path], object]:
    return lambda folder: np.savez(folder / FILTERS, filters_0=filters)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "no JSON": spoil("diagnosis.json", "{"),
    "another kind of JSON": spoil("diagnosis.json", "[]"),
    "deep JSON": spoil("diagnosis.json", "[" * 100_000),
    "text for a number": edit(lambda found: found.update(images="many")),
    "a missing part": edit(lambda found: found.pop("strided")),
    "not a number": edit(lambda found: found.update(shifts={"classes": 3, "mean": float("nan")})),
    "no arrays": spoil(FILTERS, "zip?"),
    "code in the arrays": kept(np.array([print], object)),
    "flat filters": kept(np.zeros(3, np.float32)),
    "infinite filters": kept(np.full((1, 2, 2, 3), np.inf, np.float32)),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_named(kind: str, folder: Path, place: ComparisonPlace, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    DAMAGE[kind](copy)
    with pytest.raises(AtlasFormatError, match="is not as `convscope diagnose` writes it"):
        read_diagnosis(copy, place.atlases[0])
