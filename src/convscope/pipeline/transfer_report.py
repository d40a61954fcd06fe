"""The report of a transfer: what was asked, table 7, the numbers of others, and what it does not show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from convscope.pipeline.table import NOTHING, Table, inline
from convscope.probes.transfer.confused import most_confused
from convscope.probes.transfer.metrics import TITLES
from convscope.probes.transfer.result import SCRATCH, Summary, Transfer

FIGURES: Mapping[str, str] = {
    "curve.png": "By training images per class",
    "layers.png": "By layer",
    "confusion.png": "What is taken for what",
    "confused.png": "The pairs that are confused most",
}


def report_of(found: Transfer, figures: Sequence[str]) -> str:
    """Markdown."""
    protocol = found.protocol
    best, classifier = found.best
    row = found.summary(best, classifier, found.per_class[-1])
    assert row is not None
    parts = [
        f"# Transfer: {inline(found.data)}",
        f"Features of `{found.model}` are kept as they are; a linear classifier is fitted on each layer's "
        f"({'all numbers' if found.form == 'flat' else 'means of maps'}). {TITLES[protocol.metric].capitalize()}, "
        f"{len(found.classes)} classes, {_folds(found)}.",
        inline(protocol.note),
        "## By layer",
        table_of(found).markdown(),
        "Per cent, mean over folds ± standard deviation over folds (as papers print it, not a standard error).",
        f"Best: **{best}** with {classifier}, {percent(row)}.",
        *_others(found),
        *(f"![{FIGURES[name]}]({name})\n\n{FIGURES[name]}." for name in figures),
        *_confused(found),
        *_list("## Notes", [inline(note) for note in found.notes]),
        *_list("## Images left out", [f"{inline(name)}: {inline(reason)}" for name, reason in found.skipped]),
        "## What it does not show",
        "\n".join(LIMITS + ([SCRATCH_LIMIT] if SCRATCH in found.layers else [])),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


LIMITS = [
    "- How good a layer is for *this* classifier. A layer can hold what another one would find.",
    "- The best layer is the best of several on the same test images; on new images it will do a little worse.",
    "- Folds share images, so their spread says less than independent data would.",
    "- Whether images of the target set were among those that the network was trained on: see `convscope overlap`.",
]
SCRATCH_LIMIT = (
    "- Networks from scratch follow one recipe, made for other data; with a better one they may do better. All take as "
    "many steps as with the most images."
)


def table_of(found: Transfer) -> Table:
    """A line for each layer; a column for each classifier and number of training images."""
    counts = found.per_class
    heads = [
        (name, count, f"{name}, {count} per class" if count else name) for name in found.classifiers for count in counts
    ]
    lines = [
        (layer, _columns(found, layer), *(_cell(found, layer, name, count) for name, count, _ in heads))
        for layer in found.layers
        if layer != SCRATCH
    ]
    if SCRATCH in found.layers:
        whole = [_cell(found, SCRATCH, None, count) for _, count, _ in heads]
        lines.append((f"{SCRATCH} (whole network)", _columns(found, SCRATCH), *whole))
    return Table(("layer", "numbers", *(head for _, _, head in heads)), tuple(lines))


def _columns(found: Transfer, layer: str) -> str:
    return f"{next(cell.columns for cell in found.cells if cell.layer == layer):,}"


def _cell(found: Transfer, layer: str, classifier: str | None, count: int) -> str:
    row = found.summary(layer, classifier, count)
    return NOTHING if row is None else percent(row)


def percent(row: Summary) -> str:
    """``86.50 ± 0.52``."""
    spread = "" if row.deviation is None else f" ± {100 * row.deviation:.2f}"
    return f"{100 * row.interval.mean:.2f}{spread}"


def _folds(found: Transfer) -> str:
    folds = found.protocol.folds
    tests = len(found.folds[0].test)
    if found.per_class == (0,):
        return f"trained on {len(found.folds[0].training):,} images and judged on {tests:,}, the data set's own parts"
    return f"{folds} draws, each judged on {tests:,} images (at most {found.protocol.test} per class)"


def _others(found: Transfer) -> Iterator[str]:
    if not found.protocol.published:
        return
    lines = tuple(
        (
            each.who,
            ", ".join(filter(None, (f"layer {each.layer}" if each.layer else "", each.classifier))) or NOTHING,
            str(each.per_class) if each.per_class else NOTHING,
            f"{each.value:.1f}" + ("" if each.spread is None else f" ± {each.spread:.1f}"),
        )
        for each in found.protocol.published
    )
    yield "## Numbers of others, as printed"
    yield Table(("who", "features", "per class", "per cent"), lines).markdown()


def _confused(found: Transfer) -> Iterator[str]:
    if (found.marks.clip(0).sum(1) != 1).any():
        return
    pairs = most_confused(found)
    if pairs:
        yield (
            "Most often confused: "
            + "; ".join(f"{inline(pair.first)} for {inline(pair.second)} ({pair.count} of {pair.of})" for pair in pairs)
            + "."
        )


def _list(head: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield head
        yield "\n".join(f"- {line}" for line in lines)
