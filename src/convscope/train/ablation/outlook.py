"""What an ablation will take: runs that are missing, and a rough time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from convscope.train.ablation.ablate import Crew, Prepared
from convscope.train.ablation.runs import Run, is_finished
from convscope.train.result import read_trained
from convscope.train.size import PER_SECOND, work


@dataclass(frozen=True)
class VariantOutlook:
    """One variant; ``seconds`` are those of one run."""

    name: str
    parameters: int
    multiply_adds: int
    runs: int
    finished: int
    seconds: float


@dataclass(frozen=True)
class Outlook:
    """All of it; equal runs of several variants count once in ``runs``, ``missing`` and ``seconds``."""

    variants: tuple[VariantOutlook, ...]
    runs: int
    missing: int
    seconds: float
    basis: str
    """What the time is guessed from."""


def outlook(prepared: Prepared, runs: Path, crew: Crew) -> Outlook:
    """Look at what is there, and guess the rest: by finished runs where there are any."""
    plan, listed = prepared.ask.plan, prepared.listed
    finished = {name for name, run in listed.different.items() if is_finished(run, runs, plan)}
    works = {run.folder: _work(prepared, name, run) for (name, _), run in listed.runs.items()}
    speed, basis = _speed({name: works[name] for name in finished}, runs, crew)
    rows = []
    for name, size in prepared.sizes.items():
        own = [run.folder for (variant, _), run in listed.runs.items() if variant == name]
        done = sum(folder in finished for folder in own)
        rows.append(VariantOutlook(name, size.parameters, size.multiply_adds, len(own), done, works[own[0]] / speed))
    missing = [work for folder, work in works.items() if folder not in finished]
    return Outlook(tuple(rows), len(works), len(missing), sum(missing) / speed / crew.jobs, basis)


def _work(prepared: Prepared, name: str, run: Run) -> float:
    return work(prepared.sizes[name].multiply_adds, run.images, run.recipe.epochs)


def _speed(works: dict[str, float], runs: Path, crew: Crew) -> tuple[float, str]:
    """Multiply-adds that a run does in a second."""
    seconds = {name: trained.seconds for name in works if (trained := read_trained(runs / name)) is not None}
    spent = sum(seconds.values())
    if not spent:
        return PER_SECOND * crew.threads, "by a fixed guess for one core; a device is faster"
    return sum(works[name] for name in seconds) / spent, f"by the {len(seconds)} runs that are finished"
