"""A pipe or a device in the place of a file is refused by whatever reads it, with what it is; nobody waits for it."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from convscope.atlas.damage import check_files
from convscope.atlas.digests import DIGESTS
from convscope.atlas.manifest import JOURNAL, MANIFEST
from convscope.atlas.reader import Atlas
from convscope.atlas.session import open_for_writing, stored_provenance
from convscope.errors import ConvscopeError
from convscope.images import ImageSet
from convscope.images.exclusion import read_exclusion
from convscope.images.parts import read_parts
from convscope.models.weights import read_weights
from convscope.pipeline.evolution_recorder import INDEX
from convscope.pipeline.invariance_parts import load_part as load_invariance
from convscope.pipeline.results import ResultFolder
from convscope.probes.transfer.protocol import load_protocol
from convscope.regular import open_regular, read_text
from convscope.train.ablation.measured import MEASURED, read_measured
from convscope.train.ablation.reading import load_plan
from convscope.train.reading import load_recipe
from convscope.train.result import RESULT, read_trained
from convscope.web.comparison.diagnosis import read_diagnosis
from convscope.zoo.snapshot import read_snapshot
from tests.atlas.make import make_atlas, make_manifest
from tests.fuzz.reader import Reader, run
from tests.fuzz.readers import recording


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def again(folder: Path) -> None:
    with open_for_writing(folder, make_manifest().provenance):
        pass


def as_atlas(read: Callable[[Path], object]) -> Callable[[Path], object]:
    """A reading of the folder of an atlas, in which one file was replaced."""
    return lambda path: read(next(each for each in path.parents if (each / "layers.parquet").exists()))


ALONE: dict[str, tuple[str, Callable[[Path], object]]] = {
    "recipe": ("r.toml", load_recipe),
    "plan": ("p.toml", load_plan),
    "protocol": ("p.toml", load_protocol),
    "safetensors": ("w.safetensors", read_weights),
    "PyTorch file": ("w.pt", read_weights),
    "snapshot": ("s.safetensors", read_snapshot),
    "image": ("i.png", ImageSet.open),
    "list of images": ("l.txt", ImageSet.open),
    "Parquet images": ("t.parquet", ImageSet.open),
    "WebDataset shard": ("s.tar", ImageSet.open),
    "idx images": ("x-images-idx3-ubyte.gz", ImageSet.open),
    "exclusion list": ("e.jsonl", read_exclusion),
    "parts": ("parts.csv", lambda path: read_parts(path, ["a.jpg"], side=4.0)),
    "facts of a result": (
        "facts.json",
        lambda path: ResultFolder(path.parent, path.name, {"a": 1}).is_finished(overwrite=False),
    ),
    "result of a training": (RESULT, lambda path: read_trained(path.parent)),
    "measures of a run": (MEASURED, lambda path: read_measured(path.parent, 8)),
    "recording of an evolution": (INDEX, lambda path: recording(path.parent)),
}
"""A file of this name, and how it is read."""

OF_AN_ATLAS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "manifest": (MANIFEST, as_atlas(Atlas.open)),
    "manifest, to go on": (MANIFEST, as_atlas(again)),
    "journal": (JOURNAL, as_atlas(lambda folder: stored_provenance(folder, JOURNAL))),
    "table": ("units.parquet", as_atlas(Atlas.open)),
    "table that may lack": ("trust.parquet", as_atlas(Atlas.open)),
    "part of a table": ("pictures/part-00007.parquet", as_atlas(Atlas.open)),
}
"""The same, of a file of an atlas."""


def refused(read: Callable[[Path], object], path: Path) -> str:
    """What the error says, before anybody would have to wait."""

    said: list[str] = []

    def reading(content: bytes, folder: Path) -> None:
        try:
            read(path)
        except (ConvscopeError, OSError) as error:
            said.append(str(error))

    run(Reader(list, reading), b"", path.parent)
    return said[0]


@pytest.mark.parametrize("name", ALONE)
@pytest.mark.parametrize("make", [pipe, device])
def test_a_reader_says_what_is_there_instead_of_a_file(name: str, make: Callable[[Path], None], tmp_path: Path) -> None:
    file, read = ALONE[name]
    make(tmp_path / file)
    assert re.search(
        r"is a (pipe|device), expected|a pipe, socket or device|neither a file nor", refused(read, tmp_path / file)
    )


@pytest.mark.parametrize("name", OF_AN_ATLAS)
@pytest.mark.parametrize("make", [pipe, device])
def test_an_atlas_with_something_else_than_its_file_is_refused(
    name: str, make: Callable[[Path], None], tmp_path: Path
) -> None:
    file, read = OF_AN_ATLAS[name]
    path = make_atlas(tmp_path / "atlas") / file
    path.unlink(missing_ok=True)
    make(path)
    assert re.search(r"is a (pipe|device), expected a regular file", refused(read, path))


@pytest.mark.parametrize("make", [pipe, device])
def test_verify_counts_it_as_damage(make: Callable[[Path], None], tmp_path: Path) -> None:
    folder = make_atlas(tmp_path / "atlas")
    names = ["units.parquet", "pictures/other.parquet"]
    for name in names:
        (folder / name).unlink(missing_ok=True)
        make(folder / name)
    assert [each.file for each in check_files(folder).damaged] == sorted(names)
    (folder / DIGESTS).unlink()
    make(folder / DIGESTS)
    with pytest.raises(ConvscopeError, match="expected a regular file"):
        check_files(folder)


def test_what_may_count_as_absent_does(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    pipe(tmp_path / "parts" / "001.npz")
    assert load_invariance(tmp_path, 1, "key") is None
    pipe(tmp_path / "other.json")
    assert ResultFolder(tmp_path, "facts.json", {}).is_finished(overwrite=False) is False


def test_a_diagnosis_says_it_too(tmp_path: Path) -> None:
    pipe(tmp_path / "diagnosis.json")
    atlas = Atlas.open(make_atlas(tmp_path / "atlas"))
    assert "is a pipe" in refused(lambda path: read_diagnosis(path.parent, atlas), tmp_path / "diagnosis.json")


def test_each_kind_has_a_name_and_a_link_is_followed(tmp_path: Path) -> None:
    pipe(tmp_path / "pipe")
    listening(tmp_path / "socket")
    kinds = {"pipe": "a pipe", "socket": "a socket", ".": "a folder", "/dev/null": "a device"}
    for name, kind in kinds.items():
        with pytest.raises(OSError, match=f" is {kind}, expected a regular file"):
            open_regular(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "nothing")
    (tmp_path / "file").write_bytes("é\r\nb".encode())
    (tmp_path / "link").symlink_to("file")
    assert read_text(tmp_path / "link") == "é\nb"
