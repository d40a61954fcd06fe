"""From two image sets, or one, to a folder: pairs, lists of images to leave out, pictures, and how sure they are."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from convscope.cores import cores
from convscope.errors import ImageError
from convscope.figures.overlap import Section, Shown, pairs_png
from convscope.figures.overlap_quality import quality_png
from convscope.images import ImageSet
from convscope.images.exclusion import write_exclusion
from convscope.images.spread import spread
from convscope.pipeline.overlap_rows import PairRow, exclusions, overlap_facts, pair_rows
from convscope.pipeline.results import ResultFolder, check_place
from convscope.probes.overlap.index import faiss_library
from convscope.probes.overlap.overlap import Report, check_threshold, digests_of, find_overlap, read_sets
from convscope.probes.overlap.quality import check
from convscope.probes.overlap.reading import forget
from convscope.probes.overlap.result import SECOND, THRESHOLD, Overlap, Pair, number

FACTS = "overlap.json"
"""Written last: a folder that has it is whole."""
FILES = ("pairs.parquet", "exclude_first.jsonl", "exclude_second.jsonl", "figure.png", "quality.png")
"""Of which a result may lack the second list, and the picture of its quality."""
VIEWS = "views"
"""Sub-folder with what was read of the images, which a stopped or changed run goes on with."""
SHOWN = 12
"""Pairs of a section of the figure."""
_FORMAT = 1
"""Of the facts and tables: a folder of another one is not taken for finished."""


@dataclass(frozen=True)
class OverlapAsk:
    """What is asked; ``check``: of how many images changed copies are searched, to measure precision and recall."""

    threshold: float = THRESHOLD
    check: int = 100
    seed: int = 0


def overlap_sets(
    first: ImageSet,
    second: ImageSet | None,
    output: str | Path,
    ask: OverlapAsk = OverlapAsk(),
    *,
    workers: int | None = None,
    overwrite: bool = False,
    report: Report = lambda _stage, _done, _total: None,
) -> Path:
    """Find near-duplicates of two sets, or within one, and write a folder; one that is finished is kept.

    Raises the errors of ``overlap``, and SettingError for a folder that holds another result. Images are read once:
    their views stay in the folder, where a stopped run, or one with another threshold, finds them.
    """
    check_threshold(ask.threshold)
    faiss_library()
    threads = workers or cores()
    path = Path(output)
    started = time.perf_counter()
    sets = [first] if second is None else [first, second]
    check_place(path, FACTS)
    if not overwrite and _is_finished(path, sets, ask, threads, report):
        return path
    seen = read_sets(sets, path / VIEWS, threads, report)
    folder = ResultFolder(path, FACTS, _asked(sets, [each.digest for each in seen], ask), FILES)
    read = time.perf_counter()
    found = find_overlap(seen[0], seen[1] if second is not None else None, ask.threshold, threads, report)
    searched = time.perf_counter()
    report("check", 0, 1)
    measured = check(first, seen[0].views, ask.check, ask.seed, workers=threads) if ask.check else None
    report("check", 1, 1)
    folder.begin()
    if second is None:
        forget(path / VIEWS / SECOND)
    folder.write_rows("pairs.parquet", PairRow, pair_rows(found))
    for which in found.excluded:
        folder.write(f"exclude_{which}.jsonl", write_exclusion(exclusions(found, which)))
    folder.write("figure.png", pairs_png(found, _sections(found, sets), _title(found)))
    if measured is not None:
        folder.write("quality.png", quality_png(measured, ask.threshold))
    spent = {"reading": read - started, "search": searched - read, "all": time.perf_counter() - started}
    folder.finish(overlap_facts(found, measured), spent)
    return path


def _is_finished(path: Path, sets: Sequence[ImageSet], ask: OverlapAsk, threads: int, report: Report) -> bool:
    """As ``ResultFolder.is_finished``: of a result that is there, nothing is changed before it may be replaced."""
    if not (path / FACTS).exists():
        return False
    return ResultFolder(path, FACTS, _asked(sets, digests_of(sets, threads, report), ask)).is_finished(overwrite=False)


def _asked(sets: Sequence[ImageSet], digests: Sequence[str], ask: OverlapAsk) -> dict[str, Any]:
    """All that decides the result, for the record and to recognise it."""
    each = [{"name": s.name, "count": len(s), "digest": digest} for s, digest in zip(sets, digests, strict=True)]
    return {"format": _FORMAT, "sets": each, "settings": asdict(ask)}


def _title(found: Overlap) -> str:
    sizes = [f"{each.name} ({number(len(each), 'image')})" for each in (found.first, found.second) if each is not None]
    return " and ".join(sizes) if found.second is not None else f"within {sizes[0]}"


def _sections(found: Overlap, sets: Sequence[ImageSet]) -> list[Section]:
    """Pairs evenly from the surest to the least sure; and apart, those nearest the threshold on either side.

    Those above it not again, where all pairs are shown already.
    """
    compared = [pair for pair in found.pairs if not pair.identical]
    above = f"just above the threshold of {found.threshold:g}", compared[: -SHOWN - 1 : -1], len(compared)
    chosen: list[tuple[str, Sequence[Pair], int]] = [
        ("near-duplicates, from the surest on", _spread(found.pairs), len(found.pairs)),
        *([above] if len(found.pairs) > SHOWN else []),
        ("just below it, and not taken for near-duplicates", found.near_misses[:SHOWN], len(found.near_misses)),
    ]
    return [Section(title, total, _shown(pairs, sets[0], sets[-1])) for title, pairs, total in chosen]


def _spread(pairs: Sequence[Pair]) -> list[Pair]:
    return [pairs[place] for place in spread(len(pairs), SHOWN)]


def _shown(pairs: Sequence[Pair], first: ImageSet, second: ImageSet) -> tuple[Shown, ...]:
    found = []
    for pair in pairs:
        try:
            found.append(Shown(pair, first.read(pair.first), second.read(pair.second)))
        except ImageError:  # it has gone since it was read
            continue
    return tuple(found)
