"""Whether an atlas is over these images; if not, which ones."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from convscope.atlas.manifest import MANIFEST
from convscope.atlas.reader import Atlas
from convscope.errors import AtlasMismatchError
from convscope.images import ImageSet
from convscope.models import Model
from convscope.pipeline.build import Ask, build_atlas
from convscope.pipeline.match import check_images
from tests.engine.make import exact_model, image_set, pictures

COUNT = 5
ASK = Ask(["4"], top=1)


@pytest.fixture(scope="module")
def model() -> Model:
    return exact_model()


@pytest.fixture(scope="module")
def images() -> ImageSet:
    return image_set(pictures(COUNT), [i % 2 for i in range(COUNT)], ["cat", "dog"])


@pytest.fixture(scope="module")
def atlas(model: Model, images: ImageSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("atlas") / "a"
    build_atlas(model, images, path, ASK)
    check_images(Atlas.open(path), images)
    return path


def renamed(images: ImageSet) -> ImageSet:
    first, *others = images.entries
    return replace(images, entries=(*others, replace(first, name="x")))


def relabelled(images: ImageSet) -> ImageSet:
    first, second, *others = images.entries
    return replace(images, entries=(first, replace(second, label="cat"), *others))


def exchanged(images: ImageSet) -> ImageSet:
    first, second, *others = images.entries
    return replace(images, entries=(replace(first, load=second.load), second, *others))


OTHERS: dict[str, tuple[Callable[[ImageSet], ImageSet], str]] = {
    "fewer": (lambda images: images.head(3), "2 missing, first '3'"),
    "one for another": (renamed, "1 missing, first '0' and 1 new, first 'x'"),
    "the other way round": (lambda images: replace(images, entries=images.entries[::-1]), "in another order"),
    "another label": (relabelled, "1 labels are others, first that of '1'"),
    "another picture": (exchanged, "names and labels are the same, but the contents of some images"),
    "another background": (lambda images: replace(images, background=(0, 0, 0)), "or the background, are others"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_how_images_differ_is_told_where_they_are_compared_and_where_an_atlas_goes_on(
    case: str, atlas: Path, model: Model, images: ImageSet
) -> None:
    change, message = OTHERS[case]
    refused = pytest.raises(AtlasMismatchError, match=f"is not the same set: .*{re.escape(message)}")
    with refused:
        check_images(Atlas.open(atlas), change(images))
    with refused:
        build_atlas(model, change(images), atlas, ASK)


def test_an_atlas_that_was_only_begun_tells_it_too(atlas: Path, model: Model, images: ImageSet) -> None:
    (atlas / MANIFEST).rename(atlas / "kept")
    try:
        with pytest.raises(AtlasMismatchError, match="1 missing, first '4'"):
            build_atlas(model, images.head(COUNT - 1), atlas, ASK)
    finally:
        (atlas / "kept").rename(atlas / MANIFEST)
