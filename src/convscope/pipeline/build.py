"""The main job: scan, tables, projections, pictures, sanity scores, manifest.

Each stage leaves whole files and lists them, so a run that was stopped goes on with the first one that is not.
"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import torch

from convscope.atlas.damage import remove_damaged
from convscope.atlas.digests import sound_among
from convscope.atlas.manifest import MANIFEST, DataFacts, Manifest, ModelFacts, Provenance, RuleUse, Settings
from convscope.atlas.reader import Atlas
from convscope.atlas.schema import ImageRow
from convscope.atlas.session import open_for_writing
from convscope.atlas.store import open_tables, read_rows
from convscope.atlas.stored import RAW
from convscope.atlas.tables import file_of
from convscope.atlas.writer import table_path, write_manifest
from convscope.engine.contents import digest_of_images
from convscope.engine.executor import HERE, Executor, check_device
from convscope.engine.graphs import digest_of, graph_of
from convscope.engine.layers import Layer, find_layers
from convscope.engine.project import Way
from convscope.engine.question import Question
from convscope.engine.scan import Scan, scan
from convscope.errors import SettingError
from convscope.images import ImageSet
from convscope.models import Model
from convscope.pipeline.atlas_projections import tasks_in, write_projections
from convscope.pipeline.atlas_spectra import add_spectra
from convscope.pipeline.atlas_tables import write_scanned
from convscope.pipeline.atlas_trust import add_trust
from convscope.pipeline.match import check_continues
from convscope.rules.coverage import Coverage, coverage
from convscope.version import installed_version

Report = Callable[[str, int, int], None]
"""Called with (stage: "read", "scan", "project", "spectrum" or "trust", done, total)."""


DRAWN = ("sheets", "site")
"""Folders inside an atlas where the command line draws; those of an atlas that was replaced would be out of date."""

MEASURED = ("spectra", "trust")
"""Tables that are also added to a finished atlas which lacks them."""

SAMPLE = 1000
"""Images whose peaks are kept one by one: enough for a histogram and a correlation, at a megabyte for 300 units."""


NO_PEAKS = (
    "It keeps no peaks of single images, as it was made by an earlier version: its pages have no histograms of them, "
    "preferred classes or similar units. Make it again with --overwrite to have them."
)


@dataclass(frozen=True)
class Ask:
    """What an atlas is asked to hold; see ``Settings`` of the manifest for each field."""

    layers: Sequence[str] | None = None
    top: int = 9
    per_image: str = "one"
    per_class: int = 0
    method: str = "auto"
    unpool: str = "sum"
    units: int | None = None
    trust: bool = True
    """Whether the sanity scores of its pictures are measured."""
    raw: bool = False
    """Whether projections are kept as raw numbers instead of 8-bit pictures."""


@dataclass(frozen=True)
class Summary:
    """What a run made or found: counts, and where."""

    path: Path
    method: str
    layers: int
    units: int
    images: int
    skipped: int
    projections: int
    notes: tuple[str, ...]


def build_atlas(
    model: Model,
    images: ImageSet,
    path: str | Path,
    ask: Ask | None = None,
    *,
    batch_size: int = 32,
    workers: int | None = None,
    device: str = "cpu",
    overwrite: bool = False,
    report: Report = lambda _stage, _done, _total: None,
    executor: Executor = HERE,
) -> Summary:
    """Make the atlas of ``model`` over ``images`` in the folder ``path``, or finish the one that was begun there.

    Everything that can be refused is refused before the first image is read: AddressError, CoverageError, ExportError,
    and AtlasMismatchError if ``path`` holds an atlas of other weights, data or settings. Spectra and sanity scores that
    a finished atlas lacks are added to it. The ``executor`` reads, scans and projects; every file is written here.
    """
    ask = ask or Ask()
    check_device(executor, device)
    graph = graph_of(model, device)
    chosen = find_layers(graph, ask.layers)
    covered = coverage(graph, [layer.node for layer in chosen], ask.method)
    covered.check()
    way = Way(covered.method, ask.unpool)
    question = Question(ask.top, ask.per_image, ask.per_class, SAMPLE)
    settings = _settings(ask, chosen)
    data = digest_of_images(images, executor, partial(report, "read"))
    provenance = Provenance(digest_of(model), data, settings, installed_version())
    if not overwrite:
        check_continues(Path(path), provenance, images)
    with open_for_writing(Path(path), provenance, overwrite=overwrite) as folder:
        finished = (folder / MANIFEST).exists()
        if not finished:
            _remove(folder, *DRAWN)
        # Each file is read once, here: the stages below only ask whether it is among these.
        sound = sound_among(folder, map(file_of, MEASURED)) if finished else remove_damaged(folder)

        def measure_pictures() -> None:
            if ask.units != 0 and file_of("spectra") not in sound:
                _remove(folder, *DRAWN)  # which say nothing of them
                add_spectra(folder, report)
            if ask.units != 0 and ask.trust and file_of("trust") not in sound:
                _remove(folder, *DRAWN)
                add_trust(folder, model, images, chosen, way, device, report)

        if finished:
            measure_pictures()
            return _summary(_opened(folder))

        def scanned() -> Scan:
            return scan(
                model,
                images,
                [layer.address for layer in chosen],
                question=question,
                batch_size=batch_size,
                workers=workers,
                device=device,
                journal=folder / "work" / provenance.key[:16],
                report=partial(report, "scan"),
                executor=executor,
            )

        write_scanned(folder, sound, model, images, scanned)
        tasks = tasks_in(folder, chosen, ask.units)
        told = partial(report, "project")
        write_projections(folder, sound, model, images, tasks, way, ask.raw, device, told, executor)
        measure_pictures()
        write_manifest(folder, _manifest(folder, model, images, settings, covered, provenance))
        return _summary(_opened(folder))


def _opened(folder: Path) -> Atlas:
    """A finished atlas, its journal removed: also the one that a stop just after the manifest left behind."""
    _remove(folder, "work")
    return Atlas.open(folder)


def _remove(folder: Path, *names: str) -> None:
    for name in names:
        if (folder / name).is_dir() and not (folder / name).is_symlink():
            shutil.rmtree(folder / name)


def _summary(atlas: Atlas) -> Summary:
    manifest, layers = atlas.manifest, atlas.layers()
    (count,) = atlas.query("select count(*) as n from projections")["n"].to_pylist()
    return Summary(
        path=atlas.path,
        method=manifest.method,
        layers=len(layers),
        units=sum(layer.units for layer in layers),
        images=manifest.data.images,
        skipped=manifest.data.skipped,
        projections=count,
        notes=manifest.notes if table_path(atlas.path, "peaks").exists() else (*manifest.notes, NO_PEAKS),
    )


def notes_on(model: Model, covered: Coverage, asked: str) -> tuple[str, ...]:
    """What a reader of the pictures must know about this model under this method."""
    notes = list(model.notes)
    if not covered.switches:
        how = (
            "guided backprop was chosen instead of DeconvNet"
            if asked == "auto"
            else "look at guided backprop as well (--method guided_backprop)"
        )
        notes.append(
            "This model has no max pooling below these layers, so there are no switches: a DeconvNet picture would "
            f"carry no positions from the image (Springenberg et al. 2014); {how}."
        )
    soft = sorted({use.op for use in covered.uses if use.kind.startswith("soft rectifier")})
    if soft and covered.method != "gradient":
        notes.append(f"The paper's rule for ReLU is also applied to {', '.join(soft)}, which the paper does not treat.")
    return tuple(notes)


def _settings(ask: Ask, layers: Sequence[Layer]) -> Settings:
    if ask.units is not None and ask.units < 0:
        raise SettingError(f"units is the number of units to project per layer, at least 0, not {ask.units}")
    addresses = tuple(layer.address for layer in layers)
    raw = RAW if ask.raw else "none"
    return Settings(addresses, ask.top, ask.per_image, ask.per_class, ask.method, ask.unpool, ask.units, raw)


def _now() -> datetime:
    """The time, or what SOURCE_DATE_EPOCH says, as builds that are to be repeated byte for byte set it."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    return datetime.fromtimestamp(int(epoch), UTC) if epoch.isdecimal() else datetime.now(UTC)


def _manifest(
    folder: Path,
    model: Model,
    images: ImageSet,
    settings: Settings,
    covered: Coverage,
    provenance: Provenance,
) -> Manifest:
    size = model.preprocessing
    architecture = type(model.module).__name__
    occurring = set(images.labels)
    skipped = sum(row.skipped is not None for row in read_rows(open_tables(folder)["images"], ImageRow))
    labels = tuple(name for name in images.classes if name in occurring)
    return Manifest(
        model=ModelFacts(
            model.spec,
            provenance.weights,
            architecture,
            size.height,
            size.width,
            size.channels,
            model.classes,
            model.notes,
        ),
        data=DataFacts(images.name, provenance.data, len(images), skipped, labels),
        settings=settings,
        method=covered.method,
        rules=tuple(RuleUse(*use, count) for use, count in covered.summary().items()),
        notes=notes_on(model, covered, settings.method),
        versions={
            "convscope": installed_version(),
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        created=_now().isoformat(timespec="seconds"),
        key=provenance.key,
    )
