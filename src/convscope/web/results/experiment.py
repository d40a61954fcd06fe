"""What the page of any other experiment says; the kinds are a table, and only what it lists is ever shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convscope.errors import AtlasError, AtlasFormatError
from convscope.web.pages import Fact, Head
from convscope.web.result_files import ResultFiles
from convscope.web.results.correspondence import correspondence_findings
from convscope.web.results.invariance import invariance_findings
from convscope.web.results.parts import downloads_of, figures_of, objects, result_head, spelled
from convscope.web.results.values import Download, Figure, Findings


@dataclass(frozen=True)
class Kind:
    """A kind of experiment: what it is called, and which files of its folder are shown or handed out."""

    title: str
    command: str
    pictures: Mapping[str, str]  # file name to what it shows
    tables: Mapping[str, str]  # file name to what it holds
    each: str | None = None  # part of the facts that lists several results, each with notes and omissions of its own
    findings: Callable[[Mapping[str, Any], str], Findings] = lambda _facts, _where: Findings()


KINDS: Mapping[str, Kind] = {
    "transfer.json": Kind(
        "What carries over",
        "transfer",
        {
            "layers.png": "Accuracy by layer",
            "curve.png": "Accuracy by images of each class",
            "confusion.png": "Which classes are taken for which",
            "confused.png": "The most confused pairs of classes",
        },
        {
            "report.md": "the report in words",
            "summary.csv": "accuracies with intervals",
            "scores.csv": "every fold",
            "classes.csv": "every class",
            "predictions.parquet": "every prediction",
            "folds.parquet": "which image is in which fold",
        },
    ),
    "diagnosis.json": Kind(
        "Diagnosis",
        "diagnose",
        {
            "first_layer.png": "Filters of the first layer",
            "spectra.png": "Their spectra",
            "layers.png": "Units of all layers",
            "aliasing.png": "Aliasing where positions are dropped",
            "comparison.png": "The two models side by side",
        },
        {
            "findings.csv": "what was found",
            "filters.parquet": "every filter",
            "units.parquet": "every unit",
            "strided.parquet": "every op that drops positions",
        },
        each="diagnoses",
    ),
    "occlusion.json": Kind(
        "Occlusion",
        "occlude",
        {"figure.png": "The five panels (figure 7)", "overlay.png": "Where covering lowers the score"},
        {"grids.npz": "the raw numbers"},
    ),
    "invariance.json": Kind(
        "Invariance",
        "invariance",
        {"figure.png": "Shift, scale and rotation (figure 5)", "layers.png": "The same by layer"},
        {
            "scores.csv": "scores",
            "curves.parquet": "distances",
            "labels.parquet": "probabilities of the labels",
            "units.parquet": "units",
        },
        findings=invariance_findings,
    ),
    "correspondence.json": Kind(
        "Correspondence",
        "correspond",
        {"table.png": "Table 1", "figure.png": "Parts and random regions"},
        {"table.csv": "table 1", "pairs.parquet": "every pair of images", "random.parquet": "every random draw"},
        findings=correspondence_findings,
    ),
    "trust.json": Kind(
        "Can the pictures be trusted?",
        "trust",
        {"figure.png": "Sanity scores"},
        {"trust.csv": "every layer and test", "trust.parquet": "the same as Parquet", "cascade.parquet": "every step"},
    ),
    "overlap.json": Kind(
        "Overlap of image sets",
        "overlap",
        {"figure.png": "Pairs that were found", "quality.png": "What is found of known changes"},
        {
            "pairs.parquet": "every pair",
            "exclude_first.jsonl": "images of the first set to leave out",
            "exclude_second.jsonl": "images of the second set to leave out",
        },
    ),
}
"""Facts file to kind; a folder is of the kind whose facts it holds."""

MADE_FROM = ("model", "models", "image", "images", "sets", "settings", "made_with")
"""Parts of the facts that say what a result was made from."""
WORDS = 400
"""Characters of one fact that are shown; the facts of a large set list all its names."""


@dataclass(frozen=True)
class ExperimentPage:
    """An experiment."""

    head: Head
    title: str
    command: str  # of convscope, that wrote it
    findings: Findings
    figures: tuple[Figure, ...]
    downloads: tuple[Download, ...]
    notes: tuple[str, ...]
    skipped: tuple[Fact, ...]  # what was left out, with the reasons
    made_from: tuple[Fact, ...]


def facts_of(folder: Path) -> str | None:
    """The name of the facts file of a known kind that the folder holds; None if there is none."""
    files = ResultFiles(folder)
    return next((name for name in KINDS if files.has(name)), None)


def experiment_page(folder: str | Path) -> ExperimentPage:
    """The page of a result's folder.

    Raises AtlasError if it holds no result of a known kind, and AtlasFormatError if a file is damaged.
    """
    files = ResultFiles(Path(folder))
    name = facts_of(files.path)
    if name is None:
        raise AtlasError(f"{files.path} holds no result: none of {', '.join(KINDS)} is there.")
    kind, facts, where = KINDS[name], files.facts(name), str(files.path / name)
    parts = [facts, *(objects(facts, kind.each, where) if kind.each else [])]
    return ExperimentPage(
        head=result_head(kind.title),
        title=kind.title,
        command=kind.command,
        findings=kind.findings(facts, where),
        figures=figures_of(files, kind.pictures),
        downloads=downloads_of(files, kind.tables),
        notes=tuple(dict.fromkeys(note for part in parts for note in _texts(part.get("notes"), f"{where}: notes"))),
        skipped=tuple(dict.fromkeys(fact for part in parts for fact in _omissions(part, where))),
        made_from=tuple(
            Fact(fact.name, _cut(fact.value))
            for part in MADE_FROM
            if part in facts
            for fact in spelled(facts[part], where, part)
        ),
    )


def _texts(value: Any, where: str) -> Iterator[str]:
    if value is not None and not (isinstance(value, list) and all(isinstance(each, str) for each in value)):
        raise AtlasFormatError(f"{where}: expected a list of sentences. Make the result again.")
    yield from value or ()


def _omissions(facts: dict[str, Any], where: str) -> Iterator[Fact]:
    """What was left out; listed at once, or for each of several image sets."""
    for name in ("skipped", "left_out"):
        found = facts.get(name) or []
        listed = (
            [each for part in found.values() if isinstance(part, list) for each in part]
            if isinstance(found, dict)
            else found
        )
        if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
            raise AtlasFormatError(f"{where}: {name}: expected a list of objects. Make the result again.")
        for entry in listed:
            named = ", ".join(str(each) for key, each in entry.items() if key != "reason" and each != "")
            yield Fact(_cut(named), _cut(str(entry.get("reason", "left out"))))


def _cut(text: str) -> str:
    return text if len(text) <= WORDS else f"{text[:WORDS]} …"
