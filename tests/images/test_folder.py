"""Folders and list files, with everything that can lie in them."""

from __future__ import annotations

import os
import pickle
import random
import socket
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from convscope.errors import ImageError, ImageSetError
from convscope.images import ImageSet, files
from tests.images.make import write_png


def reason(images: ImageSet, name: str) -> str:
    with pytest.raises(ImageError) as caught:
        images.read(images.names.index(name))
    return str(caught.value)


def test_order_does_not_depend_on_creation(tmp_path: Path) -> None:
    names = ["B/x.png", "a/10.png", "a/2.png", "a/é.png", "a.png", "a/b/c.PNG", "z/_.png"]
    for attempt in range(4):
        random.Random(attempt).shuffle(names)
        for name in names:
            write_png(tmp_path / str(attempt) / name)
        images = ImageSet.open(tmp_path / str(attempt))
        assert images.names == tuple(sorted(names))


def test_class_folders(tmp_path: Path) -> None:
    for name in ("dog/old/1.png", "cat/1.png", "dog/2.png"):
        write_png(tmp_path / name)
    (tmp_path / "empty").mkdir()
    images = ImageSet.open(tmp_path)
    assert images.names == ("cat/1.png", "dog/2.png", "dog/old/1.png")
    assert images.labels == ("cat", "dog", "dog")
    assert images.classes == ("cat", "dog")
    assert images.name == tmp_path.name


def test_flat_and_mixed_folders(tmp_path: Path) -> None:
    pixels = write_png(tmp_path / "1.png")
    flat = ImageSet.open(tmp_path)
    assert (flat.labels, flat.classes) == ((None,), ())
    np.testing.assert_array_equal(flat.read(0), pixels)
    write_png(tmp_path / "cat/1.png")
    mixed = ImageSet.open(tmp_path)
    assert (mixed.labels, mixed.classes) == ((None, "cat"), ("cat",))


def test_only_visible_image_names_are_candidates(tmp_path: Path) -> None:
    write_png(tmp_path / "kept.png")
    for name in ("README.txt", "Thumbs.db", ".DS_Store", ".hidden.png", "png", "x.png.part"):
        (tmp_path / name).write_bytes(b"junk")
    write_png(tmp_path / ".thumbnails/kept.png")
    (tmp_path / "wrong.jpg").write_bytes(b"junk")
    images = ImageSet.open(tmp_path)
    assert images.names == ("kept.png", "wrong.jpg")
    assert "not an image" in reason(images, "wrong.jpg")


def test_odd_entries_never_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # socket paths are short
    os.mkfifo("pipe.png")
    Path("folder.png").mkdir()
    Path("empty.png").touch()
    Path("circle.png").symlink_to("circle.png")
    Path("dangling.png").symlink_to("nowhere")
    Path("device.png").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.png")
        images = ImageSet.open(tmp_path)
        reasons = {name: reason(images, name) for name in images.names}
    special = "a pipe, socket or device, not a file"
    assert reasons == {
        "circle.png": "its symbolic links go in a circle",
        "dangling.png": "no such file",
        "device.png": special,
        "empty.png": "the file is empty",
        "folder.png": "a folder, not a file",
        "pipe.png": special,
        "socket.png": special,
    }
    assert images.digest == ImageSet.open(tmp_path).digest


def test_vanished_and_exchanged_files(tmp_path: Path) -> None:
    write_png(tmp_path / "1.png")
    write_png(tmp_path / "2.png")
    images = ImageSet.open(tmp_path)
    (tmp_path / "1.png").unlink()
    (tmp_path / "2.png").unlink()
    os.mkfifo(tmp_path / "2.png")
    assert reason(images, "1.png") == "no such file"
    assert "not a file" in reason(images, "2.png")


def test_file_exchanged_between_look_and_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_png(tmp_path / "1.png")
    os.mkfifo(tmp_path / "pipe")
    regular = (tmp_path / "1.png").stat()
    monkeypatch.setattr(Path, "stat", lambda self: regular)
    with pytest.raises(ImageError, match="pipe, socket or device"):
        files.read_file(tmp_path / "pipe")


def test_huge_file_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(files.FILE_LIMIT + 1)  # sparse
    assert "at most 1073741824 are read" in reason(ImageSet.open(tmp_path), "huge.png")


def test_linked_folders_are_entered_once(tmp_path: Path) -> None:
    write_png(tmp_path / "outside/3.png")
    root = tmp_path / "root"
    write_png(root / "z/1.png")
    (root / "a").symlink_to("z")  # a second name of z: the real one wins, though it comes later
    (root / "z/up").symlink_to(root)  # a circle
    (root / "m").symlink_to(tmp_path / "outside")
    (root / "n").symlink_to(tmp_path / "outside")
    (root / "self").symlink_to("self")
    images = ImageSet.open(root)
    assert images.names == ("m/3.png", "z/1.png")
    assert images.labels == ("m", "z")


def test_the_first_of_many_links_wins(tmp_path: Path) -> None:
    write_png(tmp_path / "outside/1.png")
    (tmp_path / "root").mkdir()
    for name in ("q", "m", "z", "c", "x", "f", "u", "k"):
        (tmp_path / "root" / name).symlink_to(tmp_path / "outside")
    assert ImageSet.open(tmp_path / "root").names == ("c/1.png",)


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    pixels = write_png(tmp_path / "plain.png")
    (tmp_path / "plain.png").rename(tmp_path / os.fsdecode(b"caf\xe9.png"))
    images = ImageSet.open(tmp_path)
    assert images.names == ("caf\\udce9.png",)
    np.testing.assert_array_equal(images.read(0), pixels)
    assert images.digest


def test_folder_without_images(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(ImageSetError, match=r"holds no image, at any depth.*\.jpg"):
        ImageSet.open(tmp_path)


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that another user can reach, which pytest's own is not."""
    with tempfile.TemporaryDirectory() as path:
        Path(path).chmod(0o755)
        yield Path(path)


@pytest.fixture
def nobody(shared_folder: Path) -> Iterator[None]:
    """Root may read everything, so step down while the test runs."""
    user = os.geteuid()
    yield
    os.seteuid(user)


def step_down() -> None:
    if os.geteuid() == 0:
        os.seteuid(65534)


def test_no_permission(shared_folder: Path, nobody: None) -> None:
    write_png(shared_folder / "set/secret.png")
    write_png(shared_folder / "set/locked/1.png")
    (shared_folder / "set/secret.png").chmod(0)
    step_down()
    assert reason(ImageSet.open(shared_folder / "set"), "secret.png") == "no permission to read the file"


def test_unreadable_folder(shared_folder: Path, nobody: None) -> None:
    write_png(shared_folder / "set/cat/1.png")
    (shared_folder / "set/cat").chmod(0)
    step_down()
    with pytest.raises(ImageSetError, match=r"cat cannot be listed: Permission denied\. Give yourself"):
        ImageSet.open(shared_folder / "set")


def test_single_image(tmp_path: Path) -> None:
    pixels = write_png(tmp_path / "one.png")
    images = ImageSet.open(tmp_path / "one.png")
    assert (images.name, images.names, images.labels) == ("one.png", ("one.png",), (None,))
    np.testing.assert_array_equal(images.read(0), pixels)


def test_list(tmp_path: Path) -> None:
    inside, outside = write_png(tmp_path / "lists/in #1.png", 1), write_png(tmp_path / "out.png", 2)
    path = tmp_path / "lists/mine.txt"
    absolute = tmp_path / "out.png"
    text = f"\ufeff# a comment\r\n\n in #1.png\tcat \r\n../out.png\n{absolute}\tant\n"
    path.write_bytes((text + "missing.png\tcat\nin\0.png").encode())
    images = ImageSet.open(path)
    assert images.name == "mine"
    assert images.names == ("in #1.png", "../out.png", str(absolute), "missing.png", "in\0.png")
    assert images.labels == ("cat", None, "ant", "cat", None)
    assert images.classes == ("ant", "cat")
    np.testing.assert_array_equal(images.read(0), inside)
    np.testing.assert_array_equal(images.read(1), outside)
    np.testing.assert_array_equal(images.read(2), outside)
    assert reason(images, "missing.png") == "no such file"
    assert reason(images, "in\0.png") == "the path holds a null character"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "names no image"),
        (b"# only a comment\n\n", "names no image"),
        (b"caf\xe9.png", "not UTF-8 text"),
        (b"a.png\n b.png\tx\ty", "Line 2 of the list"),
        (b"\xff\xd8\xff\xe0", "not UTF-8 text"),
    ],
)
def test_bad_list(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    with pytest.raises(ImageSetError, match=message) as caught:
        ImageSet.open(path)
    assert "one path per line" in str(caught.value)


def test_pipe_as_source(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "list.txt")
    with pytest.raises(ImageSetError, match="neither a file nor a folder"):
        ImageSet.open(tmp_path / "list.txt")


def test_a_file_of_the_kernel_is_not_read_without_end(tmp_path: Path) -> None:
    (tmp_path / "pages.png").symlink_to("/proc/self/pagemap")  # a regular file of 0 bytes, by what it says
    assert reason(ImageSet.open(tmp_path), "pages.png") == "the file is empty"


NAMES = (
    "e\u0301.png",  # a combining accent is another name than é
    "\u00e9.png",
    "\u202egnp.png",  # shown from right to left
    "\u05d0\u05d1.png",
    "\U0001f600.png",
    "a\u200b.png",  # a space of no width
    "-rf.png",
    "a\tb.png",
    "a\nb.png",
    "\x1b[31mred.png",
    "x" * 251 + ".png",
    "\u00fc" * 125 + ".png",
    "$(id).png",
    "a\\b.png",
)


def test_odd_names_are_kept_and_read(tmp_path: Path) -> None:
    pixels = {name: write_png(tmp_path / name, seed) for seed, name in enumerate(NAMES)}
    for raw in (b"\xff\xfe.png", b"\xed\xa0\x80.png"):  # no UTF-8: Latin-1, and half of a pair
        (tmp_path / os.fsdecode(raw)).write_bytes((tmp_path / NAMES[0]).read_bytes())
    images = ImageSet.open(tmp_path)
    assert images.names == tuple(sorted((*NAMES, "\\udcff\\udcfe.png", "\\udced\\udca0\\udc80.png")))
    assert "\n".join(images.names).encode()
    for index, name in enumerate(images.names):
        np.testing.assert_array_equal(images.read(index), pixels.get(name, pixels[NAMES[0]]))
    (tmp_path / "names.txt").write_text("\n".join(name for name in NAMES if "\n" not in name and "\t" not in name))
    listed = ImageSet.open(tmp_path / "names.txt")
    for index, name in enumerate(listed.names):
        np.testing.assert_array_equal(listed.read(index), pixels[name])


def test_tricks_in_a_list_are_skips_with_a_reason(tmp_path: Path) -> None:
    inside = tmp_path / "lists"
    write_png(tmp_path / "secret/1.png")
    inside.mkdir()
    (inside / "link.png").symlink_to(tmp_path / "secret/1.png")
    (inside / "circle.png").symlink_to("circle.png")
    (inside / "tty.png").symlink_to("/dev/tty")
    os.mkfifo(inside / "pipe.png")
    lines = {
        "link.png": None,  # links are followed, as in folders
        "../secret/1.png": None,
        "../lists/../secret//./1.png": None,
        "circle.png": "its symbolic links go in a circle",
        "tty.png": "a pipe, socket or device, not a file",
        "pipe.png": "a pipe, socket or device, not a file",
        "x/" * 3000 + "1.png": "the path is too long",
        "x" * 100_000: "the path is too long",
        "..": "a folder, not a file",
        "/": "a folder, not a file",
        "/dev/zero": "a pipe, socket or device, not a file",
        "link.png/1.png": "no such file",
        "~/1.png": "no such file",
        "$HOME/1.png": "no such file",
        "*.png": "no such file",
        "a\0b.png": "the path holds a null character",
        "a\rb.png": "no such file",
        "a\u2028b.png": "no such file",
    }
    (inside / "list.txt").write_bytes("\n".join(lines).encode())
    images = ImageSet.open(inside / "list.txt")
    assert images.names == tuple(lines)
    for name, expected in lines.items():
        if expected is None:
            assert images.read(images.names.index(name)).shape == (3, 4, 3)
        else:
            assert reason(images, name) == expected


def test_a_large_folder_takes_little_for_each_image(tmp_path: Path) -> None:
    for number in range(20_000):
        (tmp_path / f"n{number:08}.jpg").touch()
    tracemalloc.start()
    try:
        images = ImageSet.open(tmp_path)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(images) == 20_000
    assert list(images.names) == sorted(images.names)
    assert kept / len(images) < 250
    assert peak / len(images) < 500
    assert len(pickle.dumps(images)) / len(images) < 150
