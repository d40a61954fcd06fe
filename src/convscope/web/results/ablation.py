"""What the page of an ablation says: its table with intervals, its figures, its runs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from convscope.errors import AtlasFormatError
from convscope.web.columns import csv_columns
from convscope.web.pages import Fact, Head
from convscope.web.result_files import ResultFiles, pick
from convscope.web.results.parts import downloads_of, figures_of, result_head
from convscope.web.results.values import Download, Figure

FACTS, SUMMARY, RUNS_TABLE, RUNS = "ablation.json", "summary.csv", "runs.csv", "runs"
CLEAR = 0.05
"""A difference is marked where its corrected p is below this."""
QUANTITIES = {
    "validation_error_5": "top-5 error",
    "dead": "dead units",
    "shift": "shift consistency",
    "turn": "turn consistency",
}
"""Names of quantities that do not speak for themselves; all quantities are shares, shown in percent."""
FIGURES = {
    "figure.png": "Validation error of every run, and differences in pairs",
    "gap.png": "Training and validation error",
    "measures.png": "Validation error against what was measured",
    "curves.png": "Curves, means over seeds with 95% intervals",
}
FILES = {
    "report.md": "the report in words",
    SUMMARY: "one row per variant and quantity",
    RUNS_TABLE: "one row per variant and seed",
    "summary.parquet": "the summary as Parquet",
    "values.parquet": "one row per run and quantity",
    "curves.parquet": "one row per run, curve and place",
}
_SUMMARY = {
    "variant": pa.string(), "against": pa.string(), "quantity": pa.string(), "runs": pa.int32(), "mean": pa.float64(),
    "low": pa.float64(), "high": pa.float64(), "difference": pa.float64(), "difference_low": pa.float64(),
    "difference_high": pa.float64(), "p_holm": pa.float64(),
}  # fmt: skip
_RUNS = {
    "variant": pa.string(), "seed": pa.int32(), "folder": pa.string(), "failure": pa.string(),
    "parameters": pa.int64(), "multiply_adds": pa.int64(), "seconds": pa.float64(), "training_error": pa.float64(),
    "validation_error": pa.float64(),
}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """One quantity of one variant: the mean over its runs, and the difference from the variant it is compared with."""

    mean: float
    low: float | None  # 95% interval
    high: float | None
    difference: float | None  # None for a base
    difference_low: float | None
    difference_high: float | None
    p: float | None  # corrected for all comparisons of the quantity (Holm)
    clear: bool  # p is below 0.05


@dataclass(frozen=True)
class VariantLine:
    """A row of the table."""

    name: str
    against: str | None  # the variant it is compared with; None for a base
    runs: int  # that have finished
    parameters: int | None  # None: none of its runs is listed
    outcomes: tuple[Outcome | None, ...]  # by quantity


@dataclass(frozen=True)
class RunLine:
    """A run: a variant with a seed."""

    variant: str
    seed: int
    href: str | None  # its own page; None where the folder does not hold the run
    folder: str
    failure: str | None
    seconds: float | None
    training_error: float | None
    validation_error: float | None


@dataclass(frozen=True)
class AblationPage:
    """An ablation."""

    head: Head
    name: str
    question: str
    limits: tuple[str, ...]  # what it can and cannot show, point by point
    quantities: tuple[str, ...]  # shares, of the outcomes of each variant
    variants: tuple[VariantLine, ...]
    figures: tuple[Figure, ...]
    runs: tuple[RunLine, ...]
    facts: tuple[Fact, ...]
    downloads: tuple[Download, ...]


@dataclass(frozen=True)
class PlanFacts:
    """The part of the plan that the page uses."""

    name: str
    question: str
    seeds: int
    limits: str = ""


def ablation_page(folder: str | Path) -> AblationPage:
    """The page of a folder that ``convscope ablate`` wrote, or of a report of one, which lacks the facts.

    Raises AtlasError if there are no tables, and AtlasFormatError if a file is damaged.
    """
    files = ResultFiles(Path(folder))
    plan, facts = _plan(files)
    summary, runs = _summary_rows(files), run_rows(files)
    names = list(folders_of(files))
    quantities = tuple(dict.fromkeys(row["quantity"] for row in summary))
    return AblationPage(
        head=result_head(f"Ablation \N{MIDDLE DOT} {plan.name}"),
        name=plan.name,
        question=" ".join(plan.question.split()),
        limits=_points(plan.limits),
        quantities=tuple(QUANTITIES.get(name, name.replace("_", " ").replace("-", " ")) for name in quantities),
        variants=tuple(_variants(summary, runs, quantities)),
        figures=figures_of(files, FIGURES),
        runs=tuple(_run_line(row, names) for row in runs),
        facts=facts,
        downloads=downloads_of(files, FILES),
    )


def _summary_rows(files: ResultFiles) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = csv_columns(files.read(SUMMARY), files.path / SUMMARY, _SUMMARY).to_pylist()
    if any(row[name] is None for row in rows for name in ("variant", "quantity", "mean", "runs")):
        raise AtlasFormatError(f"{files.path / SUMMARY} has a row without variant, quantity, runs or mean.")
    return rows


def run_rows(files: ResultFiles) -> list[dict[str, Any]]:
    """The rows of ``runs.csv``; AtlasFormatError if it is damaged."""
    rows: list[dict[str, Any]] = csv_columns(files.read(RUNS_TABLE), files.path / RUNS_TABLE, _RUNS).to_pylist()
    if any(row["variant"] is None or row["folder"] is None or row["seed"] is None for row in rows):
        raise AtlasFormatError(f"{files.path / RUNS_TABLE} has a row without variant, seed or folder. Make it again.")
    return rows


def run_folder(files: ResultFiles, name: str) -> Path | None:
    """The folder of a run inside an ablation's folder; None if it is not there, is a link, or leads elsewhere."""
    trainings, place = files.path / RUNS, files.path / RUNS / name
    try:
        if place.parent != trainings or name in (".", "..", "") or trainings.is_symlink() or place.is_symlink():
            return None
        return place if (place / "run.json").is_file() else None
    except (OSError, ValueError):  # a name that is too long, or has a null character
        return None


def run_address(number: int) -> str:
    """The folder of a run's page; by number, as names of folders may be anything."""
    return f"runs/{number}/"


def folders_of(files: ResultFiles) -> dict[str, Path]:
    """The runs that the folder holds, by the name of their folder, in the order of the table."""
    names = dict.fromkeys(row["folder"] for row in run_rows(files))
    return {name: place for name in names if (place := run_folder(files, name)) is not None}


def _plan(files: ResultFiles) -> tuple[PlanFacts, tuple[Fact, ...]]:
    if not files.has(FACTS):
        return PlanFacts(files.path.resolve().name, "", 0), ()
    facts, where = files.facts(FACTS), str(files.path / FACTS)
    plan = facts.get("plan")
    if not isinstance(plan, dict):
        raise AtlasFormatError(f"{where}: expected an object with the plan. Make the result again.")
    picked = pick(PlanFacts, plan, f"{where}: plan")
    told = {"seeds": picked.seeds, **{name: facts.get(name) for name in ("recipe", "data", "held_out", "changes")}}
    return picked, tuple(Fact(name.replace("_", " "), _short(value)) for name, value in told.items())


def _short(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={each}" for key, each in value.items()) or "none"
    return "the plan's own" if value is None else Path(value).name if isinstance(value, str) else str(value)


def _variants(
    summary: list[dict[str, Any]], runs: list[dict[str, Any]], quantities: tuple[str, ...]
) -> list[VariantLine]:
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row in summary:
        found.setdefault(row["variant"], {})[row["quantity"]] = row
    sizes = {row["variant"]: row["parameters"] for row in runs}
    return [
        VariantLine(
            name=variant,
            against=next(iter(rows.values()))["against"],
            runs=max(row["runs"] for row in rows.values()),
            parameters=sizes.get(variant),
            outcomes=tuple(_outcome(rows[name]) if name in rows else None for name in quantities),
        )
        for variant, rows in found.items()
    ]


def _outcome(row: dict[str, Any]) -> Outcome:
    p = row["p_holm"]
    difference = row["difference"], row["difference_low"], row["difference_high"]
    return Outcome(row["mean"], row["low"], row["high"], *difference, p, clear=p is not None and p < CLEAR)


def _run_line(row: dict[str, Any], names: list[str]) -> RunLine:
    return RunLine(
        variant=row["variant"],
        seed=row["seed"],
        href=f"{run_address(names.index(row['folder']))}index.html" if row["folder"] in names else None,
        folder=row["folder"],
        failure=row["failure"],
        seconds=row["seconds"],
        training_error=row["training_error"],
        validation_error=row["validation_error"],
    )


def _points(text: str) -> tuple[str, ...]:
    """A list in Markdown as its points, other text as one point, each on one line."""
    points = re.split(r"^- ", text, flags=re.MULTILINE)
    return tuple(" ".join(point.split()) for point in points if point.strip())
