"""Near-duplicates between two image sets, or within one (Zeiler & Fergus 2013, section 5.2 and their note on overlap).

The paper removes the Caltech images that are also in ImageNet, found by normalised correlation; threshold,
resolution and colour are not stated there. Here, in order: grey views of 32 x 32 pixels; an index of their low
frequencies, asked for each image and 22 parts of it, plain and mirrored; normalised correlation at the best place of
each candidate; images with the same content, in any case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from convscope.cores import cores
from convscope.errors import ImageSetError, SettingError
from convscope.images import ImageSet
from convscope.probes.overlap.identical import identical_pairs
from convscope.probes.overlap.index import faiss_library
from convscope.probes.overlap.match import Matches, match
from convscope.probes.overlap.reading import Seen, read_contents, read_set
from convscope.probes.overlap.result import FIRST, NEAR_MISS, SECOND, THRESHOLD, Overlap, Pair, SetFacts
from convscope.probes.overlap.sampling import STEPS
from convscope.probes.overlap.view import is_flat

Report = Callable[[str, int, int], None]
"""(stage, done, total); the stages are read first, read second, search, align."""
_MOST_NEAR_MISSES = 1000


def overlap(
    first: ImageSet,
    second: ImageSet | None = None,
    *,
    threshold: float = THRESHOLD,
    workers: int | None = None,
    report: Report = lambda _stage, _done, _total: None,
) -> Overlap:
    """Pairs of near-duplicates of two sets; of one set alone, those within it.

    Raises SettingError for a threshold outside 0.6 to 1, ImageSetError if no image of a set can be read, and
    MissingExtraError without FAISS. ``workers`` are threads, by default as many as there are processors.
    """
    check_threshold(threshold)
    faiss_library()
    threads = workers or cores()
    sets = {FIRST: first} | ({SECOND: second} if second is not None else {})
    seen = [read_set(s, workers=threads, report=partial(report, f"read {name}")) for name, s in sets.items()]
    return find_overlap(seen[0], seen[1] if second is not None else None, threshold, threads, report)


def check_threshold(threshold: float) -> None:
    """Raise SettingError for one that cannot be used: pairs with less than 0.6 are given up on the way."""
    if not 0.6 <= threshold <= 1:
        raise SettingError(f"a threshold of {threshold:g}; expected 0.6 to 1, the correlation of edges of a pair")


def read_sets(sets: Sequence[ImageSet], folder: Path, workers: int, report: Report) -> list[Seen]:
    """The sets, their views kept in a sub-folder each, so that a stopped run goes on."""
    return [
        read_set(images, folder / name, workers=workers, report=partial(report, f"read {name}"))
        for name, images in zip((FIRST, SECOND), sets, strict=False)
    ]


def digests_of(sets: Sequence[ImageSet], workers: int, report: Report) -> list[str]:
    """The digests that ``read_sets`` would find; nothing is decoded or written."""
    return [
        images.digest_from(read_contents(images, workers=workers, report=partial(report, f"read {name}")))
        for name, images in zip((FIRST, SECOND), sets, strict=False)
    ]


def find_overlap(first: Seen, second: Seen | None, threshold: float, workers: int, report: Report) -> Overlap:
    """The pairs of sets that were read."""
    facts = [_facts(each) for each in (first, second) if each is not None]
    searched = match(first.views, None if second is None else second.views, workers=workers, report=report)
    shown = searched.matches.take(searched.matches.edges >= threshold - NEAR_MISS)
    same = set(identical_pairs(first.contents, None if second is None else second.contents))
    listed = sorted(_pairs(shown, same), key=lambda pair: (not pair.identical, -pair.edges, pair.first, pair.second))
    below = [pair for pair in listed if pair.edges < threshold and not pair.identical]
    return Overlap(
        first=facts[0],
        second=None if second is None else facts[1],
        threshold=threshold,
        pairs=tuple(pair for pair in listed if pair.identical or pair.edges >= threshold),
        near_misses=tuple(below[:_MOST_NEAR_MISSES]),
        candidates=searched.candidates,
        indexes=searched.indexes,
        memory=searched.memory,
        notes=tuple(_notes(facts, len(below))),
    )


def _facts(seen: Seen) -> SetFacts:
    images = seen.images
    if len(seen.skipped) == len(images):
        raise ImageSetError(f"no image of {images.name} can be read; {images.names[0]}: {seen.skipped[0]}")
    flat = sum(int(is_flat(seen.views[start : start + 8192]).sum()) for start in range(0, len(images), 8192))
    skipped = tuple((images.names[index], reason) for index, reason in sorted(seen.skipped.items()))
    return SetFacts(
        images.name, seen.digest, images.names, images.labels, seen.contents, skipped, flat - len(seen.skipped)
    )


def _pairs(matches: Matches, same: set[tuple[int, int]]) -> Iterator[Pair]:
    found = {(pair.first, pair.second): pair for pair in _aligned(matches, same)}
    yield from found.values()
    for ends in sorted(same - set(found)):
        yield Pair(*ends, 1.0, 1.0, FIRST, (0.0, 0.0, 1.0, 1.0), mirrored=False, identical=True)


def _aligned(matches: Matches, same: set[tuple[int, int]]) -> Iterator[Pair]:
    columns: list[Any] = [matches.first, matches.second, matches.edges, matches.correlation]
    rows = zip(*(column.tolist() for column in columns), strict=True)
    boxes = np.stack(
        (matches.boxes[:, 0], matches.boxes[:, 2], matches.boxes[:, :2].sum(1), matches.boxes[:, 2:].sum(1)), 1
    )
    ways = zip((boxes / STEPS).tolist(), matches.on_second.tolist(), matches.mirrored.tolist(), strict=True)
    for (one, other, edges, correlation), (box, on_second, mirrored) in zip(rows, ways, strict=True):
        larger = SECOND if on_second else FIRST
        identical = (one, other) in same
        box = (0.0, 0.0, 1.0, 1.0) if identical else tuple(box)
        yield Pair(one, other, edges, correlation, larger, box, mirrored and not identical, identical)


def _notes(sets: list[SetFacts], below: int) -> Iterator[str]:
    for each in sets:
        if each.flat:
            yield (
                f"{each.flat} of {len(each)} images of {each.name} show nothing to compare (almost one shade of "
                "grey); only those with the same content are found"
            )
    if below > _MOST_NEAR_MISSES:
        yield f"{below} pairs lie just below the threshold; the {_MOST_NEAR_MISSES} nearest to it are listed"
