"""Reading: digests as the set's own, views that are kept, and decoded again only where the content is another."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from convscope.errors import ImageError
from convscope.images import ImageSet
from convscope.images.pixels import Pixels
from convscope.probes.overlap import reading
from convscope.probes.overlap.reading import FILES, forget, read_contents, read_set
from convscope.probes.overlap.view import SIDE, grey_view
from tests.probes.overlap.make import scene, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "images", {f"{number}.png": scene(number) for number in range(5)})
    (tmp_path / "images/bad.png").write_bytes(b"no picture")
    (tmp_path / "images/gone.png").symlink_to("nowhere")
    return tmp_path


def test_every_image_is_read_and_the_digest_is_the_sets_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "TOGETHER", 3)
    images, said = ImageSet.open(folder / "images"), list[tuple[int, int]]()
    seen = read_set(images, workers=3, report=lambda *words: said.append(words))
    for index, view in enumerate(seen.views[:5]):
        np.testing.assert_array_equal(view, grey_view(images.read(index)))
    assert not seen.views[5:].any()
    assert {images.names[index]: reason.split(" (")[0] for index, reason in seen.skipped.items()} == {
        "bad.png": "not an image that can be read",
        "gone.png": "no such file",
    }
    assert seen.digest == ImageSet.open(folder / "images").digest
    assert said == [(3, 7), (6, 7), (7, 7)]


def test_what_is_kept_under_its_digest_is_not_decoded_again(folder: Path) -> None:
    images, kept = ImageSet.open(folder / "images"), folder / "kept"
    first = read_set(images, kept)
    views = np.lib.format.open_memmap(kept / "views.npy", "r+")
    views[1] = 77  # nobody would see a difference if it were decoded again
    views.flush()
    (folder / "images/2.png").write_bytes((folder / "images/3.png").read_bytes())
    again = read_set(ImageSet.open(folder / "images"), kept)
    assert (again.views[1] == 77).all()
    np.testing.assert_array_equal(again.views[2], first.views[3])
    np.testing.assert_array_equal(again.views[4], first.views[4])
    assert again.skipped == first.skipped
    assert again.contents[2] == first.contents[3]


@pytest.mark.parametrize("damage", [b"", b"no array", None])
def test_files_that_do_not_fit_are_made_anew(folder: Path, damage: bytes | None) -> None:
    kept = folder / "kept"
    images = ImageSet.open(folder / "images")
    expected = read_set(images, kept).views.copy()
    if damage is None:
        np.save(kept / "views.npy", np.zeros((7, SIDE, SIDE + 1), np.uint8))
    else:
        (kept / "views.npy").write_bytes(damage)
    np.testing.assert_array_equal(read_set(images, kept).views, expected)


def test_contents_alone_are_the_same_and_leave_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "TOGETHER", 3)
    images, said = ImageSet.open(folder / "images"), list[tuple[int, int]]()
    before = set(folder.rglob("*"))
    assert read_contents(images, report=lambda *words: said.append(words)) == read_set(images).contents
    assert said == [(3, 7), (6, 7), (7, 7)]
    assert set(folder.rglob("*")) == before


def test_what_was_kept_is_forgotten_and_nothing_else(folder: Path) -> None:
    kept = folder / "kept"
    read_set(ImageSet.open(folder / "images"), kept)
    (kept / "other").write_text("stays")
    forget(kept)
    assert [path.name for path in kept.iterdir()] == ["other"]
    (kept / "other").unlink()
    for _ in range(2):
        forget(kept)
        assert not kept.exists()


@pytest.mark.parametrize("call", [True, False])
def test_all_of_a_file_lies_on_the_disk(folder: Path, monkeypatch: pytest.MonkeyPatch, call: bool) -> None:
    if not call:
        monkeypatch.delattr(os, "posix_fallocate")
    kept, images = folder / "kept", ImageSet.open(folder / "images").select([0] * 3000)
    expected = read_set(images, kept).views.copy()
    for name in FILES:
        assert_no_holes(kept / name)
    (kept / FILES[0]).unlink()
    hollow = np.lib.format.open_memmap(kept / FILES[0], "w+", np.uint8, expected.shape)
    hollow[0] = 77
    hollow.flush()
    again = read_set(images, kept).views  # it fits, but its pages could not be written on a full disk
    assert_no_holes(kept / FILES[0])
    assert (again[0] == 77).all()
    assert not again[1:].any()


def assert_no_holes(path: Path) -> None:
    assert path.stat().st_blocks * 512 >= path.stat().st_size


PROGRAM = """
import resource, sys
from pathlib import Path
from convscope.images import ImageSet
from convscope.probes.overlap.reading import read_set
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
read_set(ImageSet.open(sys.argv[1]).select([0] * 3000), Path(sys.argv[2]))
"""


def test_a_disk_without_room_is_said_and_left_as_it_was(folder: Path) -> None:
    words = [sys.executable, "-c", PROGRAM, str(folder / "images"), str(folder / "kept")]
    said = subprocess.run(words, env={"PYTHONPATH": "src"}, capture_output=True, text=True, check=False)
    assert said.returncode == 1
    message = f"SettingError: what is read of 3,000 images takes 3.2 MB in {folder / 'kept'}, which cannot be had"
    assert message in said.stderr.splitlines()[-1]
    assert not (folder / "kept" / FILES[0]).exists()


def test_an_image_of_a_data_set_is_known_by_its_pixels() -> None:
    pictures: list[Pixels] = [scene(1), scene(2), scene(1)]
    seen = read_set(ImageSet.open(pictures))
    assert seen.contents[0] == seen.contents[2] != seen.contents[1]


def test_content_gives_the_reason_instead_of_a_digest(folder: Path) -> None:
    images = ImageSet.open(folder / "images")
    content, decode = images.content(6)
    assert content == "unreadable: no such file"
    with pytest.raises(ImageError, match="no such file"):
        decode()
