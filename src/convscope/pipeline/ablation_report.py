"""The report of an ablation: what was asked, what was run, what came out, and what that can and cannot show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from convscope.pipeline.ablation_table import CLEAR, differences_of, percent, points, probability, table_of
from convscope.train.ablation.curves import CURVES
from convscope.train.ablation.measures import MEASURES
from convscope.train.ablation.result import VALIDATION, Ablation, Summary
from convscope.train.ablation.statistics import smallest_p


@dataclass(frozen=True)
class Circumstances:
    """What the result itself does not say."""

    command: str
    data: str
    """Name of the data set, how many images are trained on, and where the held-out ones are from."""
    ground: str
    """The recipe and its changes."""
    machine: str


def report_of(found: Ablation, about: Circumstances, figures: Mapping[str, str]) -> str:
    """Markdown; ``figures`` are file names with what they show."""
    plan = found.plan
    parts = [
        f"# Ablation: {plan.name}",
        " ".join(plan.question.split()),
        "## What was run",
        f"```sh\n{about.command}\n```",
        *_bullets(
            [
                about.ground,
                about.data,
                f"{plan.seeds} seeds: each decides weights, order, crops, dropout, and "
                "which images are trained on. Runs of one seed see the same images, so variants are compared in pairs",
                about.machine,
            ]
        ),
        "\n".join(_variants(found)),
        "## What came out",
        table_of(found).markdown(),
        "\n".join(_legend(found)),
        differences_of(found).markdown(),
        "Differences from the base in percentage points, with half their 95% interval; a star where p (paired t-test) "
        f"is below {CLEAR:g} after Holm's correction within the column.",
        *(f"![{title}]({name})\n\n{title}." for name, title in figures.items()),
        *_verdicts(found),
        *_failures(found),
        "## What it can and cannot show",
        "\n".join([*_cautions(found), *([plan.limits.strip()] if plan.limits.strip() else [])]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _bullets(lines: list[str]) -> list[str]:
    return ["\n".join(f"- {line}." for line in lines)]


def _variants(found: Ablation) -> Iterator[str]:
    yield "Variants, and what each changes:\n"
    for facts in found.variants:
        changes = "; ".join(
            f"{place.split()[0]} {place.split()[1]} removed"
            if own == "none" and other == "there"
            else f"{place} {other} → {own}"
            for place, (other, own) in facts.changed.items()
        )
        what = changes or ("base" if facts.against is None else f"with this recipe the same as {facts.against}")
        against = "" if facts.against in (None, found.plan.base) else f" (against *{facts.against}*)"
        note = f" {facts.note}" if facts.note else ""
        yield f"- **{facts.name}**{against}: {what}.{note}"


def _legend(found: Ablation) -> Iterator[str]:
    yield (
        "± is half of a 95% interval (Student's t over seeds). *Difference*: validation error less that of the base, "
        "seed by seed. *p*: paired t-test; *p, signs*: exact, by changing the signs of the differences, without "
        "assuming a normal distribution; *p, Holm*: the first, corrected for all comparisons of the table. Training "
        "error is that of the finished network without dropout, on at most as many training images as are held out."
    )
    for name in found.plan.measures:
        yield f"*{MEASURES[name].title.capitalize()}*: {MEASURES[name].note}, on {found.plan.measured} held-out images."
    for name in found.plan.curves:
        yield f"*{CURVES[name].title.capitalize()}*: {CURVES[name].note}."


def _verdicts(found: Ablation) -> Iterator[str]:
    rows = [row for (_, quantity), row in found.summaries.items() if quantity == VALIDATION and row.difference]
    if not rows:
        yield "No variant and base have a seed in common that both have finished, so nothing is compared."
        return
    clear = [row for row in rows if row.p_holm is not None and row.p_holm < CLEAR]
    yield (
        f"{len(clear)} of {len(rows)} differences have p < {CLEAR:g} after correction"
        + (":\n\n" + "\n".join(_verdict(row) for row in clear) if clear else ".")
    )
    if len(clear) < len(rows):
        yield "Of the others nothing is shown, also not that they are zero: their intervals say how large they may be."


def _verdict(row: Summary) -> str:
    assert row.difference is not None
    word = "better" if row.difference.mean < 0 else "worse"
    return (
        f"- **{row.variant}** is {word} than {row.against}: {points(row.difference)} points, to "
        f"{percent(row.interval)}% (p, Holm {probability(row.p_holm)})."
    )


def _failures(found: Ablation) -> Iterator[str]:
    if found.failed:
        lines = (f"- {run.variant}, seed {run.seed}: {run.failure}" for run in found.failed)
        yield "## Runs without a result\n\n" + "\n".join(lines)
        yield (
            "Means are over the other runs. A variant that sometimes fails looks better than it is: its bad runs "
            "are not in the mean."
        )


def _cautions(found: Ablation) -> Iterator[str]:
    counts = {row.difference.count for row in found.summaries.values() if row.difference is not None}
    if counts:
        few = min(counts)
        yield (
            f"- With {few} pair{'s' if few > 1 else ''} the test by signs cannot give less than {smallest_p(few):.2g}, "
            f"however large the difference{': it can never be clear' if smallest_p(few) >= CLEAR else ''}. The t-test "
            "can, but assumes that differences are normally distributed, which so few cannot show."
        )
    yield (
        "- An interval over seeds is about this data set, this recipe and this budget. Another number of epochs can "
        "turn an order round."
    )
