"""The set as a whole: order, digest, head, threads."""

from __future__ import annotations

import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest

from convscope.errors import ImageError, ImageSetError
from convscope.images import ImageSet
from convscope.images.decode import PIXEL_LIMIT, SUFFIXES
from convscope.images.files import FILE_LIMIT, REASONS
from convscope.images.quiet import quiet_pillow
from tests.images.make import encoded, noise, write_png


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for seed, name in enumerate(["b/2.png", "a/1.png", "b/10.png"]):
        write_png(tmp_path / "set" / name, seed)
    return tmp_path / "set"


def test_frozen_and_described(root: Path) -> None:
    images = ImageSet.open(root)
    assert len(images) == 3
    assert repr(images) == "<ImageSet set: 3 images, 2 classes>"
    with pytest.raises(FrozenInstanceError):
        images.name = "other"  # type: ignore[misc]


def test_digest_is_of_content_not_of_place(root: Path) -> None:
    digest = ImageSet.open(root).digest
    assert len(bytes.fromhex(digest)) == 32
    assert ImageSet.open(str(root)).digest == digest
    moved = root.rename(root.with_name("elsewhere"))
    assert ImageSet.open(moved).digest == digest


def test_relative_source_outlives_a_change_of_folder(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    for source in (".", "a/1.png", Path("b")):
        images = ImageSet.open(source)
        with monkeypatch.context() as context:
            context.chdir("/")
            assert images.read(0).shape == (3, 4, 3)
    assert ImageSet.open(".").name == "set"


def test_digest_follows_every_change(root: Path) -> None:
    digests = {ImageSet.open(root).digest}
    digests.add(ImageSet.open(root, background=(128, 128, 129)).digest)
    digests.add(ImageSet.open(root).head(2).digest)
    one = root / "a/1.png"
    content = one.read_bytes()
    one.write_bytes(content + b"\0")
    digests.add(ImageSet.open(root).digest)
    one.unlink()
    one.mkdir()
    digests.add(ImageSet.open(root).digest)
    one.rmdir()
    (root / "a/3.png").write_bytes(content)
    digests.add(ImageSet.open(root).digest)
    assert len(digests) == 6
    (root / "a/3.png").rename(one)
    assert ImageSet.open(root).digest in digests


def test_digest_depends_on_labels_and_order(root: Path) -> None:
    def digest(text: str) -> str:
        path = root / "list.txt"
        path.write_text(text)
        return ImageSet.open(path).digest

    texts = [
        "a/1.png\tx\nb/2.png\tx",
        "a/1.png\tx\nb/2.png\ty",
        "b/2.png\tx\na/1.png\tx",
        "a/1.png\nb/2.png\tx",
    ]
    assert len({digest(text) for text in texts}) == 4
    assert digest(texts[0]) == digest("# comment\n" + texts[0] + "\n")


def test_digest_does_not_decode(root: Path) -> None:
    (root / "b/2.png").write_bytes(b"no image")
    images = ImageSet.open(root)
    assert images.digest
    with pytest.raises(ImageError, match="not an image"):
        images.read(2)


def test_head(root: Path) -> None:
    images = ImageSet.open(root)
    first = images.head(2)
    assert first.names == ("a/1.png", "b/10.png")
    assert first.classes == images.classes
    np.testing.assert_array_equal(first.read(1), images.read(1))
    assert images.head(99).digest == images.digest
    with pytest.raises(ImageSetError, match="first 0 images"):
        images.head(0)


@pytest.mark.parametrize("name", ["data_batch.pkl", "images.NPY", "images.npz", "tensors.pt"])
def test_pickles_are_not_opened(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"cposix\nsystem\n(S'touch owned'\ntR.")
    with pytest.raises(ImageSetError, match=r"reading those runs code.*write image files or Parquet"):
        ImageSet.open(tmp_path / name)


def test_background_reaches_the_pixels(tmp_path: Path) -> None:
    path = tmp_path / "clear.png"
    path.write_bytes(encoded(np.zeros((1, 1, 4), np.uint8)))
    assert ImageSet.open(path, background=(1, 2, 3)).read(0).tolist() == [[[1, 2, 3]]]
    assert ImageSet.open(path).read(0).tolist() == [[[128, 128, 128]]]
    with pytest.raises(ImageSetError, match="three integers"):
        ImageSet.open(path, background=(0, 0, 256))


def test_eight_threads_read_the_same_set(tmp_path: Path) -> None:
    expected = {f"{seed:02}.png": write_png(tmp_path / f"{seed:02}.png", seed) for seed in range(20)}
    (tmp_path / "bad.png").write_bytes(b"bad")
    corrupt_exif = encoded(noise(4, 4), "JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff")
    (tmp_path / "warns.jpg").write_bytes(corrupt_exif)
    images = ImageSet.open(tmp_path)

    def read(index: int) -> bool:
        name = images.names[index]
        if name == "bad.png":
            with pytest.raises(ImageError):
                images.read(index)
            return True
        pixels = images.read(index)
        return name == "warns.jpg" or np.array_equal(pixels, expected[name])

    filters = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, list(range(len(images))) * 10))
        assert len(set(pool.map(lambda _: images.digest, range(8)))) == 1
    assert list(warnings.filters) == filters


def test_only_pillows_warnings_are_kept_in() -> None:
    with quiet_pillow():
        warnings.warn_explicit("hidden", UserWarning, "file", 1, module="PIL.Image")
        with quiet_pillow(), pytest.warns(UserWarning, match="seen"):
            warnings.warn("seen", UserWarning, stacklevel=1)
        warnings.warn_explicit("still hidden", UserWarning, "file", 1, module="PIL.TiffImagePlugin")
    with pytest.warns(UserWarning, match="now seen"):
        warnings.warn_explicit("now seen", UserWarning, "file", 1, module="PIL.Image")


@pytest.mark.parametrize("source", ["", "missing", "nul\0character", 7, None, {"image": 1}])
def test_no_source_at_all(source: object) -> None:
    with pytest.raises(ImageSetError, match="xpected"):
        ImageSet.open(source)


def test_unknown_kind_of_file(tmp_path: Path) -> None:
    (tmp_path / "pictures.zip").write_bytes(b"PK")
    with pytest.raises(ImageSetError, match=r"no known source of images\. Expected a folder"):
        ImageSet.open(tmp_path / "pictures.zip")


def test_documentation_names_every_suffix_and_reason() -> None:
    page = (Path(__file__).parents[2] / "docs/how-to/image-sets.md").read_text()
    for term in (*SUFFIXES, f"{PIXEL_LIMIT:,}", str(FILE_LIMIT), *REASONS.values()):
        assert term in page, term


def test_torch_is_not_imported() -> None:
    code = "import sys, convscope.images; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": "src"}).returncode == 0
