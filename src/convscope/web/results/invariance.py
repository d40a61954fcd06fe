"""What an invariance experiment found: curves and scores of layers, as in figure 5 of Zeiler & Fergus 2013."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from convscope.errors import AtlasFormatError
from convscope.web.chart import Chart, Series, chart
from convscope.web.result_files import pick
from convscope.web.results.parts import objects
from convscope.web.results.values import Estimate, Findings, Table

LOOKS = ("first", "second", "third", "fourth")
COLUMNS = ("layer", "units", "score", "distance of other images", "score / that distance")


@dataclass(frozen=True)
class Moved:
    """One model under one transform."""

    model: str
    transform: str
    axis: str
    values: tuple[float, ...]
    images: int


@dataclass(frozen=True)
class Curve:
    """A layer: its distance by value, mean over images, and its score."""

    layer: str
    units: int
    normalised: tuple[float, ...]
    score: float
    low: float | None  # 95% interval over images
    high: float | None
    unrelated: float | None
    relative: float | None


@dataclass(frozen=True)
class Answered:
    """What the network answers."""

    watched: str
    probability: tuple[float, ...]
    consistency: float | None


def invariance_findings(facts: Mapping[str, Any], where: str) -> Findings:
    """Charts and a table for each model and transform; AtlasFormatError if a fact is not as the command writes it."""
    tables: list[Table] = []
    charts: list[Chart] = []
    for entry in objects(facts, "summaries", where):
        moved = pick(Moved, entry, f"{where}: summaries")
        curves = [pick(Curve, each, f"{where}: {moved.transform}") for each in objects(entry, "layers", where)]
        answer = entry.get("answer")
        told = None if answer is None else pick(Answered, _object(answer, where), f"{where}: answer")
        _check(moved, [*(curve.normalised for curve in curves), *([told.probability] if told else [])], where)
        charts += _charts(moved, curves, told)
        tables.append(_table(moved, curves, told))
    return Findings(tuple(tables), tuple(charts))


def _object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise AtlasFormatError(f"{where}: answer: expected an object. Make the result again.")
    return value


def _check(moved: Moved, lines: Sequence[Sequence[float]], where: str) -> None:
    if not moved.values or any(len(line) != len(moved.values) for line in lines):
        raise AtlasFormatError(
            f"{where}: {moved.transform}: expected one number for each of {len(moved.values)} values. "
            "Make the result again."
        )


def _charts(moved: Moved, curves: Sequence[Curve], answer: Answered | None) -> Iterator[Chart]:
    chosen = _spread(curves)
    lines = [Series(curve.layer, look, curve.normalised) for curve, look in zip(chosen, LOOKS, strict=False)]
    name = f"{moved.transform}, {moved.model}"
    if lines:
        title = f"{name}: distance of the features (0 the same, 1 nothing in common)"
        yield chart(title, moved.axis, moved.values, lines)
    if answer is not None:
        title = f"{name}: probability of the watched class ({answer.watched})"
        yield chart(title, moved.axis, moved.values, [Series(answer.watched, "first", answer.probability)])


def _spread(curves: Sequence[Curve]) -> Sequence[Curve]:
    """As many layers as there are looks, evenly spaced from the first to the last."""
    most = len(LOOKS) - 1
    return curves if len(curves) <= most + 1 else [curves[n * (len(curves) - 1) // most] for n in range(most + 1)]


def _table(moved: Moved, curves: Sequence[Curve], answer: Answered | None) -> Table:
    stays = ""
    if answer is not None and answer.consistency is not None:
        stays = f" The most probable class stays the same in {answer.consistency:.1%} of all cases."
    return Table(
        title=f"Scores under {moved.transform}, {moved.model}",
        columns=COLUMNS,
        rows=tuple(
            (each.layer, each.units, Estimate(each.score, each.low, each.high), each.unrelated, each.relative)
            for each in curves
        ),
        remark=f"Over {moved.images} images. The score is the mean height of a layer's curve: 0 is invariant; below it "
        f"its 95% interval over images.{stays}",
        file="scores.csv",
    )
