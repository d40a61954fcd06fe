"""WebDataset shards: samples, labels, names; folders, patterns, and archives that lie."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convscope.errors import ImageError, ImageSetError
from convscope.images import ImageSet, files, patterns
from convscope.images.shards import LABEL_LIMIT
from tests.images.make import encoded, noise

PIXELS = [noise(4, 5, 3, seed=seed) for seed in range(8)]
FILES = [encoded(pixels) for pixels in PIXELS]


def shard(path: Path, content: Mapping[str, bytes], **special: bytes) -> Path:
    """A tar archive with files of this content, in this order; ``special`` names members of other types."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, inside in content.items():
            info = tarfile.TarInfo(name)
            info.size, info.type = len(inside), special.get(name, tarfile.REGTYPE)
            info.linkname = "/etc/passwd"
            tar.addfile(info, io.BytesIO(inside))
    return path


def test_samples_labels_and_names(tmp_path: Path) -> None:
    path = shard(
        tmp_path / "train-000.tar",
        {
            "a/0.cls": b"2\n",  # a label may come first,
            "a/0.png": FILES[0],
            "a/1.png": FILES[1],
            "a/2.PNG": FILES[2],
            "a/1.cls": b"10",  # or after the next sample
            "a/2.json": b'{"label": "fox", "size": 3}',
            "b.c/3.png": FILES[3],
            "b.c/3.txt": "h\u00fchner\n".encode(),
            "4.png": FILES[4],
            "4.cls": b"-1",
            "5.png": FILES[5],
            "5.txt": b"a text of\ntwo lines",
            "6.png": FILES[6],
            "6.json": b'{"cls": 2, "caption": "no label"}',
            "6.txt": b"ignored, since json comes first",
            "no-image.cls": b"7",
            ".hidden.png": FILES[7],
            "._6.png": b"what another system leaves behind",
            "README.md": b"text",
        },
    )
    images = ImageSet.open(path)
    assert images.name == "train-000"
    inside = ("a/0.png", "a/1.png", "a/2.PNG", "b.c/3.png", "4.png", "5.png", "6.png")
    assert images.names == tuple(f"train-000/{name}" for name in inside)
    assert images.labels == ("2", "10", "fox", "hühner", None, None, "2")
    assert images.classes == ("2", "10", "fox", "hühner")
    for index in (6, 0, 3, 1, 5, 2, 4):
        np.testing.assert_array_equal(images.read(index), PIXELS[index])


def test_images_of_one_sample(tmp_path: Path) -> None:
    content = {
        "0.png": FILES[0],
        "0.mask.png": FILES[1],
        "1.left.png": FILES[2],
        "1.right.png": FILES[3],
        "1.cls": b"4",
    }
    images = ImageSet.open(shard(tmp_path / "s.tar", content))
    assert images.names == ("s/0.png", "s/1.left.png", "s/1.right.png")
    assert images.labels == (None, "4", "4")


def sharded(root: Path) -> list[str]:
    """Three shards whose samples have the same keys; the names of their images."""
    for number in range(3):
        shard(root / f"train-{number:02}.tar", {f"{key}.png": FILES[number * 2 + key] for key in range(2)})
    return [f"train-{number:02}/{key}.png" for number in range(3) for key in range(2)]


def test_files_here_and_elsewhere_in_one_pattern(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = sharded(tmp_path / "one")
    (tmp_path / "two").mkdir()
    monkeypatch.chdir(tmp_path / "two")
    sharded(tmp_path / "two/inner")
    images = ImageSet.open(f"{{{tmp_path}/one,inner}}/train-00.tar")
    assert images.names == (*(f"one/{name}" for name in names[:2]), *(f"two/inner/{name}" for name in names[:2]))


@pytest.mark.parametrize("twice", [("7.png", "7.PNG"), ("7.png", "./7.png"), ("7.cls", "7.CLS"), ("a/x", "./a/x")])
def test_two_files_that_mean_the_same_are_refused(tmp_path: Path, twice: tuple[str, str]) -> None:
    path = shard(tmp_path / "s.tar", {"0.png": FILES[0]} | dict.fromkeys(twice, b"1"))
    with pytest.raises(ImageSetError, match=r"s\.tar cannot be used: it holds '.*' twice"):
        ImageSet.open(path)


@pytest.mark.parametrize("suffix", [".tar", ".parquet"])
def test_shards_whose_names_are_not_utf8(tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / os.fsdecode(b"h\xe9n")
    path = folder / os.fsdecode(b"\xe9" + suffix.encode())
    if suffix == ".tar":
        shard(path, {"0.png": FILES[0]})
    else:
        folder.mkdir()
        plain = tmp_path / "plain.parquet"
        pq.write_table(pa.table({"image": [FILES[0]], "name": ["0.png"]}), plain)
        path.write_bytes(plain.read_bytes())
    for images in (ImageSet.open(folder), ImageSet.open(path), ImageSet.open(f"{folder}/*{suffix}")):
        assert all(text.encode("utf-8") for text in (images.name, *images.names))
        assert len(images.digest) == 64


def test_folder_patterns_and_stars_are_the_same_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = sharded(tmp_path / "shards")
    (tmp_path / "shards/README.md").write_text("about")
    (tmp_path / "shards/.train-03.tar").write_bytes(b"half a download")
    folder = ImageSet.open(tmp_path / "shards")
    assert (folder.name, list(folder.names)) == ("shards", names)
    digests = {folder.digest}
    monkeypatch.chdir(tmp_path)
    for pattern in (
        "shards/train-{00..02}.tar",
        "shards/train-*.tar",
        "shards/train-{00,01,02}.tar",
        "shards/*0[0-9].tar",
    ):
        images = ImageSet.open(pattern)
        monkeypatch.chdir("/")  # read later, from elsewhere
        digests.add(images.digest)
        monkeypatch.chdir(tmp_path)
    assert len(digests) == 1
    assert ImageSet.open("shards/train-{02..01}.tar").names == (*names[4:], *names[2:4])
    (tmp_path / "more").symlink_to("shards")
    several = ImageSet.open("{shards,more}/train-00.tar")
    assert several.names == tuple(f"{folder}/{name}" for folder in ("shards", "more") for name in names[:2])


def test_a_folder_with_images_or_folders_beside_shards_is_one_of_images(tmp_path: Path) -> None:
    sharded(tmp_path)
    (tmp_path / "cat").mkdir()
    with pytest.raises(ImageSetError, match=r"holds no image.*To read its 3 shards, name them: .*/\*\.tar"):
        ImageSet.open(tmp_path)
    (tmp_path / "cat/1.png").write_bytes(FILES[0])
    assert ImageSet.open(tmp_path).names == ("cat/1.png",)


def test_parquet_shards(tmp_path: Path) -> None:
    for number, labels in enumerate([[10, 2], [2, 3]]):
        table = pa.table({"image": FILES[number * 2 : number * 2 + 2], "label": labels})
        pq.write_table(table, tmp_path / f"test-{number}.parquet", row_group_size=1)
    images = ImageSet.open(tmp_path)
    assert images.names == ("test-0/0", "test-0/1", "test-1/0", "test-1/1")
    assert images.classes == ("2", "3", "10")
    for index in (3, 0, 2, 1):
        np.testing.assert_array_equal(images.read(index), PIXELS[index])
    assert ImageSet.open(str(tmp_path / "test-{0..1}.parquet")).digest == images.digest
    declared = pa.table({"image": FILES[:1], "label": [0]}).replace_schema_metadata(
        {"huggingface": '{"info": {"features": {"label": {"names": ["ant"]}}}}'}
    )
    pq.write_table(declared, tmp_path / "test-2.parquet")
    with pytest.raises(ImageSetError, match=r"test-2\.parquet declares the classes \['ant'\]"):
        ImageSet.open(tmp_path)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("x-{0..9}.tar", "x-0.tar cannot be read: no such file"),
        ("x-*.tar", "stands for 0 files"),
        ("x\0{0,1}.tar", "cannot be read: the path holds a null character"),
        ("x-{0..999999999}.tar", "more than the 100000 files"),
        ("x-{0..999}{0..999}.tar", "stands for 1000000 files"),
        ("x{,}.tar", "names '.*x.tar' twice"),
        ("x.{tar,parquet}.jpg", "does not exist"),
        ("{x.parquet,y.tar}.tar/../*.tar", "stands for 0 files"),
    ],
)
def test_patterns_that_fit_nothing(tmp_path: Path, pattern: str, message: str) -> None:
    with pytest.raises(ImageSetError, match=message):
        ImageSet.open(str(tmp_path / pattern))


@given(st.integers(0, 300), st.integers(0, 300), st.integers(1, 5))
def test_ranges_expand_as_a_shell_does(first: int, last: int, width: int) -> None:
    step = 1 if last >= first else -1
    texts = patterns.expanded(f"a{{{first:0{width}}..{last:0{width}}}}b")
    assert [int(text[1:-1]) for text in texts] == list(range(first, last + step, step))
    if any(len(f"{end:0{width}}") > len(str(end)) for end in (first, last)):
        assert len({len(text) for text in texts}) == 1


def test_readers_side_by_side_and_in_other_processes(tmp_path: Path) -> None:
    sharded(tmp_path)
    images = ImageSet.open(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        for index, pixels in zip(list(range(6)) * 8, pool.map(images.read, list(range(6)) * 8), strict=True):
            np.testing.assert_array_equal(pixels, PIXELS[index])
    again = pickle.loads(pickle.dumps(images.select([5, 0])))
    np.testing.assert_array_equal(again.read(0), PIXELS[5])
    assert len(pickle.dumps(images.entries[0])) < 500 + len(str(tmp_path))


def test_a_shard_that_changed_is_noticed(tmp_path: Path) -> None:
    path = shard(tmp_path / "s.tar", {"0.png": FILES[0], "1.png": FILES[1]})
    images = ImageSet.open(path)
    shard(path, {"0.png": FILES[0], "2.png": FILES[1]})
    np.testing.assert_array_equal(images.read(0), PIXELS[0])
    with pytest.raises(ImageError, match="the shard has changed since the set was opened"):
        images.read(1)
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(ImageError, match="the shard has changed"):
        images.read(0)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ImageError, match="a pipe, socket or device"):
        images.read(0)


def test_a_member_that_is_too_large_is_a_skip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s.tar"
    header = tarfile.TarInfo("big.png")
    header.size = files.FILE_LIMIT + 1
    with path.open("wb") as file:
        file.write(header.tobuf())
        file.truncate(files.FILE_LIMIT + 4096)  # sparse
    images = ImageSet.open(path)
    with pytest.raises(ImageError, match="at most 1073741824 are read"):
        images.read(0)


def test_links_and_escaping_names_reach_no_file(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(FILES[0])
    names = ("../secret.png", str(tmp_path / "secret.png"), "a/../../secret.png", "new\nline.png", "\u202egnp.exe.png")
    images = ImageSet.open(shard(tmp_path / "set/s.tar", dict.fromkeys(names, FILES[1])))
    for index in range(len(images)):  # read from the archive, whatever they are called
        np.testing.assert_array_equal(images.read(index), PIXELS[1])
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["s.tar", "secret.png", "set"]
    path = shard(tmp_path / "set/link.tar", {"a.png": b""}, **{"a.png": tarfile.SYMTYPE})
    with pytest.raises(ImageSetError, match=r"link\.tar cannot be used: it holds 'a\.png', which is a symbolic link"):
        ImageSet.open(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"0.png": FILES[0], "0.cls": b"\xff"}, r"'0\.cls' should hold a label, but is not UTF-8"),
        (
            {"0.png": FILES[0], "0.cls": b"x" * (LABEL_LIMIT + 1)},
            r"'0\.cls' should hold a label, but has 1048577 bytes",
        ),
        ({"0.png": FILES[0], "0.cls": b"x" * 201}, "expected a class, as a number or a name"),
        ({"0.png": FILES[0], "0.cls": b"-7"}, "A label is -7"),
        ({"0.png": FILES[0], "0.json": b"{"}, "which is not JSON"),
        ({"0.png": FILES[0], "0.json": b"[" * 100_000}, "which is not JSON"),
        ({"0.png": FILES[0], "0.json": b'{"label": ' + b"9" * 9999 + b"}"}, "which is not JSON"),
        ({"0.cls": b"1"}, "holds no image"),
        ({}, "holds no image"),
    ],
)
def test_bad_shard(tmp_path: Path, content: dict[str, bytes], message: str) -> None:
    with pytest.raises(ImageSetError, match=message):
        ImageSet.open(shard(tmp_path / "s.tar", content))


def test_two_files_of_one_name(tmp_path: Path) -> None:
    path = shard(tmp_path / "s.tar", {"0.png": FILES[0]})
    with tarfile.open(path, "a") as tar:
        tar.addfile(tarfile.TarInfo("0.png"), io.BytesIO(b""))
    with pytest.raises(ImageSetError, match=r"s\.tar cannot be used: it holds '0\.png' twice"):
        ImageSet.open(path)


def test_a_packed_shard_says_what_to_do(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "s.tar", "w:gz"):
        pass
    with pytest.raises(ImageSetError, match=r"it is compressed.*unpack it to one"):
        ImageSet.open(tmp_path / "s.tar")
