"""From checkpoints and images to a folder: figure 4, films, curves, and every number behind them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from convscope.figures.evolution import evolution_png, patches_png
from convscope.figures.evolution_curves import curves_png
from convscope.figures.evolution_film import film
from convscope.images import ImageSet
from convscope.models import Model
from convscope.pipeline.evolution_rows import (
    CurveRow,
    EvolutionRow,
    curve_rows,
    evolution_columns,
    layer_facts,
    projections_npz,
)
from convscope.pipeline.results import Facts, ResultFolder
from convscope.probes.evolution.checkpoint import Checkpoint
from convscope.probes.evolution.evolve import evolve_series
from convscope.probes.evolution.result import Evolution
from convscope.probes.evolution.series import Series, examine
from convscope.probes.evolution.study import Settings

FACTS = "evolution.json"
"""Written last: a folder that has it is whole."""
WORK = "work"
"""Folder inside a result that keeps finished checkpoints until all are done."""

Report = Callable[[str, int, int], None]


@dataclass(frozen=True)
class EvolutionAsk:
    """What is asked; see ``evolve``. ``settings`` has the number or the addresses of the units that are shown."""

    layers: tuple[str, ...] | None = None
    settings: Settings = field(default_factory=Settings)


def evolve_to(
    checkpoints: Sequence[Checkpoint],
    images: ImageSet,
    output: str | Path,
    ask: EvolutionAsk,
    *,
    overwrite: bool = False,
    report: Report = lambda stage, done, total: None,  # noqa: ARG005
) -> Path:
    """Write the folder ``output``, go on with the one that was begun, or find it finished; gives its path.

    Finished checkpoints are kept in ``output/work`` until all are. Raises the errors of ``evolve``, and SettingError
    for a folder that holds another result.
    """
    settings = ask.settings
    way = (settings.method, settings.unpool)
    series = examine(checkpoints, ask.layers, settings.units, way, settings.device)
    folder = ResultFolder(Path(output), FACTS, _asked(series, images, settings))
    if folder.is_finished(overwrite=overwrite):
        _remove_work(folder)
        return folder.path
    started = time.perf_counter()
    journal = folder.path / WORK / folder.key[:16]
    settings = replace(settings, journal=journal, report=lambda done, total: report("evolve", done, total))
    found = evolve_series(series, images, settings)
    write_evolution(folder, found, f"{series.name}, {images.name}", {"evolution": time.perf_counter() - started})
    _remove_work(folder)
    return folder.path


def _remove_work(folder: ResultFolder) -> None:
    work = folder.path / WORK
    if work.is_dir() and not work.is_symlink():
        shutil.rmtree(work)


def write_evolution(folder: ResultFolder, found: Evolution, title: str, seconds: Mapping[str, float]) -> None:
    """All files of an evolution; the facts last."""
    started = time.perf_counter()
    folder.begin()
    folder.write("figure.png", evolution_png(found, title))
    folder.write("patches.png", patches_png(found, title))
    folder.write("curves.png", curves_png(found, title))
    folder.write("evolution.webp", film(found, "WEBP"))
    folder.write("evolution.gif", film(found, "GIF"))
    folder.write("projections.npz", projections_npz(found))
    folder.write_columns("evolution.parquet", EvolutionRow, evolution_columns(found))
    folder.write_rows("curves.csv", CurveRow, curve_rows(found))
    folder.finish(facts_of(found), {**seconds, "files": time.perf_counter() - started})


def facts_of(found: Evolution) -> Facts:
    """The findings in numbers and words, ready for JSON."""
    return {
        "labels": list(found.labels),
        "positions": list(found.positions),
        "method": found.method,
        "probed": found.probed,
        "ranked_over": found.sampled,
        "layers": layer_facts(found),
        "order": {"ranking": asdict(found.ranking_order), "projection": asdict(found.projection_order)},
        "skipped": [{"image": name, "reason": reason} for name, reason in found.skipped],
        "notes": list(found.notes),
    }


def _asked(series: Series, images: ImageSet, settings: Settings) -> dict[str, Any]:
    """All that decides the result, for the record and to recognise it."""
    return {
        "checkpoints": [
            {"label": each.label, "position": each.position, "model": _spec(each), "digest": digest}
            for each, digest in zip(series.checkpoints, series.digests, strict=True)
        ],
        "images": {"name": images.name, "digest": images.digest, "count": len(images)},
        "settings": {"layers": [layer.address for layer in series.subject.layers], **settings.asked},
    }


def _spec(checkpoint: Checkpoint) -> str:
    if isinstance(checkpoint.model, Model):
        return checkpoint.model.spec
    spec = checkpoint.model if isinstance(checkpoint.model, str) else f"module:{type(checkpoint.model).__name__}"
    return spec if checkpoint.weights is None else f"{spec} with {checkpoint.weights.name}"
