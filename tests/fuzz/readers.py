"""Every reader of files that come from elsewhere, by name: what a valid one is, and how it is read.

A folder that convscope wrote counts too: it may have been sent by somebody, or been damaged. There, one file is changed
while the others stay.
"""

from __future__ import annotations

import io
import itertools
import json
import tarfile
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image
from safetensors.torch import save

from convscope.engine.journal import load_part, save_part
from convscope.errors import ImageError, SettingError
from convscope.images import ImageSet, webfiles
from convscope.images.decode import decode
from convscope.images.exclusion import read_exclusion
from convscope.images.imageset import GREY
from convscope.images.parts import read_parts
from convscope.images.remote import RemoteFile
from convscope.models.weights import read_weights
from convscope.pipeline.evolution_recorder import INDEX, EvolutionRecorder
from convscope.pipeline.invariance_parts import FOLDER
from convscope.pipeline.invariance_parts import load_part as load_invariance
from convscope.pipeline.invariance_parts import save_part as save_invariance
from convscope.pipeline.results import ResultFolder, check_place
from convscope.pipeline.transfer_cells import _read as read_cell
from convscope.probes.evolution.journal import load_record, save_record
from convscope.probes.invariance.invariance import invariance
from convscope.probes.transfer.protocol import load_protocol
from convscope.train.ablation.measured import MEASURED, Measured, read_measured
from convscope.train.ablation.reading import load_plan
from convscope.train.callbacks.records import EPOCHS, STEPS, keep_until, seconds_of
from convscope.train.callbacks.resumption import LAST, check_state
from convscope.train.reading import changes_of, load_recipe
from convscope.train.result import RESULT, read_trained
from convscope.units import UnitAddress
from convscope.zoo.architecture import Architecture, Convolution, Hidden, Pool, build
from convscope.zoo.centre import Centre
from convscope.zoo.snapshot import Snapshot, read_snapshot, whole, write_snapshot
from tests.engine.test_journal import IMAGES, nothing, same, some_part
from tests.fuzz.folders import folder_readers
from tests.fuzz.reader import Reader
from tests.images.make import encoded, noise, write_idx
from tests.images.test_tar import FORMATS, archive
from tests.probes.evolution.test_journal import record
from tests.structure.source import ROOT
from tests.web.test_results import write_run

FILE = encoded(noise(5, 4, 3))


def file_named(name: str, read: Callable[[Path], object]) -> Callable[[bytes, Path], object]:
    """A reading of one file of this name."""

    def reading(content: bytes, folder: Path) -> object:
        path = folder / name
        path.write_bytes(content)
        return read(path)

    return reading


def whole_set(path: Path) -> None:
    """Open a set and read all of it; an image that cannot be read is listed, and the others go on."""
    images = ImageSet.open(path)
    json.dumps([images.names, images.labels, images.classes, images.name])
    for index in range(len(images)):
        if isinstance(images.entries[index].load, RemoteFile):  # nobody is asked
            continue
        with suppress(ImageError):
            pixels = images.read(index)
            assert pixels.dtype == np.uint8
            assert pixels.ndim == 3


def written(write: Callable[[Path], object]) -> bytes:
    """The one file that is written into a folder."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        (path,) = (path for path in Path(folder).rglob("*") if path.is_file())
        return path.read_bytes()


# Images


def pictures() -> list[bytes]:
    grey, colour = Image.fromarray(noise(7, 5)), Image.fromarray(noise(7, 5, 3))
    turned = Image.Exif()
    turned[0x0112] = 6
    return [
        *(encoded(colour, kind) for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")),
        *(encoded(grey, kind) for kind in ("PNG", "JPEG", "TIFF", "PPM")),
        encoded(colour, "JPEG", exif=turned),
        encoded(colour, "TIFF", compression="tiff_lzw"),
        encoded(colour, "TIFF", compression="tiff_deflate"),
        encoded(colour.convert("P"), "PNG", transparency=3),
        encoded(Image.fromarray(noise(4, 4, 4)), "WEBP", lossless=True),
        encoded(Image.fromarray(np.arange(20, dtype=np.uint16).reshape(4, 5)), "PNG"),
        encoded(colour, "GIF", save_all=True, append_images=[colour.rotate(90)]),
    ]


def tables() -> list[bytes]:
    found = []
    for compression, image in (("snappy", [FILE] * 3), ("zstd", [{"bytes": FILE, "path": "x"}] * 3)):
        table = pa.table({"image": image, "label": [1, 0, 1], "name": ["a", "b", "c"]})
        declared = {"huggingface": json.dumps({"info": {"features": {"label": {"names": ["x", "y"]}}}})}
        buffer = io.BytesIO()
        pq.write_table(table.replace_schema_metadata(declared), buffer, row_group_size=2, compression=compression)
        found.append(buffer.getvalue())
    return found


def shards() -> list[bytes]:
    files = [("a/0.png", FILE), ("a/0.cls", b"3"), ("b/1.jpg", FILE), ("b/1.json", b'{"label": "x"}'), ("2.txt", b"t")]
    long = [("n" * 150 + ".png", FILE), ("é" * 60 + ".png", FILE)]
    return [archive(files, FORMATS[1]), *(archive(long, form) for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))]


def idx_files() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"x-images-idx3-ubyte{end}" for end in ("", ".gz")]
        for path in paths:
            write_idx(path, noise(3, 4, 5))
        return [path.read_bytes() for path in paths]


def idx_labels(content: bytes, folder: Path) -> None:
    write_idx(folder / "t-images-idx3-ubyte", noise(3, 4, 5))
    (folder / "t-labels-idx1-ubyte").write_bytes(content)
    whole_set(folder)


COCO = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 60, "height": 40}],
    "categories": [{"id": 2, "name": "dog", "keypoints": ["nose", "tail"]}],
    "annotations": [{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4], "keypoints": [5, 6, 2, 0, 0, 0]}],
}
PARTS = [
    b'image,part,left,top,right,bottom\na.jpg,nose,1,2,3,4\n"b,\n.jpg",eye,1.5,2,3e1,4\n',
    b'[{"image": "a.jpg", "part": "nose", "box": [1, 2, 3, 4]}]',
    json.dumps(COCO).encode(),
]


def marked_parts(path: Path) -> object:
    return read_parts(path, ["a.jpg", "b,\n.jpg"], side=4.0)


class Page:
    """What fsspec's HTTP file system gives of a server whose every answer is the same page."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def open(self, url: str, **options: Any) -> io.BytesIO:
        return io.BytesIO(self.content)


def page(content: bytes, folder: Path) -> None:
    found = list[str]()
    with suppress(ImageError):  # more folders than are looked into
        found = webfiles.Web().find(Page(content), "http://host/set")
    for path in found:
        assert not path.startswith("/")
        assert ".." not in path.split("/")


# Weights and snapshots


def plain_weights() -> list[bytes]:
    return [save({"a": torch.ones(2, 3)}, {"k": "v"})]


def pickles() -> list[bytes]:
    state = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2, dtype=torch.bfloat16)}
    found = []
    for zipped, content in itertools.product((True, False), (state, {"state_dict": state, "epoch": 3})):
        buffer = io.BytesIO()
        torch.save(content, buffer, _use_new_zipfile_serialization=zipped)
        found.append(buffer.getvalue())
    return found


def snapshots() -> list[bytes]:
    first = Convolution(1, 2, 3, padding=1, pool=Pool(ceil=True), contrast="after")
    small = Architecture(8, (first,), (Hidden(2, 3),), channels=1)
    about = Snapshot(small, ("one", "two"), 8, "bilinear", 1, 400, "")
    centre = Centre(torch.zeros(small.channels, small.side, small.side), 1.0)
    return [written(lambda at: write_snapshot(at / "s.safetensors", whole(centre, build(small, 2)), about))]


# What must count as absent, whatever it is


def part(path: Path) -> None:
    found = load_part(path, IMAGES, nothing())
    assert found is None or same(found, some_part())


def parts() -> list[bytes]:
    return [written(lambda at: save_part(at / "p.npz", IMAGES, some_part()))]


@cache
def invariance_parts() -> list[bytes]:
    from tests.pipeline.test_invariance import PICTURES
    from tests.probes.invariance.make import model

    found = invariance(model(), PICTURES[:1], "rotate", [0, 30])
    return [written(lambda at: save_invariance(at, 1, "key", found))]


def invariance_part(content: bytes, folder: Path) -> None:
    (folder / FOLDER).mkdir(exist_ok=True)
    (folder / FOLDER / "001.npz").write_bytes(content)
    load_invariance(folder, 1, "key")


def evolution_record() -> list[bytes]:
    return [written(lambda at: save_record(at / "r.npz", "question", record()))]


def result_facts(path: Path) -> None:
    ResultFolder(path.parent, path.name, {"a": 1}).is_finished(overwrite=True)
    with suppress(SettingError):
        check_place(path.parent, "other.json")


def result_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes, Path], object]:
    """A reading of one file of a folder, which is what is named."""

    def reading(content: bytes, folder: Path) -> object:
        (folder / name).write_bytes(content)
        return read(folder)

    return reading


def trained() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        return [(write_run(Path(folder) / "run") / RESULT).read_bytes()]


def measured() -> list[bytes]:
    return [json.dumps(asdict(Measured(8, {"dead": 0.5, "none": None}, {"curve": {"1": 0.25}}))).encode()]


def cells() -> list[bytes]:
    facts = {"layer": "a", "value": 1.0}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, facts=np.array(json.dumps(facts)), by_class=np.ones(3))
    return [buffer.getvalue()]


def toml(package: str) -> Callable[[], list[bytes]]:
    return lambda: [path.read_bytes() for path in sorted((ROOT / "src/convscope" / package).glob("*.toml"))]


def assignments(content: bytes, folder: Path) -> None:
    (folder / "r.toml").write_bytes(toml("train/recipes")()[0])
    load_recipe(folder / "r.toml", changes_of(content.decode("utf-8", "replace").split("\0")))


LOOK = {"label": "epoch 0", "fingerprint": "f", "preprocessing": "p", "nodes": ["a", "b"]}
RECORDED = {"look": LOOK, "entries": [{"label": "epoch 0", "position": 0.0, "number": 0, "digest": "00"}]}


def a_record(path: Path) -> object:
    return load_record(path, "question", None)


def recording(folder: Path) -> int:
    return EvolutionRecorder(folder, ImageSet("none", (), (), GREY)).count


def states() -> list[bytes]:
    buffer = io.BytesIO()
    torch.save({"state_dict": {"a": torch.arange(6.0).reshape(2, 3)}, "epoch": 3, "global_step": 12}, buffer)
    return [buffer.getvalue()]


def kept_steps(path: Path) -> None:
    keep_until(path, 1)


def address(content: bytes, folder: Path) -> object:
    return UnitAddress.parse(content.decode("utf-8", "replace"))


SEEDS_OF_LISTS = [b"# comment\na.png\tcat\nb/c.png\n/etc/passwd\n../up.png\nhttps://h/x.png?a=b\n"]
FACTS = b'{"key": "k", "made_with": {}, "a": [1, 2.5]}'
EXCLUDED = [b'{"image": "a.png", "sha256": "00", "reason": "x"}\n\n{"image": "b.png"}\n']

READERS: dict[str, Reader] = {
    "image": Reader(pictures, lambda content, folder: decode(content, GREY, 1 << 20)),
    "list of images": Reader(lambda: SEEDS_OF_LISTS, file_named("l.txt", whole_set)),
    "idx images": Reader(idx_files, file_named("x-images-idx3-ubyte.gz", whole_set)),
    "idx labels": Reader(lambda: [bytes([0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3])], idx_labels),
    "Parquet images": Reader(tables, file_named("t.parquet", whole_set)),
    "WebDataset shard": Reader(shards, file_named("s.tar", whole_set)),
    "page of a web server": Reader(lambda: [b'<a href="a/">a</a><a class=x href="b%20c.png">b</a>'], page),
    "parts": Reader(lambda: PARTS, file_named("parts.any", marked_parts)),
    "exclusion list": Reader(lambda: EXCLUDED, file_named("e.jsonl", read_exclusion)),
    "safetensors": Reader(plain_weights, file_named("w.safetensors", read_weights)),
    "PyTorch file": Reader(pickles, file_named("w.pt", read_weights)),
    "snapshot": Reader(snapshots, file_named("s.safetensors", read_snapshot)),
    "recipe": Reader(toml("train/recipes"), file_named("r.toml", load_recipe)),
    "assignments": Reader(lambda: [b"epochs=3\0optimiser.rate=0.02\0note=many words"], assignments),
    "plan": Reader(toml("train/ablation/plans"), file_named("p.toml", load_plan)),
    "protocol": Reader(toml("probes/transfer/protocols"), file_named("p.toml", load_protocol)),
    "part of a scan": Reader(parts, file_named("p.npz", part)),
    "part of an invariance": Reader(invariance_parts, invariance_part),
    "record of an evolution": Reader(evolution_record, file_named("r.npz", a_record)),
    "recording of an evolution": Reader(lambda: [json.dumps(RECORDED).encode()], result_file(INDEX, recording)),
    "cell of a transfer": Reader(cells, file_named("c.npz", read_cell)),
    "result of a training": Reader(trained, result_file(RESULT, read_trained)),
    "state of a training": Reader(states, file_named(LAST, check_state)),
    "steps of a training": Reader(lambda: [b"step,epoch,loss\n1,1,0.5\n2,1,0.25\n"], file_named(STEPS, kept_steps)),
    "epochs of a training": Reader(lambda: [b"epoch,seconds\n1,2.5\n2,1.5\n"], result_file(EPOCHS, seconds_of)),
    "measures of a run": Reader(measured, result_file(MEASURED, lambda folder: read_measured(folder, 8))),
    "facts of a result": Reader(lambda: [FACTS], file_named("facts.json", result_facts)),
    "address of a unit": Reader(lambda: [b"features.3:17@4,5"], address),
    **folder_readers(),
}
"""By the name of what is read."""
