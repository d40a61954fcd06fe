"""An ablation as a table for people: one line per variant, numbers as text."""

from __future__ import annotations

from convscope.interval import Interval
from convscope.pipeline.table import NOTHING, Table
from convscope.train.ablation.measures import MEASURES
from convscope.train.ablation.result import GAP, TRAINING, VALIDATION, VALIDATION_5, Ablation, Summary, VariantFacts
from convscope.train.ablation.statistics import Difference

CLEAR = 0.05
"""p below which a difference is spoken of."""


def table_of(found: Ablation) -> Table:
    """Size, errors in per cent, differences in points, p, measures, and how many runs have finished."""
    top_5 = VALIDATION_5 in found.quantities
    heads = (
        "variant",
        "parameters",
        "multiply-adds",
        "training error %",
        "validation error %",
        *(["top-5 error %"] if top_5 else []),
        "difference, points",
        "p",
        "p, signs",
        "p, Holm",
        *(f"{MEASURES[name].title} %" for name in found.plan.measures),
        "runs",
    )
    return Table(heads, tuple(_line(found, facts, top_5) for facts in found.variants))


def _line(found: Ablation, facts: VariantFacts, top_5: bool) -> tuple[str, ...]:
    def mean(quantity: str) -> str:
        row = found.summaries.get((facts.name, quantity))
        return NOTHING if row is None else percent(row.interval)

    errors = (TRAINING, VALIDATION, *([VALIDATION_5] if top_5 else []))
    return (
        facts.name,
        size(facts.parameters),
        size(facts.multiply_adds),
        *(mean(quantity) for quantity in errors),
        *_comparison(facts, found.summaries.get((facts.name, VALIDATION))),
        *(mean(name) for name in found.plan.measures),
        f"{len(found.finished(facts.name))} of {found.plan.seeds}",
    )


def _comparison(facts: VariantFacts, row: Summary | None) -> tuple[str, str, str, str]:
    if facts.against is None:
        return "base", NOTHING, NOTHING, NOTHING
    if row is None or row.difference is None:
        return NOTHING, NOTHING, NOTHING, NOTHING
    apart = row.difference
    return points(apart), probability(apart.p), probability(apart.p_signs), probability(row.p_holm)


def differences_of(found: Ablation) -> Table:
    """All quantities of every variant less those of its base, in points; a star where p is small after correction."""
    names = {VALIDATION: "validation error", TRAINING: "training error", GAP: "gap"}
    names |= {name: MEASURES[name].title for name in found.plan.measures}
    lines = []
    for facts in found.variants:
        rows = [found.summaries.get((facts.name, quantity)) for quantity in names]
        if facts.against is not None:
            lines.append((facts.name, facts.against, *(_starred(row) for row in rows)))
    return Table(("variant", "against", *names.values()), tuple(lines))


def _starred(row: Summary | None) -> str:
    if row is None or row.difference is None:
        return NOTHING
    return points(row.difference) + (" *" if row.p_holm is not None and row.p_holm < CLEAR else "")


def percent(found: Interval) -> str:
    """``12.30 ± 0.42``, the half width of the interval; the mean alone where there is none."""
    half = "" if found.high is None else f" ± {100 * (found.high - found.mean):.2f}"
    return f"{100 * found.mean:.2f}{half}"


def points(found: Difference) -> str:
    """``+0.80 ± 0.35``: percentage points."""
    half = "" if found.high is None else f" ± {100 * (found.high - found.mean):.2f}"
    return f"{100 * found.mean:+.2f}{half}"


def probability(p: float | None) -> str:
    """Two significant digits, never zero."""
    return NOTHING if p is None else "<0.0001" if p < 1e-4 else f"{p:.2g}"


def size(number: int) -> str:
    """``62.4 M``."""
    for limit, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= limit:
            return f"{number / limit:.3g} {unit}"
    return str(number)
