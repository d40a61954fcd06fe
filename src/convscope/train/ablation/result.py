"""What an ablation found: a number for every run, and from them means, intervals and differences. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from convscope.interval import Interval, interval
from convscope.train.ablation.plan import Plan
from convscope.train.ablation.statistics import Difference, difference, holm


@dataclass(frozen=True)
class Outcome:
    """One run: its errors and measures, or why there are none."""

    variant: str
    seed: int
    folder: str
    failure: str | None
    seconds: float = 0.0
    training_error: float = 0.0
    validation_error: float = 0.0
    validation_error_5: float | None = None
    measures: Mapping[str, float | None] = field(default_factory=dict)
    curves: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class VariantFacts:
    """What a variant is: its size, and what differs from the variant that it is compared with."""

    name: str
    note: str
    against: str | None
    changed: Mapping[str, tuple[str, str]]
    """Dotted place in the recipe to the other's value and its own."""
    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class Summary:
    """One quantity of one variant; ``difference`` is from its base, over the seeds that both have finished.

    ``p_holm`` is the p of the paired t-test, corrected for the number of comparisons of this quantity.
    """

    variant: str
    against: str | None
    quantity: str
    interval: Interval
    difference: Difference | None
    p_holm: float | None


TRAINING, VALIDATION, VALIDATION_5, GAP = "training_error", "validation_error", "validation_error_5", "gap"
QUANTITIES: Mapping[str, Callable[[Outcome], float | None]] = {
    VALIDATION: lambda run: run.validation_error,
    VALIDATION_5: lambda run: run.validation_error_5,
    TRAINING: lambda run: run.training_error,
    GAP: lambda run: run.validation_error - run.training_error,
}
"""What every run has; measures come on top."""


@dataclass(frozen=True)
class Ablation:
    """All variants, and all runs whether they finished or not."""

    plan: Plan
    variants: tuple[VariantFacts, ...]
    outcomes: tuple[Outcome, ...]

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The runs that gave nothing."""
        return tuple(run for run in self.outcomes if run.failure is not None)

    def finished(self, variant: str) -> tuple[Outcome, ...]:
        """The runs of a variant that have numbers, by seed."""
        return tuple(run for run in self.outcomes if run.variant == variant and run.failure is None)

    def values(self, variant: str, quantity: str) -> dict[int, float]:
        """A quantity of each finished run, by seed."""
        of = QUANTITIES.get(quantity) or (lambda run: run.measures[quantity])
        found = {run.seed: of(run) for run in self.finished(variant)}
        return {seed: value for seed, value in found.items() if value is not None}

    @cached_property
    def quantities(self) -> tuple[str, ...]:
        """Those that have a value somewhere: errors, the gap, measures."""
        every = (*QUANTITIES, *self.plan.measures)
        return tuple(each for each in every if any(self.values(facts.name, each) for facts in self.variants))

    @cached_property
    def summaries(self) -> Mapping[tuple[str, str], Summary]:
        """By variant and quantity; a variant without a finished run has none."""
        found: dict[tuple[str, str], Summary] = {}
        for quantity in self.quantities:
            rows = [(facts, self.values(facts.name, quantity)) for facts in self.variants]
            present = [(facts, values) for facts, values in rows if values]
            apart = [difference(list(self.differences(facts, quantity).values())) for facts, _ in present]
            corrected = holm([None if each is None else each.p for each in apart])
            for (facts, values), each, p in zip(present, apart, corrected, strict=True):
                found[facts.name, quantity] = Summary(
                    facts.name, facts.against, quantity, interval(list(values.values())), each, p
                )
        return found

    def differences(self, facts: VariantFacts, quantity: str) -> dict[int, float]:
        """From the base, by seed, where both have finished."""
        if facts.against is None:
            return {}
        base = self.values(facts.against, quantity)
        return {seed: value - base[seed] for seed, value in self.values(facts.name, quantity).items() if seed in base}

    def curve(self, variant: str, name: str) -> dict[str, Interval]:
        """A curve's mean over the finished runs, with its interval, at each place."""
        curves = [run.curves[name] for run in self.finished(variant)]
        places = curves[0] if curves else {}
        return {place: interval([curve[place] for curve in curves if place in curve]) for place in places}
