"""The search from sets to pairs: crops, mirrors, identical files, flat and bad images."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import convscope as cs
from convscope.errors import ImageSetError, MissingExtraError, SettingError
from convscope.images import ImageSet
from convscope.probes.overlap.result import FIRST, NEAR_MISS, SECOND, Overlap
from tests.images.make import encoded
from tests.probes.overlap.make import cropped, scene, write

SCENES = {f"{'ab'[seed % 2]}/{seed:02d}.png": scene(seed) for seed in range(10)}
FLAT = np.full((20, 20, 3), 200, np.uint8)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    write(folder / "first", SCENES | {"a/flat.png": FLAT})
    second = {"crop.png": cropped(SCENES["b/03.png"], 0.1, 0, 0.95, 0.9), "turned.png": SCENES["a/04.png"][:, ::-1]}
    others = {f"other{seed}.png": scene(seed) for seed in range(50, 55)}
    write(folder / "second", second | others | {"white.png": FLAT, "white too.png": FLAT, "same.png": scene(6)})
    (folder / "second/bad.png").write_bytes(b"no picture")
    (folder / "second/again.jpg").write_bytes(encoded(scene(8), "JPEG", quality=60))
    return folder


@pytest.fixture(scope="module")
def found(place: Path) -> Overlap:
    return cs.overlap(ImageSet.open(place / "first"), ImageSet.open(place / "second"), workers=2)


def test_each_relation_is_found_and_named(found: Overlap) -> None:
    names = {(found.first.names[p.first], found.other.names[p.second]): p.what for p in found.pairs}
    assert names == {
        ("a/06.png", "same.png"): "identical",
        ("a/flat.png", "white.png"): "identical",
        ("a/flat.png", "white too.png"): "identical",
        ("a/08.png", "again.jpg"): "uncropped",
        ("a/04.png", "turned.png"): "mirrored",
        ("b/03.png", "crop.png"): names["b/03.png", "crop.png"],
    }
    assert names["b/03.png", "crop.png"].endswith("% of the first")
    edges = [pair.edges for pair in found.pairs]
    assert [pair.identical for pair in found.pairs] == [True] * 3 + [False] * 3
    assert edges[3:] == sorted(edges[3:], reverse=True)
    assert all(found.threshold - NEAR_MISS <= pair.edges < found.threshold for pair in found.near_misses)


def test_what_to_leave_out_is_given_for_either_set(found: Overlap) -> None:
    names = {which: found.first.names if which == FIRST else found.other.names for which in (FIRST, SECOND)}
    left_out = {which: {names[which][image] for image, _ in found.excluded[which]} for which in names}
    assert left_out[FIRST] == {"a/04.png", "a/06.png", "a/08.png", "a/flat.png", "b/03.png"}
    assert left_out[SECOND] == {"again.jpg", "crop.png", "same.png", "turned.png", "white.png", "white too.png"}


def test_bad_and_flat_images_are_listed(found: Overlap) -> None:
    assert found.second is not None
    assert [name for name, _ in found.second.skipped] == ["bad.png"]
    assert (found.first.flat, found.second.flat) == (1, 2)
    assert [note.split(" images of ")[0] for note in found.notes] == ["1 of 11", "2 of 12"]


def test_within_one_set_groups_and_conflicts_are_found(tmp_path: Path) -> None:
    folder = write(tmp_path / "set", SCENES | {"b/x.png": SCENES["a/00.png"], "a/y.png": SCENES["b/01.png"][:, ::-1]})
    found = cs.overlap(ImageSet.open(folder))
    names = found.first.names
    assert [tuple(names[image] for image in group) for group in found.groups] == [
        ("a/00.png", "b/x.png"),
        ("a/y.png", "b/01.png"),
    ]
    assert {names[image] for image, _ in found.excluded[FIRST]} == {"b/x.png", "b/01.png"}
    assert {frozenset((names[pair.first], names[pair.second])) for pair in found.conflicts} == {
        frozenset(names[image] for image in group) for group in found.groups
    }


def test_a_lower_threshold_takes_near_misses_in(place: Path) -> None:
    first, second = ImageSet.open(place / "first"), ImageSet.open(place / "second")
    strict, lax = cs.overlap(first, second, threshold=1), cs.overlap(first, second, threshold=0.6)
    assert all(pair.identical or pair.edges >= 1 for pair in strict.pairs)
    assert len(lax.pairs) >= len(strict.pairs) + len(strict.near_misses)


@pytest.mark.parametrize("threshold", [0.5, 1.01, float("nan")])
def test_an_impossible_threshold_is_refused(place: Path, threshold: float) -> None:
    with pytest.raises(SettingError, match=r"expected 0\.6 to 1"):
        cs.overlap(ImageSet.open(place / "first"), threshold=threshold)


def test_a_set_without_any_readable_image_is_an_error(place: Path) -> None:
    whole = ImageSet.open(place / "second")
    bad = whole.select([whole.names.index("bad.png")])
    with pytest.raises(ImageSetError, match=r"no image of second can be read; bad\.png: not an image"):
        cs.overlap(ImageSet.open(place / "first"), bad)


def test_without_faiss_nothing_is_read(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingExtraError, match="faiss-cpu"):
        cs.overlap(ImageSet.open(place / "first"))
