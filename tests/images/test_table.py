"""Parquet files, plain and as Hugging Face writes them."""

from __future__ import annotations

import contextlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from convscope.errors import ImageError, ImageSetError
from convscope.images import ImageSet
from tests.images.make import encoded, noise

PIXELS = [noise(4, 5, 3, seed=seed) for seed in range(7)]
FILES = [encoded(pixels) for pixels in PIXELS]


def write(file: Path, /, group: int = 3, metadata: Any = None, **columns: Any) -> Path:
    table = pa.table(columns)
    if metadata is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps(metadata)})
    pq.write_table(table, file, row_group_size=group)
    return file


def test_plain_bytes(tmp_path: Path) -> None:
    images = ImageSet.open(write(tmp_path / "birds.parquet", image=FILES))
    assert images.name == "birds"
    assert images.names == tuple("0123456")
    assert (images.labels, images.classes) == ((None,) * 7, ())
    for index in (6, 0, 3, 2, 5, 1, 4):
        np.testing.assert_array_equal(images.read(index), PIXELS[index])


def test_hugging_face_layout(tmp_path: Path) -> None:
    features = {"label": {"names": ["ant", "bee", "cow"], "_type": "ClassLabel"}, "image": {"_type": "Image"}}
    path = write(
        tmp_path / "train.parquet",
        metadata={"info": {"features": features}},
        image=[{"bytes": file, "path": "x.png"} for file in FILES[:5]] + [{"bytes": None, "path": "x.png"}, None],
        label=[2, 0, 0, None, -1, 1, 1],
    )
    images = ImageSet.open(path)
    assert images.classes == ("ant", "bee", "cow")
    assert images.labels == ("cow", "ant", "ant", None, None, "bee", "bee")
    np.testing.assert_array_equal(images.read(4), PIXELS[4])
    for index in (5, 6):
        with pytest.raises(ImageError, match="the row holds no image bytes"):
            images.read(index)


def test_layouts_agree(tmp_path: Path) -> None:
    labels = [10, 9, 2, 2, 9, 10, 2]
    plain = ImageSet.open(write(tmp_path / "a.parquet", image=pa.array(FILES, pa.large_binary()), label=labels))
    struct = ImageSet.open(write(tmp_path / "b.parquet", 2, image=[{"bytes": file} for file in FILES], label=labels))
    assert plain.digest == struct.digest
    assert plain.classes == ("2", "9", "10")
    assert plain.labels[:3] == ("10", "9", "2")


def test_names_and_text_labels(tmp_path: Path) -> None:
    labels = pa.array(["b", "a", None, "10", "9", "a", "b"]).dictionary_encode()
    names = [None, *(f"n{row}" for row in range(6))]
    images = ImageSet.open(write(tmp_path / "a.parquet", image=FILES, label=labels, name=names, path=FILES))
    assert images.names == ("0", "n0", "n1", "n2", "n3", "n4", "n5")
    assert images.labels == ("b", "a", None, "10", "9", "a", "b")
    assert images.classes == ("9", "10", "a", "b")
    assert ImageSet.open(write(tmp_path / "b.parquet", image=FILES, path=["p"] * 7)).names == ("p",) * 7


def test_threads_across_row_groups(tmp_path: Path) -> None:
    images = ImageSet.open(write(tmp_path / "a.parquet", 1, image=FILES))
    with ThreadPoolExecutor(8) as pool:
        for index, pixels in zip(list(range(7)) * 8, pool.map(images.read, list(range(7)) * 8), strict=True):
            np.testing.assert_array_equal(pixels, PIXELS[index])


def test_file_changed_meanwhile(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", 1, image=FILES)
    images = ImageSet.open(path)
    np.testing.assert_array_equal(images.read(0), PIXELS[0])
    write(path, 1, image=FILES[::-1], label=[1] * 7)
    with pytest.raises(ImageError, match="has changed since the set was opened"):
        images.read(1)
    path.unlink()
    with pytest.raises(ImageError, match="no such file"):
        images.read(3)


def test_damaged_page_is_a_skip(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"image": FILES}), path, row_group_size=1, compression="snappy", use_dictionary=False)
    content = bytearray(path.read_bytes())
    content[4:300] = bytes(296)
    path.write_bytes(content)
    images = ImageSet.open(path)
    with pytest.raises(ImageError, match="cannot be read at this row"):
        images.read(0)
    np.testing.assert_array_equal(images.read(6), PIXELS[6])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"picture": FILES}, "has the columns picture. Expected a column 'image'"),
        ({"image": ["a.png"]}, "is of type string. Expected"),
        ({"image": [{"path": "a.png"}]}, r"is of type struct<path: string>. Expected"),
        ({"image": pa.array([], pa.binary())}, "has no rows"),
        ({"image": FILES, "label": [0.5] * 7}, "label is of type float"),
        ({"image": FILES, "label": [-7] * 7}, "label is -7"),
    ],
)
def test_wrong_layout(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    with pytest.raises(ImageSetError, match=message):
        ImageSet.open(write(tmp_path / "a.parquet", **columns))


def test_label_without_class(tmp_path: Path) -> None:
    metadata = {"info": {"features": {"label": {"names": ["ant"]}}}}
    with pytest.raises(ImageSetError, match="label is 1, but the classes are numbered 0 to 0"):
        ImageSet.open(write(tmp_path / "a.parquet", metadata=metadata, image=FILES, label=[1] * 7))


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    raw = pa.array([b"\xff"] * 7, pa.binary())
    names = pa.Array.from_buffers(pa.string(), 7, raw.buffers())
    with pytest.raises(ImageSetError, match="cannot be read as a Parquet file: 'utf-8' codec"):
        ImageSet.open(write(tmp_path / "a.parquet", image=FILES, name=names))


def test_a_path_beside_an_image_that_is_not_utf8_is_not_looked_at(tmp_path: Path) -> None:
    raw = pa.array([b"\xff"] * 7, pa.binary())
    paths = pa.Array.from_buffers(pa.string(), 7, raw.buffers())
    image = pa.StructArray.from_arrays([pa.array(FILES, pa.binary()), paths], ["bytes", "path"])
    images = ImageSet.open(write(tmp_path / "a.parquet", image=image))
    for index, pixels in enumerate(PIXELS):
        np.testing.assert_array_equal(images.read(index), pixels)


def test_flipped_bytes_raise_only_our_errors(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", image=FILES[:3], label=["a", "b", "a"], name=["x", "y", "z"])
    whole, random = np.frombuffer(path.read_bytes(), np.uint8), np.random.default_rng(5)
    for _ in range(150):
        broken = whole.copy()
        broken[random.integers(0, len(whole), 2)] = random.integers(0, 256, 2)
        path.write_bytes(broken.tobytes())
        with contextlib.suppress(ImageSetError):
            images = ImageSet.open(path)
            for index in range(len(images)):
                with contextlib.suppress(ImageError):
                    assert images.read(index).ndim == 3


def test_impossible_row_count(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"image": pa.nulls(100_000, pa.binary())}), path)
    with pytest.raises(ImageSetError, match="claims 100000 rows, which cannot be"):
        ImageSet.open(path)


@pytest.mark.parametrize("keep", [0, 3, 4, 100, -1])
def test_truncated(tmp_path: Path, keep: int) -> None:
    path = write(tmp_path / "a.parquet", image=FILES)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ImageSetError, match="cannot be read as a Parquet file"):
        ImageSet.open(path)
