"""From a model and a labelled data set to a folder: tables 4, 5 and 7, figure 9, and what is confused with what."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from convscope.display import to_rgb
from convscope.engine.graphs import digest_of
from convscope.figures.transfer import curve_png, layers_png
from convscope.figures.transfer_classes import confused_png, confusion_png
from convscope.models import Model
from convscope.pipeline.results import ResultFolder, model_facts, skips_facts
from convscope.pipeline.transfer_cells import Cells
from convscope.pipeline.transfer_report import report_of
from convscope.pipeline.transfer_rows import (
    ClassRow,
    FoldRow,
    PredictionRow,
    ScoreRow,
    SummaryRow,
    class_rows,
    fold_columns,
    prediction_columns,
    score_rows,
    summary_rows,
)
from convscope.probes.transfer.confused import most_confused
from convscope.probes.transfer.extract import Extraction, wanted_features
from convscope.probes.transfer.labelled import Labelled
from convscope.probes.transfer.result import Cell, Transfer
from convscope.probes.transfer.transfer import Ask, Prepared, prepare, transfer_prepared

FACTS = "transfer.json"
"""Written last: a folder that has it is whole."""
REPORT = "report.md"
FILES = (
    *("scores.csv", "summary.csv", "classes.csv", "predictions.parquet", "folds.parquet", REPORT),
    *("layers.png", "curve.png", "confusion.png", "confused.png"),
)
"""Of which a result may lack some pictures."""
CELLS, FEATURES, NETWORKS = "cells", "features", "from-scratch"
_FORMAT = 2

Report = Callable[[str, int, int], None]
Scratch = Callable[[Prepared, Path, Report], Sequence[Cell]]
"""Trains whole networks on the folds, keeping them in a folder."""


@dataclass(frozen=True)
class Alternative:
    """Training from scratch: ``about`` decides the outcome, ``check`` raises SettingError for data that it cannot be
    trained on, ``train`` carries it out.
    """

    about: str
    check: Callable[[Labelled], None]
    train: Scratch


@dataclass(frozen=True)
class Place:
    """``output`` for what came out; ``features`` for what the network gives, which several results may share."""

    output: Path
    features: Path | None = None


def transfer_to(
    model: Model,
    labelled: Labelled,
    place: Place,
    ask: Ask,
    alternative: Alternative | None = None,
    *,
    device: str = "cpu",
    workers: int = 2,
    overwrite: bool = False,
    report: Report = lambda _stage, _done, _total: None,
) -> Transfer | None:
    """Fit classifiers on every layer, compare, and write a folder; None if it holds this very result already.

    ``overwrite`` writes it again in any case, from the features and cells that are there.

    Raises the errors of ``transfer``, and SettingError for a folder that holds another result.
    """
    if alternative is not None:
        alternative.check(labelled)
    folder = ResultFolder(place.output, FACTS, _asked(model, labelled, ask, alternative), FILES)
    whole = folder.is_finished(overwrite=overwrite) and (place.output / REPORT).is_file()
    how = Extraction(place.features or place.output / FEATURES, ask.form, device, workers=workers)
    if whole and not overwrite:
        return None
    started = time.perf_counter()
    wanted_features(model, ask.layers, how.form, device)
    prepared = prepare(labelled, ask, model.preprocessing, workers, report)
    looked = time.perf_counter()
    folder.begin()  # after what a mistake shows: it leaves nothing behind, and what was there before whole
    recall = Cells(place.output / CELLS, prepared, f"{digest_of(model)} {ask.form}")
    found = transfer_prepared(model, prepared, how, recall=recall, report=report)
    if alternative is not None:
        others = alternative.train(prepared, place.output, report)
        found = replace(found, cells=(*found.cells, *others))
    measured = time.perf_counter()
    _write(folder, found, prepared.labelled)
    spent = {"reading": looked - started, "measuring": measured - looked, "all": time.perf_counter() - started}
    folder.finish(_facts(found), spent)
    return found


def _asked(model: Model, labelled: Labelled, ask: Ask, alternative: Alternative | None) -> dict[str, Any]:
    """All that decides the result, for the record and to recognise it; a limit on memory does not."""
    wanted = {name: value for name, value in asdict(ask).items() if name != "memory"}
    return {
        "format": _FORMAT,
        "model": dict(model_facts(model)),
        "images": {
            "name": labelled.name,
            "count": len(labelled.images),
            "digest": labelled.images.digest,
            "classes": list(labelled.classes),
            "marks": hashlib.sha256(labelled.marks.tobytes() + repr(labelled.parts).encode()).hexdigest(),
        },
        "settings": wanted,
        "from_scratch": None if alternative is None else alternative.about,
    }


def _facts(found: Transfer) -> dict[str, Any]:
    best, classifier = found.best
    return {
        "best": {"layer": best, "classifier": classifier, "per_class": found.per_class[-1]},
        "table": [asdict(row) for row in summary_rows(found)],
        "skipped": skips_facts(found.skipped),
        "notes": list(found.notes),
    }


def _write(folder: ResultFolder, found: Transfer, labelled: Labelled) -> None:
    folder.write_rows("scores.csv", ScoreRow, score_rows(found))
    folder.write_rows("summary.csv", SummaryRow, summary_rows(found))
    folder.write_rows("classes.csv", ClassRow, class_rows(found))
    folder.write_columns("predictions.parquet", PredictionRow, prediction_columns(found))
    folder.write_columns("folds.parquet", FoldRow, fold_columns(found))
    drawn = {"layers.png": layers_png(found), "curve.png": curve_png(found)}
    if labelled.parts is None:
        pairs = most_confused(found)
        shown = {index for pair in pairs for index in (*pair.mistaken, *pair.other)}
        pictures = {index: to_rgb(labelled.images.read(index)) for index in shown}
        drawn |= {"confusion.png": confusion_png(found), "confused.png": confused_png(pairs, pictures)}
    for name, picture in drawn.items():
        if picture is not None:
            folder.write(name, picture)
    shown_names = [name for name, picture in drawn.items() if picture is not None]
    folder.write(REPORT, report_of(found, shown_names).encode())


def from_scratch(recipe: str, changes: dict[str, Any], accelerator: str) -> Alternative:
    """The networks of a recipe; needs the extra ``train``. Raises SettingError for a recipe that is none."""
    from convscope.train.reading import load_recipe
    from convscope.train.run import Machine
    from convscope.train.scratch import check_scratch, scratch_cells

    wanted = load_recipe(recipe, changes)

    def train(prepared: Prepared, output: Path, report: Report) -> Sequence[Cell]:
        recall = Cells(output / CELLS, prepared, "trained")
        runs, machine = output / NETWORKS, Machine(accelerator)
        return tuple(scratch_cells(prepared, wanted, runs, machine, recall=recall, report=report))

    return Alternative(repr(wanted), partial(check_scratch, recipe=wanted), train)
