"""Folders that convscope wrote, of which one file is changed: they may have been sent by somebody, or been damaged."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

from convscope.atlas.damage import check_files
from convscope.atlas.digests import DIGESTS
from convscope.atlas.manifest import JOURNAL, MANIFEST
from convscope.atlas.reader import Atlas
from convscope.atlas.session import stored_provenance
from convscope.engine.graphs import digest_of
from convscope.models import Model
from convscope.pipeline.diagnosis import diagnose_models
from convscope.probes.transfer.labelled import open_labelled
from convscope.probes.transfer.protocol import load_protocol
from convscope.web.comparison.diagnosis import FILTERS, diagnosis_part, read_diagnosis
from convscope.web.opening import open_place
from tests.atlas.make import make_atlas
from tests.engine.make import image_set
from tests.fuzz.reader import Reader
from tests.probes.diagnosis.make import model, picture, planted
from tests.probes.transfer.make import write_voc
from tests.web.make_evolution import made_up, write_shown
from tests.web.test_results import write_ablation, write_experiment, write_run


def atlas(path: Path) -> None:
    """Everything that an atlas can be asked, as pages and scripts do."""
    found = Atlas.open(path)
    for layer in found.layers()[:3]:
        for unit in found.units(layer.layer)[:3]:
            found.top(layer.layer, unit.unit)
            found.projections(layer.layer, unit.unit)
            found.top_by_class(layer.layer, unit.unit)
        found.trust(layer.layer)
        found.peaks(layer.layer)
        found.spectrum(layer.layer)
        found.top_of_layer(layer.layer)
    for image in found.images()[:3]:
        found.top_of_image(image.image)
    for number in found.pictured()[:3]:
        found.picture(number)
    found.skipped()
    found.query("select count(*) from units")


def files_of_an_atlas(path: Path) -> None:
    """What is asked of the files of an atlas before anything in them is believed."""
    for name in (MANIFEST, JOURNAL):
        stored_provenance(path, name)
    check_files(path)


@cache
def diagnosed() -> Model:
    """The network whose diagnosis is read; the same at each call."""
    return replace(model(planted()), spec="sick")


def write_diagnosis(path: Path) -> None:
    """A diagnosis with all its parts."""
    images = image_set([picture(seed) for seed in range(2)])
    diagnose_models([diagnosed()], images, path)


def diagnosis(path: Path) -> None:
    """What a comparison shows of a diagnosis."""
    whole = Atlas.open(made("atlas"))
    facts = replace(whole.manifest.model, digest=digest_of(diagnosed()))
    found = read_diagnosis(path, replace(whole, manifest=replace(whole.manifest, model=facts)))
    diagnosis_part(found, found)


def voc(path: Path) -> None:
    """The images of a data set of this layout, and what they show."""
    found = open_labelled(path, replace(load_protocol("voc-2012"), images=None, classes=None, digest=None))
    assert found.marks.shape == (len(found.images), len(found.classes))


def pages(path: Path) -> None:
    """All pages of a folder."""
    place = open_place(path)
    for name in list(place.names())[:60]:
        place.answer(name)


FOLDERS: dict[str, tuple[Callable[[Path], object], Callable[[Path], None]]] = {
    "atlas": (lambda at: make_atlas(at, images=6, size=16, top=2, spectra=True), atlas),
    "files of an atlas": (lambda at: make_atlas(at, images=6, size=16, top=2), files_of_an_atlas),
    "diagnosis": (write_diagnosis, diagnosis),
    "voc": (lambda at: write_voc(at, each=3), voc),
    "evolution": (lambda at: write_shown(at, made_up((("conv1", 3, 3), ("conv2", 2, 0)), side=4)), pages),
    "run": (write_run, pages),
    "ablation": (write_ablation, pages),
    "occlusion": (lambda at: write_experiment(at, "occlusion.json"), pages),
    "invariance": (lambda at: write_experiment(at, "invariance.json"), pages),
    "correspondence": (lambda at: write_experiment(at, "correspondence.json"), pages),
}
"""How a small folder of each kind is written and read."""


@cache
def made(kind: str) -> Path:
    """A folder of this kind, written once for the process, and removed at its end."""
    place = Path(tempfile.mkdtemp(prefix="fuzz-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    FOLDERS[kind][0](place / kind)
    return place / kind


def folder_readers() -> dict[str, Reader]:
    """A reader for each file of each kind of folder."""
    return {f"{kind}/{name}": _of_folder(kind, name) for kind, names in FILES.items() for name in names}


FILES = {
    "atlas": ["manifest.json", "images.parquet", "layers.parquet", "units.parquet", "top.parquet", "trust.parquet",
              "peaks.parquet", "spectra.parquet", "projections", "pictures"],
    "files of an atlas": [DIGESTS, JOURNAL],
    "diagnosis": ["diagnosis.json", FILTERS],
    "voc": [f"VOCdevkit/VOC2012/ImageSets/Main/{name}.txt" for name in ("train", "cat_val")],
    "evolution": ["evolution.json", "evolution.parquet", "curves.csv", "projections.npz"],
    "run": ["run.json", "result.json", "epochs.csv", "steps.csv"],
    "ablation": ["ablation.json", "runs.csv", "summary.csv"],
    "occlusion": ["occlusion.json"],
    "invariance": ["invariance.json"],
    "correspondence": ["correspondence.json"],
}  # fmt: skip
"""The files of a folder that are parsed; a folder of partitions stands for its first."""


def _of_folder(kind: str, name: str) -> Reader:
    def file() -> Path:
        path = made(kind) / name
        return min(path.iterdir()) if path.is_dir() else path

    def reading(content: bytes, folder: Path) -> None:
        path = file()
        before = path.read_bytes()
        try:
            path.write_bytes(content)
            FOLDERS[kind][1](made(kind))
        finally:
            path.write_bytes(before)

    return Reader(lambda: [file().read_bytes()], reading)
