"""A plan: a question, and the variants of a recipe that are trained to answer it. Needs no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from math import prod

from convscope.errors import SettingError

MOST_COMBINATIONS = 1000
"""Of the levels of a plan's factors: each is a network to train, for each seed."""


@dataclass(frozen=True)
class Relative:
    """Changes that refer to the architecture at hand, so that one plan fits small networks and large ones."""

    family: str | None = None
    """The form of another paper at the same size: with ``alexnet``, zfnet-small becomes alexnet-small."""
    kernel: int = 0
    """Pixels by which the filters of layer 1 are wider."""
    strides: dict[int, float] = field(default_factory=dict)
    """Layer number to factor."""
    widths: dict[int, float] = field(default_factory=dict)
    """Layer number to factor of its filters or units."""


@dataclass(frozen=True)
class Variant:
    """One change: first what is ``relative``, then ``changes``, written as for ``--set``: ``renormalise=0.1``."""

    name: str
    note: str = ""
    changes: tuple[str, ...] = ()
    relative: Relative = field(default_factory=Relative)
    against: str | None = None
    """The variant it is compared with; None: the plan's base."""


@dataclass(frozen=True)
class Factor:
    """One direction of a sweep; its levels are combined with those of all other factors."""

    levels: tuple[Variant, ...]


@dataclass(frozen=True)
class Budget:
    """What makes the plan affordable on a small machine; it is left out when another recipe is asked for."""

    training: int | None = None
    """Images that a run is trained on, drawn evenly from the classes by the run's seed; None: all."""
    changes: tuple[str, ...] = ()
    """To the recipe of every variant."""


@dataclass(frozen=True)
class Plan:
    """What is asked, and how; ``base`` is the variant that the others are compared with."""

    name: str
    question: str
    recipe: str
    base: str
    variants: tuple[Variant, ...] = ()
    factors: tuple[Factor, ...] = ()
    seeds: int = 5
    budget: Budget = field(default_factory=Budget)
    measures: tuple[str, ...] = ()
    curves: tuple[str, ...] = ()
    measured: int = 300
    """Held-out images that measures and curves are taken on, evenly spread."""
    limits: str = ""
    """What the plan can and cannot show, for the report."""

    def __post_init__(self) -> None:
        if prod(len(factor.levels) for factor in self.factors) > MOST_COMBINATIONS:
            raise SettingError(
                f"plan {self.name}: the levels of its {len(self.factors)} factors make more than {MOST_COMBINATIONS:,} "
                "combinations, each a network to train; leave factors or levels out"
            )
        names = [variant.name for variant in self.every]
        twice = [name for name, count in Counter(names).items() if count > 1]
        strange = sorted({self.base, *(v.against for v in self.every if v.against is not None)} - {*names})
        for holds, rule in (
            (len(names) >= 2, f"{len(names)} variants; a comparison needs at least two"),
            (not twice, f"several variants are named {', '.join(map(repr, twice))}"),
            (all(name.strip() for name in names), "a variant has no name"),
            (not strange, f"no variant {', '.join(map(repr, strange))}; there are {', '.join(names)}"),
            (self.seeds >= 1, f"seeds is {self.seeds}; at least 1 is needed"),
            (self.measured >= 1, f"measured is {self.measured}; at least 1 image is needed"),
            (
                self.budget.training is None or self.budget.training >= 1,
                f"budget.training is {self.budget.training}; at least 1 image is needed",
            ),
        ):
            if not holds:
                raise SettingError(f"plan {self.name}: {rule}")

    @property
    def every(self) -> tuple[Variant, ...]:
        """The variants of the sweep, then those that are listed."""
        return (*_swept(self.factors), *self.variants)

    def base_of(self, variant: Variant) -> str | None:
        """The variant that this one is compared with; None for a base."""
        name = variant.against or self.base
        return None if name == variant.name else name


def _swept(factors: tuple[Factor, ...]) -> Iterator[Variant]:
    if not factors:
        return
    for levels in product(*(factor.levels for factor in factors)):
        yield Variant(
            name=", ".join(level.name for level in levels),
            note=" ".join(level.note for level in levels if level.note),
            changes=tuple(change for level in levels for change in level.changes),
            relative=_together(tuple(level.relative for level in levels)),
        )


def _together(changes: tuple[Relative, ...]) -> Relative:
    found = Relative()
    for change in changes:
        found = replace(
            found,
            family=change.family or found.family,
            kernel=found.kernel + change.kernel,
            strides=found.strides | change.strides,
            widths=found.widths | change.widths,
        )
    return found
