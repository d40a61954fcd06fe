"""What an overlap search writes: its table of pairs, its lists of images to leave out, and its facts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from convscope.atlas.schema import column
from convscope.images.exclusion import Excluded
from convscope.pipeline.results import skips_facts
from convscope.probes.overlap.quality import WANTED, Quality
from convscope.probes.overlap.result import FIRST, Overlap, Pair, SetFacts, number


@dataclass(frozen=True)
class PairRow:
    """``pairs.parquet``: one row per pair, surest first; those below the threshold are there for a person to judge."""

    first: str = column("name of the image in the first set (or the only one)", "string")
    second: str = column("name of the image in the second set (or the only one)", "string")
    first_label: str | None = column("its label there, if any", "string")
    second_label: str | None = column("its label there, if any", "string")
    near_duplicate: bool = column("identical, or its edges reach the threshold", "bool")
    identical: bool = column("the contents have the same SHA-256", "bool")
    edges: float = column(
        "normalised correlation of edges at the best place, which decides; plain pairs: its distance from 1 twice",
        "float",
    )
    correlation: float = column("normalised correlation of grey values there", "float")
    mirrored: bool = column("one is the mirror image of the other", "bool")
    larger: str = column("the set, first or second, of whose image the box shows the whole other image", "string")
    top: float = column("of the box, as a part of the height", "float")
    left: float = column("of the box, as a part of the width", "float")
    bottom: float = column("of the box, as a part of the height", "float")
    right: float = column("of the box, as a part of the width", "float")
    relation: str = column("the same in words", "string")


def pair_rows(found: Overlap) -> Iterator[PairRow]:
    """The pairs, and after them the near misses."""
    for pairs, accepted in ((found.pairs, True), (found.near_misses, False)):
        yield from (_row(found, pair, accepted) for pair in pairs)


def _row(found: Overlap, pair: Pair, accepted: bool) -> PairRow:
    first, second = found.first, found.other
    return PairRow(
        first.names[pair.first],
        second.names[pair.second],
        first.labels[pair.first],
        second.labels[pair.second],
        accepted,
        pair.identical,
        pair.edges,
        pair.correlation,
        pair.mirrored,
        pair.larger,
        *pair.box,
        pair.what,
    )


def exclusions(found: Overlap, which: str) -> Iterator[Excluded]:
    """The images of a set to leave out, each with the surest of its partners."""
    own, other = (found.first, found.other) if which == FIRST else (found.other, found.first)
    for image, pair in found.excluded[which]:
        partner = other.names[pair.second if image == pair.first and which == FIRST else pair.first]
        reason = "identical" if pair.identical else f"edges {pair.edges:.3f}, grey {pair.correlation:.3f}: {pair.what}"
        yield Excluded(own.names[image], own.contents[image], partner, reason)


def overlap_facts(found: Overlap, measured: Quality | None) -> dict[str, Any]:
    """The findings in numbers, ready for JSON."""
    sets = {"first": found.first} | ({} if found.second is None else {"second": found.second})
    return {
        "pairs": len(found.pairs),
        "identical": sum(pair.identical for pair in found.pairs),
        "near_misses": len(found.near_misses),
        "left_out": {which: len(images) for which, images in found.excluded.items()},
        "groups": len(found.groups),
        "conflicts": [_conflict(found.first, pair) for pair in found.conflicts],
        "search": {"candidates": found.candidates, "indexes": list(found.indexes), "memory_bytes": found.memory},
        "quality": None if measured is None else quality_facts(measured, found.threshold),
        "flat": {name: each.flat for name, each in sets.items()},
        "skipped": {name: skips_facts(each.skipped) for name, each in sets.items()},
        "notes": [*found.notes, *_advice(found, measured)],
    }


def _conflict(images: SetFacts, pair: Pair) -> dict[str, Any]:
    ends = (pair.first, pair.second)
    return {"images": [images.names[end] for end in ends], "labels": [images.labels[end] for end in ends]}


def quality_facts(measured: Quality, threshold: float) -> dict[str, Any]:
    """Precision and recall at the threshold, and the curve."""
    steps = np.round(np.arange(0.6, 1.0001, 0.01), 2).tolist()
    return {
        "photographs": measured.photographs,
        "among": measured.among,
        "true_pairs": sum(measured.made),
        "precision": measured.precision(threshold),
        "recall": measured.recall(threshold),
        "recall_by_change": {kind: measured.recall(threshold, n) for n, kind in enumerate(measured.kinds)},
        "lowest_threshold": {"precision": WANTED, "threshold": measured.lowest()},
        "curve": [[step, measured.precision(step), measured.recall(step)] for step in steps],
    }


def _advice(found: Overlap, measured: Quality | None) -> Iterator[str]:
    precision = None if measured is None else measured.precision(found.threshold)
    if measured is None or precision is None or precision >= WANTED:
        return
    lowest = measured.lowest()
    instead = "no threshold reaches it"
    if lowest is not None:
        instead = f"--threshold {lowest:.3f} reaches it, at a recall of {measured.recall(lowest):.1%}"
    yield (
        f"of what the changed copies of {number(measured.photographs, 'image')} of {found.first.name} found at "
        f"{found.threshold:g}, {1 - precision:.1%} is another image (or a duplicate in the set): images here look too "
        f"much alike for a precision of {WANTED:g}; {instead}"
    )
