"""Images in idx files, the format of MNIST and its relatives: a header and raw bytes, mostly gzipped."""

from __future__ import annotations

import gzip
import io
import math
import re
import zlib
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from convscope.errors import ImageSetError
from convscope.images.decode import PIXEL_LIMIT
from convscope.images.entry import Entry, Listing, printable
from convscope.images.file import read_source
from convscope.images.files import folder_names, local_file

IMAGES_FILE = re.compile(r"(?P<part>[^.].*)-images[-.]idx3-ubyte(\.gz)?")
UNSIGNED_BYTE = 8
CHUNK = 1 << 20
FASHION_MNIST = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
DIGITS = tuple(str(digit) for digit in range(10))


def is_idx_file(path: Path) -> bool:
    """Whether the path is named like an idx file of images."""
    return IMAGES_FILE.fullmatch(path.name) is not None


def is_idx_folder(path: Path) -> bool:
    """Whether the path is a folder with at least one idx file of images directly in it."""
    return path.is_dir() and any(map(IMAGES_FILE.fullmatch, folder_names(path)))


def read_idx_folder(folder: Path) -> Listing:
    """All idx files of images of a folder, in the order of their names (``t10k`` before ``train``)."""
    parts = [read_idx_file(file) for file in _image_files(folder)]
    classes = max((part.classes for part in parts), key=len)
    entries = tuple(entry for part in parts for entry in part.entries)
    return Listing(printable(folder.resolve().name), entries, classes)


def read_idx_file(path: Path) -> Listing:
    """The images of one idx file, named ``train/0``, …; labels from the labels file beside it, if any.

    Raises ``ImageSetError`` if a file is damaged or the counts differ.
    """
    match = IMAGES_FILE.fullmatch(path.name)
    part = path.name if match is None else match["part"]
    images = read_idx(path, dimensions=3)
    labels, classes = _labels(path, len(images))
    entries = tuple(
        # Each entry has its own picture only: entries may go to another process, some at a time.
        Entry(printable(f"{part}/{row}"), label, partial(_given, images[row]))
        for row, label in enumerate(labels)
    )
    return Listing(printable(f"{path.resolve().parent.name}/{part}"), entries, classes)


def _given(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return picture


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """The uint8 array of an idx file with this many dimensions; raises ``ImageSetError`` otherwise."""
    encoded = io.BytesIO(read_source(local_file(path)))
    stream: BinaryIO | gzip.GzipFile = (
        gzip.GzipFile(fileobj=encoded) if encoded.getvalue().startswith(b"\x1f\x8b") else encoded
    )
    try:
        return _parse(path, stream, dimensions)
    except (OSError, EOFError, zlib.error) as error:
        raise ImageSetError(f"{path} is not a sound gzip file: {error}. Fetch it again.") from error


def _parse(path: Path, stream: BinaryIO | gzip.GzipFile, dimensions: int) -> NDArray[np.uint8]:
    magic, expected = stream.read(4), bytes([0, 0, UNSIGNED_BYTE, dimensions])
    if magic != expected:
        raise ImageSetError(
            f"{path} starts with the bytes {magic.hex(' ')}; an idx file of unsigned bytes with {dimensions} "
            f"dimensions starts with {expected.hex(' ')}. Is it another kind of file?"
        )
    header = stream.read(4 * dimensions)
    shape = tuple(np.frombuffer(header, ">u4").tolist()) if len(header) == 4 * dimensions else ()
    if not shape or 0 in shape or math.prod(shape[1:]) > PIXEL_LIMIT:
        raise ImageSetError(f"{path} has an idx header of impossible shape {shape}. Fetch the file again.")
    values = _read_at_most(stream, math.prod(shape) + 1)
    if len(values) != math.prod(shape):
        raise ImageSetError(
            f"{path} should hold {math.prod(shape)} values, as its header says {shape}, but holds "
            f"{'more' if len(values) > math.prod(shape) else len(values)}. Fetch the file again."
        )
    return np.frombuffer(values, np.uint8).reshape(shape)


def _read_at_most(stream: BinaryIO | gzip.GzipFile, limit: int) -> bytes:
    """At most ``limit`` bytes, in pieces: the limit is from an untrusted header and must not be allocated."""
    pieces = bytearray()
    while piece := stream.read(min(CHUNK, limit - len(pieces))):
        pieces += piece
    return bytes(pieces)


def _labels(path: Path, count: int) -> tuple[list[str] | list[None], tuple[str, ...]]:
    file = _labels_file(path)
    if file is None:
        return [None] * count, ()
    numbers = read_idx(file, dimensions=1)
    if len(numbers) != count:
        raise ImageSetError(f"{path} holds {count} images, but {file.name} {len(numbers)} labels. Are they a pair?")
    classes = _classes(path, int(numbers.max()))
    return [classes[number] for number in numbers], classes


def _labels_file(path: Path) -> Path | None:
    stem = path.name.removesuffix(".gz").replace("-images", "-labels").replace("idx3", "idx1")
    return next((file for end in (".gz", "") if (file := path.with_name(stem + end)).exists()), None)


def _classes(path: Path, highest: int) -> tuple[str, ...]:
    folder = path.resolve().parent
    name = folder.parent.name if folder.name == "raw" else folder.name  # torchvision: FashionMNIST/raw
    if "fashionmnist" not in re.sub(r"[^a-z]", "", name.lower()):
        return DIGITS + tuple(str(number) for number in range(10, highest + 1))
    if highest >= len(FASHION_MNIST):
        raise ImageSetError(f"{path} has the label {highest}, but Fashion-MNIST has 10 classes. Rename its folder.")
    return FASHION_MNIST


def _image_files(folder: Path) -> list[Path]:
    parts: dict[str, str] = {}
    for match in map(IMAGES_FILE.fullmatch, sorted(filter(IMAGES_FILE.fullmatch, folder_names(folder)))):
        if match:
            parts.setdefault(match["part"], match.string)  # torchvision keeps the unpacked file beside the packed one
    return [folder / name for name in parts.values()]
