"""The main job: scan, tables, projections, pictures, sanity scores, manifest.

Each stage leaves whole files, so a run that was stopped goes on with the first file that is missing.
"""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch

from convscope.atlas.manifest import MANIFEST, DataFacts, Manifest, ModelFacts, Provenance, RuleUse, Settings
from convscope.atlas.projection import Projection
from convscope.atlas.reader import Atlas
from convscope.atlas.schema import PictureRow, ProjectionRow
from convscope.atlas.session import open_for_writing
from convscope.atlas.stored import RAW
from convscope.atlas.writer import table_path, write_columns, write_manifest, write_table
from convscope.engine.graphs import digest_of, graph_of
from convscope.engine.layers import Layer, find_layers
from convscope.engine.loading import View, read_view
from convscope.engine.project import Way, project_units
from convscope.engine.scan import Question, Scan, scan
from convscope.engine.trace import trace
from convscope.errors import ImageSetError, SettingError
from convscope.images import ImageSet
from convscope.models import Model
from convscope.pipeline.atlas_spectra import RANKS, add_spectra, evenly, has_spectra
from convscope.pipeline.atlas_trust import add_trust, has_trust
from convscope.pipeline.picture_spectrum import picture_spectrum
from convscope.pipeline.pictures import encode_picture
from convscope.pipeline.rows import image_rows, layer_rows, peak_columns, top_columns, unit_rows
from convscope.pipeline.winners import Task, Winner, choose_units, in_parts, tasks_of, winners_of
from convscope.rules.coverage import Coverage, coverage
from convscope.version import installed_version

Report = Callable[[str, int, int], None]
"""Called with (stage: "scan", "project", "spectrum" or "trust", done, total)."""


DRAWN = ("sheets", "site")
"""Folders inside an atlas where the command line draws; those of an atlas that was replaced would be out of date."""

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
) -> Summary:
    """Make the atlas of ``model`` over ``images`` in the folder ``path``, or finish the one that was begun there.

    Everything that can be refused is refused before the first image is read: AddressError, CoverageError, ExportError,
    and AtlasMismatchError if ``path`` holds an atlas of other weights, data or settings. Spectra and sanity scores that
    a finished atlas lacks are added to it.
    """
    ask = ask or Ask()
    graph = graph_of(model, device)
    chosen = find_layers(graph, ask.layers)
    covered = coverage(graph, [layer.node for layer in chosen], ask.method)
    covered.check()
    way = Way(covered.method, ask.unpool)
    question = Question(ask.top, ask.per_image, ask.per_class, SAMPLE)
    settings = _settings(ask, chosen)
    provenance = Provenance(digest_of(model), images.digest, settings, installed_version())
    with open_for_writing(Path(path), provenance, overwrite=overwrite) as folder:

        def measure_pictures() -> None:
            if ask.units != 0 and not has_spectra(folder):
                _remove(folder, *DRAWN)  # which say nothing of them
                add_spectra(folder, report)
            if ask.units != 0 and ask.trust and not has_trust(folder):
                _remove(folder, *DRAWN)
                add_trust(folder, model, images, chosen, way, device, report)

        if (folder / MANIFEST).exists():
            measure_pictures()
            return _summary(_opened(folder))
        _remove(folder, *DRAWN)
        work = folder / "work" / provenance.key[:16]
        found = scan(
            model,
            images,
            [layer.address for layer in chosen],
            question=question,
            batch_size=batch_size,
            workers=workers,
            device=device,
            journal=work,
            report=lambda done, total: report("scan", done, total),
        )
        _write_tables(folder, model, images, found)
        units = {a: choose_units(tally, ask.units) for a, tally in found.tallies.items()}
        tasks = tasks_of(found, winners_of(found, units))
        _write_projections(folder, model, images, tasks, way, ask.raw, device, report)
        measure_pictures()
        write_manifest(folder, _manifest(model, images, found, settings, covered, provenance))
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


def _write_tables(folder: Path, model: Model, images: ImageSet, found: Scan) -> None:
    size = (model.preprocessing.height, model.preprocessing.width)
    write_table(folder, "images", image_rows(found, images))
    write_table(folder, "layers", layer_rows(found.layers))
    write_table(folder, "units", unit_rows(found))
    write_columns(folder, "top", top_columns(found, size))
    write_columns(folder, "peaks", peak_columns(found))


def _write_projections(
    folder: Path,
    model: Model,
    images: ImageSet,
    tasks: Sequence[Task],
    way: Way,
    raw: bool,
    device: str,
    report: Report,
) -> None:
    """Write the parts that are missing; each holds the pictures of some images, and the projections from them."""
    size = (model.preprocessing.height, model.preprocessing.width)
    winners = [winner for task in tasks for winner in task.winners]
    strongest: dict[str, set[int]] = {winner.layer.address: set() for winner in winners}
    for winner in winners:
        if winner.rank < RANKS:
            strongest[winner.layer.address].add(winner.unit)
    spectral = {layer: frozenset(evenly(units)) for layer, units in strongest.items()}
    total = len(winners)
    done = 0
    for number, part in enumerate(in_parts(tasks, size, 2 * model.preprocessing.channels)):
        name = f"part-{number:05d}"
        # The pictures are written last: where they are, the projections are.
        if not table_path(folder, "pictures", name).exists():
            _write_part(folder, name, model, images, part, way, raw, spectral, device, _from(report, done, total))
        done += sum(len(task.winners) for task in part)
        report("project", done, total)


def _from(report: Report, before: int, total: int) -> Callable[[int], None]:
    return lambda done: report("project", before + done, total)


def _write_part(
    folder: Path,
    name: str,
    model: Model,
    images: ImageSet,
    part: Sequence[Task],
    way: Way,
    raw: bool,
    spectral: Mapping[str, Collection[int]],
    device: str,
    progress: Callable[[int], None],
) -> None:
    pictures: list[PictureRow] = []
    packed: list[ProjectionRow] = []
    for task in part:
        view = _view(model, images, task.image)
        pictures += [encode_picture(task.image, view)] if task.picture else []
        found = project_image(model, torch.from_numpy(view)[None], task.winners, way, device)
        packed += [_packed(projection, raw, spectral) for projection in found]
        progress(len(packed))
    packed.sort(key=lambda row: (row.layer, row.unit, row.rank))
    if packed:
        write_table(folder, "projections", packed, name)
    write_table(folder, "pictures", pictures, name)


def _packed(projection: Projection, raw: bool, spectral: Mapping[str, Collection[int]]) -> ProjectionRow:
    # Raw numbers can be measured later; a picture would show fewer fine patterns than there are.
    measured = not raw and projection.rank < RANKS and projection.unit in spectral[projection.layer]
    return projection.pack(raw=raw, spectrum=picture_spectrum(projection.pixels) if measured else None)


def _view(model: Model, images: ImageSet, image: int) -> View:
    outcome, view = read_view(images, image, model.preprocessing)
    if view is None:
        raise ImageSetError(
            f"image {images.names[image]!r} could be read during the scan and cannot be now: {outcome.skipped}. "
            "Restore it and run the same command again"
        )
    return view


def project_image(
    model: Model, view: torch.Tensor, winners: Sequence[Winner], way: Way, device: str
) -> Iterator[Projection]:
    """One forward pass, then every unit of every layer that this image is among the strongest of."""
    if not winners:
        return
    by_layer: dict[str, list[Winner]] = {}
    for winner in winners:
        by_layer.setdefault(winner.layer.node, []).append(winner)
    recorded = trace(graph_of(model, device), model.preprocessing.normalise(view), *by_layer)
    for group in by_layer.values():
        places = [(w.unit, w.y, w.x) for w in group]
        for winner, pixels in zip(group, project_units(recorded, group[0].layer, places, way), strict=True):
            top, left, bottom, right = winner.box(pixels.shape[:2])
            yield Projection(
                winner.layer.address,
                winner.unit,
                winner.rank,
                winner.image,
                way.method,
                top,
                left,
                pixels[top:bottom, left:right],
            )


def _manifest(
    model: Model,
    images: ImageSet,
    found: Scan,
    settings: Settings,
    covered: Coverage,
    provenance: Provenance,
) -> Manifest:
    size = model.preprocessing
    architecture = type(model.module).__name__
    occurring = set(images.labels)
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
        data=DataFacts(images.name, images.digest, len(images), len(found.skipped), labels),
        settings=settings,
        method=covered.method,
        rules=tuple(RuleUse(*use, count) for use, count in covered.summary().items()),
        notes=notes_on(model, covered, settings.method),
        versions={
            "convscope": installed_version(),
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        key=provenance.key,
    )
