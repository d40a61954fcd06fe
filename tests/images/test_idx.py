"""idx files: made here, and the real Fashion-MNIST where it is installed."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from convscope.errors import ImageSetError
from convscope.images import ImageSet, idx
from tests.images.make import noise, write_idx

REAL = Path("/usr/share/datasets/fashion-mnist")
TRAIN, TRAIN_LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_idx(tmp_path / "digits" / TRAIN, noise(5, 3, 4))
    write_idx(tmp_path / "digits" / TRAIN_LABELS, np.array([3, 0, 9, 3, 1], np.uint8))
    return tmp_path / "digits"


def test_folder(folder: Path) -> None:
    images = ImageSet.open(folder)
    assert images.name == "digits"
    assert images.names == ("train/0", "train/1", "train/2", "train/3", "train/4")
    assert images.labels == ("3", "0", "9", "3", "1")
    assert images.classes == tuple("0123456789")
    for index, expected in enumerate(noise(5, 3, 4)):
        pixels = images.read(index)
        assert pixels.flags.writeable
        np.testing.assert_array_equal(pixels, expected[:, :, None])
        pixels[:] = 0  # a reader's own copy
    np.testing.assert_array_equal(images.read(4)[..., 0], noise(5, 3, 4)[4])


def test_one_file_of_a_folder_has_the_same_names(folder: Path) -> None:
    write_idx(folder / "t10k-images-idx3-ubyte.gz", noise(2, 3, 4))
    both, one = ImageSet.open(folder), ImageSet.open(folder / TRAIN)
    assert both.names == ("t10k/0", "t10k/1", *one.names)
    assert both.labels == (None, None, *one.labels)
    assert both.classes == one.classes
    assert one.name == "digits/train"


def test_unpacked_copies_are_not_counted_twice(folder: Path) -> None:
    digest = ImageSet.open(folder).digest
    for name in (TRAIN, TRAIN_LABELS):
        (folder / name.removesuffix(".gz")).write_bytes(gzip.decompress((folder / name).read_bytes()))
    (folder / f"._{TRAIN}").write_bytes(b"what another system leaves behind")
    assert ImageSet.open(folder).digest == digest
    assert ImageSet.open(folder / TRAIN.removesuffix(".gz")).digest == digest


def test_without_labels_and_with_many(folder: Path) -> None:
    write_idx(folder / TRAIN_LABELS, np.array([3, 0, 26, 3, 1], np.uint8))
    assert ImageSet.open(folder).classes[-1] == "26"
    (folder / TRAIN_LABELS).unlink()
    images = ImageSet.open(folder)
    assert (images.labels, images.classes) == ((None,) * 5, ())


def test_digest_follows_one_pixel_and_one_label(folder: Path) -> None:
    digests = {ImageSet.open(folder).digest}
    values = noise(5, 3, 4)
    values[2, 1, 1] ^= 1
    write_idx(folder / TRAIN, values)
    digests.add(ImageSet.open(folder).digest)
    write_idx(folder / TRAIN_LABELS, np.array([3, 0, 9, 3, 2], np.uint8))
    digests.add(ImageSet.open(folder).digest)
    write_idx(folder / TRAIN, values.reshape(5, 4, 3))
    digests.add(ImageSet.open(folder).digest)
    assert len(digests) == 4


@pytest.mark.parametrize("place", ["fashion-mnist", "Fashion_MNIST", "FashionMNIST/raw"])
def test_fashion_mnist_is_known_by_its_folder(folder: Path, place: str) -> None:
    target = folder.parent / "sets" / place
    target.parent.mkdir(parents=True)
    folder.rename(target)
    images = ImageSet.open(target)
    assert images.labels == ("Dress", "T-shirt/top", "Ankle boot", "Dress", "Trouser")
    write_idx(target / TRAIN_LABELS, np.array([10, 0, 9, 3, 2], np.uint8))
    with pytest.raises(ImageSetError, match="label 10, but Fashion-MNIST has 10 classes"):
        ImageSet.open(target)


def broken_files() -> dict[str, tuple[bytes, str]]:
    head = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4])
    whole = gzip.compress(head + bytes(24))
    return {
        "labels file": (
            gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 1, 5])),
            "starts with the bytes 00 00 08 01",
        ),
        "text": (b"<html>not found</html>", "starts with the bytes 3c 68 74 6d"),
        "empty": (b"", "starts with the bytes"),
        "short header": (gzip.compress(head[:10]), "impossible shape"),
        "no images": (gzip.compress(head[:4] + bytes(12)), "impossible shape"),
        "giant": (gzip.compress(head[:4] + b"\xff" * 12), "impossible shape"),
        "claims more": (gzip.compress(head[:4] + b"\xff\xff\xff\xff" + head[8:]), "but holds 0"),
        "too short": (gzip.compress(head + bytes(23)), "should hold 24 values.*but holds 23"),
        "too long": (gzip.compress(head + bytes(25)), "should hold 24 values.*but holds more"),
        "cut gzip": (whole[:-9], "not a sound gzip file"),
        "bad checksum": (whole[:-8] + bytes(4) + whole[-4:], "not a sound gzip file"),
        "bad deflate": (whole[:10] + b"\xff" * 20, "not a sound gzip file"),
    }


@pytest.mark.parametrize("case", broken_files())
def test_broken_file(folder: Path, case: str) -> None:
    content, message = broken_files()[case]
    (folder / TRAIN).write_bytes(content)
    for source in (folder, folder / TRAIN):
        with pytest.raises(ImageSetError, match=message):
            ImageSet.open(source)


def test_counts_that_differ(folder: Path) -> None:
    write_idx(folder / TRAIN_LABELS, np.zeros(4, np.uint8))
    with pytest.raises(ImageSetError, match=r"5 images, but train-labels-idx1-ubyte\.gz 4 labels"):
        ImageSet.open(folder)


@pytest.mark.skipif(not REAL.is_dir(), reason="Fashion-MNIST is not installed (Debian: dataset-fashion-mnist)")
def test_real_fashion_mnist() -> None:
    images = ImageSet.open(REAL)
    assert len(images) == 70_000
    assert images.classes == idx.FASHION_MNIST
    assert (images.names[0], images.names[-1]) == ("t10k/0", "train/59999")
    assert {label: images.labels.count(label) for label in images.classes} == dict.fromkeys(images.classes, 7000)
    raw = gzip.decompress((REAL / "t10k-images-idx3-ubyte.gz").read_bytes())
    np.testing.assert_array_equal(images.read(7).ravel(), np.frombuffer(raw, np.uint8)[16 + 784 * 7 :][:784])
    assert images.head(100).digest == ImageSet.open(REAL / "t10k-images-idx3-ubyte.gz").head(100).digest
