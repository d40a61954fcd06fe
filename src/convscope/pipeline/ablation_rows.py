"""An ablation as the rows of tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from convscope.atlas.schema import column
from convscope.train.ablation.curves import CURVES
from convscope.train.ablation.result import Ablation


@dataclass(frozen=True)
class RunRow:
    """``runs.csv``: one row per variant and seed."""

    variant: str = column("name of the variant", "string")
    seed: int = column("seed of the run; runs of one seed see the same images", "int32")
    folder: str = column("the run's folder; equal variants share it", "string")
    failure: str | None = column("why there are no numbers; null if there are", "string")
    parameters: int = column("weights and biases", "int64")
    multiply_adds: int = column("of one image", "int64")
    seconds: float | None = column("of all epochs", "double")
    training_error: float | None = column("share of training images that get a wrong class, without dropout", "double")
    validation_error: float | None = column("share of held-out images that get a wrong class", "double")
    validation_error_5: float | None = column("share whose class is not among the five most probable", "double")


@dataclass(frozen=True)
class ValueRow:
    """``values.parquet``: one row per finished run and quantity."""

    variant: str = column("name of the variant", "string")
    seed: int = column("seed of the run", "int32")
    quantity: str = column("validation_error, validation_error_5, training_error, gap, or a measure", "string")
    value: float = column("its value", "double")


@dataclass(frozen=True)
class SummaryRow:
    """``summary.parquet`` and ``summary.csv``: one row per variant and quantity."""

    variant: str = column("name of the variant", "string")
    against: str | None = column("the variant it is compared with; null for a base", "string")
    quantity: str = column("validation_error, validation_error_5, training_error, gap, or a measure", "string")
    runs: int = column("finished runs", "int32")
    mean: float = column("over the runs", "double")
    low: float | None = column("lower end of the 95% interval of the mean (Student's t)", "double")
    high: float | None = column("upper end", "double")
    pairs: int | None = column("seeds that this variant and its base have both finished", "int32")
    difference: float | None = column("mean difference from the base, seed by seed", "double")
    difference_low: float | None = column("lower end of its 95% interval", "double")
    difference_high: float | None = column("upper end", "double")
    p: float | None = column("of the paired t-test", "double")
    p_signs: float | None = column("of the exact test by changes of sign; at least 2 / 2^pairs", "double")
    p_holm: float | None = column("p corrected for all comparisons of this quantity (Holm)", "double")


@dataclass(frozen=True)
class CurveRow:
    """``curves.parquet``: one row per finished run, curve and place."""

    variant: str = column("name of the variant", "string")
    seed: int = column("seed of the run", "int32")
    curve: str = column("name of the curve", "string")
    axis: str = column("what the places are: degrees or layers", "string")
    place: str = column("angle or address", "string")
    value: float = column("the number there", "double")


def run_rows(found: Ablation) -> Iterator[RunRow]:
    """One row per variant and seed, failed ones included."""
    facts = {variant.name: variant for variant in found.variants}
    for run in found.outcomes:
        done = run.failure is None
        yield RunRow(
            variant=run.variant,
            seed=run.seed,
            folder=run.folder,
            failure=run.failure,
            parameters=facts[run.variant].parameters,
            multiply_adds=facts[run.variant].multiply_adds,
            seconds=run.seconds if done else None,
            training_error=run.training_error if done else None,
            validation_error=run.validation_error if done else None,
            validation_error_5=run.validation_error_5,
        )


def value_rows(found: Ablation) -> Iterator[ValueRow]:
    """One row per finished run and quantity."""
    for variant in found.variants:
        for quantity in found.quantities:
            for seed, value in found.values(variant.name, quantity).items():
                yield ValueRow(variant.name, seed, quantity, value)


def summary_rows(found: Ablation) -> Iterator[SummaryRow]:
    """One row per variant and quantity."""
    for row in found.summaries.values():
        apart = row.difference
        yield SummaryRow(
            variant=row.variant,
            against=row.against,
            quantity=row.quantity,
            runs=row.interval.count,
            mean=row.interval.mean,
            low=row.interval.low,
            high=row.interval.high,
            pairs=None if apart is None else apart.count,
            difference=None if apart is None else apart.mean,
            difference_low=None if apart is None else apart.low,
            difference_high=None if apart is None else apart.high,
            p=None if apart is None else apart.p,
            p_signs=None if apart is None else apart.p_signs,
            p_holm=row.p_holm,
        )


def curve_rows(found: Ablation) -> Iterator[CurveRow]:
    """One row per finished run, curve and place."""
    for run in found.outcomes:
        for name, curve in run.curves.items():
            for place, value in curve.items():
                yield CurveRow(run.variant, run.seed, name, CURVES[name].axis, place, value)
