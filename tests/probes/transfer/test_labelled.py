"""Data sets as labelled images: class folders, PASCAL VOC's own form, and what makes a copy whole."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from torchvision import datasets

from convscope.errors import ImageSetError, SettingError
from convscope.images import ImageSet
from convscope.probes.transfer.labelled import DOWNLOADS, Labelled, fetch, open_labelled
from convscope.probes.transfer.protocol import Protocol, load_protocol, shipped_protocols
from tests.probes.transfer.make import CLASSES, VOC_CLASSES, picture, write_folders, write_voc

FOLDERS = Protocol("folders")
VOC = Protocol("voc", layout="voc", metric="average-precision", inside=("VOCdevkit/VOC2012",))
MAIN = "VOCdevkit/VOC2012/ImageSets/Main"


def shown(found: Labelled) -> list[list[str]]:
    """The classes of each image."""
    return [[found.classes[place] for place in np.flatnonzero(row == 1)] for row in found.marks]


def test_class_folders(tmp_path: Path) -> None:
    found = open_labelled(write_folders(tmp_path / "data", 2), FOLDERS)
    assert (found.classes, found.parts, found.name) == (CLASSES, None, "data")
    assert found.marks.dtype == np.int8
    assert shown(found) == [[name.partition("/")[0]] for name in found.images.names]
    assert len(found.images) == 6


def test_data_set_objects_and_sets_that_are_open(tmp_path: Path) -> None:
    pairs = [(picture(place, number), place) for number, place in enumerate([0, 1, 0, 1])]
    found = open_labelled(pairs, FOLDERS)
    assert found.marks.tolist() == [[1, 0], [0, 1], [1, 0], [0, 1]]


def test_classes_that_a_protocol_leaves_out(tmp_path: Path) -> None:
    data = write_folders(tmp_path / "data", 2)
    found = open_labelled(data, replace(FOLDERS, without=("green",), classes=3, images=6))
    assert found.classes == ("blue", "red")
    assert [name.partition("/")[0] for name in found.images.names] == ["blue"] * 2 + ["red"] * 2
    with pytest.raises(ImageSetError, match="data has 1 class with images; to tell classes apart there must be"):
        open_labelled(data, replace(FOLDERS, without=("green", "red")))


def test_an_inner_folder_is_found(tmp_path: Path) -> None:
    write_folders(tmp_path / "a/b", 2)
    for data in (tmp_path, tmp_path / "a/b"):
        assert len(open_labelled(data, replace(FOLDERS, inside=("nothing", "a/b"))).images) == 6


def test_a_copy_that_is_not_whole(tmp_path: Path) -> None:
    data = write_folders(tmp_path / "data", 2)
    digest = ImageSet.open(data).digest
    whole = replace(FOLDERS, title="My set", images=6, classes=3, digest=digest)
    assert len(open_labelled(data, whole).images) == 6
    with pytest.raises(ImageSetError, match="data has 6 images, and My set has 1,007; this copy is not whole"):
        open_labelled(data, replace(whole, images=1007))
    with pytest.raises(ImageSetError, match="data has 3 classes, and My set has 4"):
        open_labelled(data, replace(whole, classes=4))
    (data / "blue/00.png").rename(data / "blue/0.png")
    with pytest.raises(ImageSetError, match=f"the content of data has the digest .*folders expects {digest[:12]}…"):
        open_labelled(data, whole)


def test_the_counts_of_shipped_protocols_are_checked(tmp_path: Path) -> None:
    data = write_folders(tmp_path / "101_ObjectCategories", 2)
    with pytest.raises(ImageSetError, match=r"has 6 images, and Caltech-101 has 9,144; .*use --protocol folders"):
        open_labelled(data, load_protocol("caltech-101"))
    with pytest.raises(ImageSetError, match="6 images, and Caltech-256 has 30,607"):
        open_labelled(data, load_protocol("caltech-256"))
    write_voc(tmp_path / "voc")
    with pytest.raises(ImageSetError, match=r"VOC2012 has 24 images, and PASCAL VOC 2012 has 11,540; this copy"):
        open_labelled(tmp_path / "voc", load_protocol("voc-2012"))


def test_without_labels_there_is_nothing_to_learn(tmp_path: Path) -> None:
    data = write_folders(tmp_path / "data", 2)
    with pytest.raises(ImageSetError, match=r"blue has images without a label, first '00\.png'; sort them into one"):
        open_labelled(data / "blue", FOLDERS)
    for name in ("green", "red"):
        shutil.rmtree(data / name)
    with pytest.raises(ImageSetError, match="data has 1 class with images"):
        open_labelled(data, FOLDERS)


def test_pascal_voc(tmp_path: Path) -> None:
    written = write_voc(tmp_path)
    for data in (tmp_path, tmp_path / "VOCdevkit/VOC2012"):
        found = open_labelled(data, VOC)
        assert found.classes == VOC_CLASSES
        assert found.images.names == tuple(f"{name}.jpg" for name in written)
        assert found.parts == ("train",) * 12 + ("val",) * 12
        # As the files have it: 1 present, -1 absent, 0 present but difficult.
        meant = {1: 1, -1: 0, 0: -1}
        np.testing.assert_array_equal(found.marks, [[meant[mark] for mark in marks] for marks in written.values()])
    assert {len(classes) for classes in shown(found)} == {1, 2}
    assert (found.marks == -1).any()
    assert found.images.read(0).shape == (12, 12, 3)


WRONG_LINES = [
    ("cat_train.txt", "2008_000000 2", "line '2008_000000 2'; expected an image and 1, -1 or 0"),
    ("cat_train.txt", "2008_000000", "expected an image and 1, -1 or 0"),
    ("cat_train.txt", "2008_999999 1", "cat_train.txt names '2008_999999', which train.txt lacks"),
    ("cat_train.txt", "2008_001000 1", "cat_train.txt names '2008_001000', which train.txt lacks"),
    ("cat_train.txt", "2008_000000 1", "cat_train.txt names '2008_000000' twice"),
    ("cat_val.txt", None, r"cat_val.txt names 11 of the 12 images of val.txt, not '2008_001011'"),
    ("train.txt", "../../../etc/passwd", "train.txt has a line '../../../etc/passwd'; expected the name of an image"),
    ("val.txt", "2008_001003", "val.txt names '2008_001003' twice"),
    ("val.txt", "2008_000003", "val.txt names '2008_000003', which train.txt has as well; nothing may be"),
    ("train.txt", "2008_0000\xe9", "train.txt is not plain text"),
]


@pytest.mark.parametrize(("file", "line", "message"), WRONG_LINES)
def test_files_of_pascal_voc_that_cannot_be_right(tmp_path: Path, file: str, line: str | None, message: str) -> None:
    write_voc(tmp_path)
    path = tmp_path / MAIN / file
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-1] if line is None else [*lines, line]), "latin-1")
    with pytest.raises(ImageSetError, match=message):
        open_labelled(tmp_path, VOC)


def test_parts_of_pascal_voc_that_are_missing(tmp_path: Path) -> None:
    with pytest.raises(ImageSetError, match="is no copy of PASCAL VOC: it has no folder ImageSets/Main"):
        open_labelled(write_folders(tmp_path / "data", 2), VOC)
    with pytest.raises(ImageSetError, match=r"^an object of list is no copy of PASCAL VOC"):
        open_labelled([(picture(0, 0), 0), (picture(1, 0), 1)], VOC)
    write_voc(tmp_path)
    (tmp_path / MAIN / "dog_val.txt").unlink()
    with pytest.raises(ImageSetError, match=r"dog_val.txt cannot be read: no such file"):
        open_labelled(tmp_path, VOC)
    for name in ("dog", "cat"):
        (tmp_path / MAIN / f"{name}_trainval.txt").unlink()
    with pytest.raises(ImageSetError, match="lists 24 images of 1 classes"):
        open_labelled(tmp_path, VOC)


def test_what_is_downloaded_is_what_torchvision_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in shipped_protocols():
        wanted = load_protocol(name).download
        assert wanted is None or (wanted in DOWNLOADS and hasattr(datasets, wanted))
    asked = []

    def stand_in(root: str, **options: object) -> None:
        asked.append((root, options))
        if len(asked) > 2:
            raise RuntimeError("the file is corrupted")

    monkeypatch.setattr("torchvision.datasets", SimpleNamespace(VOCDetection=stand_in, Caltech101=stand_in))
    fetch(tmp_path / "new", load_protocol("voc-2012"))
    fetch(tmp_path, load_protocol("caltech-101"))
    voc = {"year": "2012", "image_set": "trainval", "download": True}
    assert asked == [(str(tmp_path / "new"), voc), (str(tmp_path), {"download": True})]
    with pytest.raises(ImageSetError, match=r"could not fetch Caltech-101 into .*the file is corrupted\. Fetch it by"):
        fetch(tmp_path, load_protocol("caltech-101"))
    with pytest.raises(SettingError, match="protocol folders names no data set to download; torchvision is asked for"):
        fetch(tmp_path, FOLDERS)
    with pytest.raises(SettingError, match="protocol mine names ImageNet to download"):
        fetch(tmp_path, Protocol("mine", download="ImageNet"))


def test_class_folders_without_images_are_noted(tmp_path: Path) -> None:
    data = write_folders(tmp_path / "data", 3)
    assert open_labelled(data, Protocol("p")).notes == ()
    for number in range(7):
        (data / f"empty {number}").mkdir()
    (data / ".hidden").mkdir()
    (note,) = open_labelled(str(data), Protocol("p")).notes
    assert note == (
        "no class, because the folder holds no image: empty 0, empty 1, empty 2, empty 3, empty 4 and 2 more"
    )
    # Of a class that the protocol leaves out something was there.
    assert open_labelled(data, Protocol("p", without=("red",))).notes == (note,)
