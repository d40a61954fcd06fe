"""From one model or two, and perhaps images, to a folder: findings, tables, and the pictures of figure 6."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from convscope.figures.diagnosis import first_layer_png, spectra_png
from convscope.figures.diagnosis_layers import aliasing_png, comparison_png, layers_png
from convscope.images import ImageSet
from convscope.images.spread import spread
from convscope.models import Model
from convscope.pipeline.diagnosis_facts import comparison_facts, diagnosis_facts, first_layer_npz
from convscope.pipeline.diagnosis_rows import (
    FilterRow,
    FindingRow,
    StridedRow,
    UnitRow,
    filter_columns,
    finding_rows,
    strided_columns,
    unit_columns,
)
from convscope.pipeline.results import ResultFolder, model_facts
from convscope.probes.diagnosis.comparison import compare
from convscope.probes.diagnosis.diagnose import diagnose
from convscope.probes.diagnosis.reference import reference_nets
from convscope.probes.diagnosis.result import Diagnosis
from convscope.probes.diagnosis.settings import Settings

FACTS = "diagnosis.json"
PICTURES = ("first_layer.png", "spectra.png", "layers.png", "aliasing.png", "comparison.png")
"""Of which a result may lack some."""
"""Written last: a folder that has it is whole."""

Report = Callable[[str, int, int], None]
Found = Mapping[str, Diagnosis]
"""By the name of the model."""

_FORMAT = 1
"""Of the facts and tables: a folder of another one is not taken for finished."""


@dataclass(frozen=True)
class DiagnosisAsk:
    """What is asked; see ``diagnose``."""

    limit: int | None = None
    shifts: int = Settings.shifts
    channels: int = Settings.channels


def diagnose_models(
    models: Sequence[Model],
    images: ImageSet | None,
    output: str | Path,
    ask: DiagnosisAsk = DiagnosisAsk(),
    *,
    device: str = "cpu",
    overwrite: bool = False,
    report: Report = lambda stage, done, total: None,  # noqa: ARG005
) -> Path:
    """Diagnose a model, or two side by side on the same images, and write a folder; one that is finished is kept.

    Raises the errors of ``diagnose``, and SettingError for a folder that holds another result.
    """
    Settings(ask.limit, ask.shifts, ask.channels)  # complains before anything is read
    used = None if images is None else replace(images, entries=_chosen(images, ask.limit))
    folder = ResultFolder(Path(output), FACTS, _asked(models, used, ask), PICTURES)
    count = 0 if used is None else len(used)
    if folder.is_finished(overwrite=overwrite):
        report("diagnose", count * len(models), count * len(models))
        return folder.path
    started = time.perf_counter()
    found = {}
    for number, (name, model) in enumerate(_named(models).items()):
        progress = _part(report, number * count, count * len(models))
        shifts, channels = ask.shifts, ask.channels
        found[name] = diagnose(model, used, shifts=shifts, channels=channels, device=device, report=progress)
    measured = time.perf_counter()
    _write(folder, found)
    spent = {"diagnosis": measured - started, "all": time.perf_counter() - started}
    folder.finish({"diagnoses": _facts(found), "comparison": _comparison(found)}, spent)
    return folder.path


def _chosen(images: ImageSet, limit: int | None) -> tuple[Any, ...]:
    return tuple(images.entries[index] for index in spread(len(images), limit))


def _part(report: Report, before: int, total: int) -> Callable[[int, int], None]:
    return lambda done, _: report("diagnose", before + done, total)


def _named(models: Sequence[Model]) -> Mapping[str, Model]:
    """By spec; the second of two that share one is numbered."""
    first, *others = models
    return {first.spec: first} | {f"{m.spec} (2)" if m.spec == first.spec else m.spec: m for m in others}


def _asked(models: Sequence[Model], images: ImageSet | None, ask: DiagnosisAsk) -> dict[str, Any]:
    """All that decides the result, for the record and to recognise it."""
    shown = None if images is None else {"name": images.name, "count": len(images), "digest": images.digest}
    return {
        "format": _FORMAT,
        "models": {name: dict(model_facts(model)) for name, model in _named(models).items()},
        "images": shown,
        "settings": asdict(ask) if images is not None else {},
        "references": [asdict(net) for net in reference_nets()],
    }


def _facts(found: Found) -> list[Mapping[str, Any]]:
    return [{"model": name, **diagnosis_facts(each)} for name, each in found.items()]


def _comparison(found: Found) -> list[dict[str, Any]]:
    return comparison_facts(compare(*found.values())) if len(found) == 2 else []


def _write(folder: ResultFolder, found: Found) -> None:
    folder.begin()
    pairs = found.items()
    folder.write_columns("filters.parquet", FilterRow, [p for name, each in pairs for p in filter_columns(each, name)])
    folder.write_columns("units.parquet", UnitRow, [p for name, each in pairs for p in unit_columns(each, name)])
    folder.write_columns(
        "strided.parquet", StridedRow, [p for name, each in pairs for p in strided_columns(each, name)]
    )
    folder.write_rows("findings.csv", FindingRow, [row for name, each in pairs for row in finding_rows(each, name)])
    folder.write("first_layer.npz", first_layer_npz(list(found.values())))
    pictures = {
        "first_layer.png": first_layer_png(found),
        "spectra.png": spectra_png(found),
        "layers.png": layers_png(found),
        "aliasing.png": aliasing_png(found),
        "comparison.png": comparison_png(found),
    }
    for name, picture in pictures.items():
        if picture is not None:
            folder.write(name, picture)
