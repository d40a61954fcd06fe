"""Which images runs see: drawn by the seed, evenly from the classes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from convscope.errors import SettingError
from convscope.images import ImageSet
from convscope.train.ablation.sample import drawn, fingerprint, splits_of, spread_over
from tests.train.make import CLASSES, draw, draw_splits


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_splits(tmp_path_factory.mktemp("data"), each=6, held_out=3)


@pytest.mark.parametrize("count", [3, 7, 9, 17])
def test_classes_are_as_even_as_they_can_be(data: Path, count: int) -> None:
    splits = splits_of(data, None, count, seed=1)
    counts = Counter(splits.training.labels)
    assert sum(counts.values()) == count
    assert max(counts.values()) - min(counts.values()) <= 1
    assert len({*splits.training.names}) == count
    assert splits.validation.digest == splits_of(data, None, None, seed=1).validation.digest
    assert splits.training.classes == CLASSES


def test_a_small_class_is_used_up(tmp_path: Path) -> None:
    draw(tmp_path / "images", 5)
    for path in sorted((tmp_path / "images/down").iterdir())[1:]:
        path.unlink()
    images = ImageSet.open(tmp_path / "images")
    counts = Counter(images.labels[index] for index in drawn(images, 9, 0))
    assert counts == {"down": 1, "across": 4, "grid": 4}


def test_the_seed_draws(data: Path) -> None:
    names = [splits_of(data, None, 9, seed).training.names for seed in (0, 0, 1)]
    assert names[0] == names[1]
    assert names[0] != names[2]


def test_all_images_where_there_are_no_more(data: Path) -> None:
    assert splits_of(data, None, 18, 0).training.names == splits_of(data, None, None, 0).training.names


def test_fewer_images_than_classes_are_refused(data: Path) -> None:
    with pytest.raises(SettingError, match="2 training images cannot hold one of each of the 3 classes"):
        splits_of(data, None, 2, 0)


def test_images_are_spread_over_a_sorted_set(data: Path) -> None:
    images = splits_of(data, None, None, 0).validation
    assert Counter(spread_over(images, 3).labels) == dict.fromkeys(CLASSES, 1)
    assert spread_over(images, 100).names == images.names


def test_a_fingerprint_tells_data_and_draws_apart(data: Path, tmp_path: Path) -> None:
    other = draw_splits(tmp_path / "other", each=6, held_out=3)
    (other / "train/grid").rename(other / "train/cross")
    (other / "val/grid").rename(other / "val/cross")
    prints = [
        fingerprint(splits_of(*each))
        for each in ((data, None, 9, 0), (data, None, 9, 1), (data, None, 12, 0), (other, None, 9, 0))
    ]
    assert len({*prints}) == 4
    assert prints[0] == fingerprint(splits_of(data, None, 9, 0))
