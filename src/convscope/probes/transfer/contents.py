"""What is in the images that are used: whether they can be read, and whether two are the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from convscope.errors import ImageError, ImageSetError
from convscope.images import ImageSet
from convscope.images.imageset import hashed
from convscope.models import Preprocessing
from convscope.probes.transfer.draws import Fold, used
from convscope.probes.transfer.labelled import Labelled

Report = Callable[[int, int], None]
_SHOWN = 3


@dataclass(frozen=True)
class Contents:
    """``digests``: SHA-256 (hex) of the pixels of each readable image by index; ``skipped``: reasons for the others."""

    digests: Mapping[int, str] = field(default_factory=dict)
    skipped: Mapping[int, str] = field(default_factory=dict)


def readable_folds(
    labelled: Labelled,
    draw: Callable[[Contents], Sequence[Fold]],
    fed: Preprocessing,
    workers: int,
    report: Report,
) -> tuple[tuple[Fold, ...], Contents]:
    """Folds of readable images only: drawn, read, and drawn again without those that cannot be read.

    Nor can be read what has no view by ``fed``, as a strip that would be gigabytes after resizing.
    """
    known = Contents()
    look = partial(_look, labelled.images, fed)
    while True:
        folds = tuple(draw(known))
        new = [i for i in used(folds).tolist() if i not in known.digests]
        if not new:
            return folds, known
        known = _with(known, look, new, workers, report)


def _with(
    known: Contents,
    look: Callable[[int], tuple[int, str | None, str]],
    new: Sequence[int],
    workers: int,
    report: Report,
) -> Contents:
    digests, skipped = dict(known.digests), dict(known.skipped)
    with ThreadPoolExecutor(max(1, workers), thread_name_prefix="decode") as pool:
        for done, (index, digest, reason) in enumerate(pool.map(look, new), 1):
            if digest is None:
                skipped[index] = reason
            else:
                digests[index] = digest
            report(done, len(new))
    return Contents(digests, skipped)


def _look(images: ImageSet, fed: Preprocessing, index: int) -> tuple[int, str | None, str]:
    try:
        pixels = images.read(index)
        fed.check(pixels)
        return index, hashed(pixels), ""
    except ImageError as error:
        return index, None, str(error)


def same_images(folds: Sequence[Fold], contents: Contents) -> tuple[tuple[int, int], ...]:
    """Pairs (trained on, judged) of equal pixels within a fold, each once."""
    found: dict[tuple[int, int], None] = {}
    for fold in folds:
        trained = {contents.digests[i]: i for i in fold.training.tolist()}
        pairs = [(trained.get(contents.digests[i]), i) for i in fold.test.tolist()]
        found.update({(first, second): None for first, second in pairs if first is not None})
    return tuple(found)


def check_no_leak(labelled: Labelled, folds: Sequence[Fold], contents: Contents) -> None:
    """Raise ImageSetError if an image that is judged was trained on under another name."""
    pairs = same_images(folds, contents)
    if not pairs:
        return
    count = len({judged for _, judged in pairs})
    names = labelled.images.names
    shown = "; ".join(f"{names[a]} and {names[b]}" for a, b in pairs[:_SHOWN])
    raise ImageSetError(
        f"{count} image{' to be judged is' if count == 1 else 's to be judged are'} also trained on, under another "
        f"name: {shown}. The result would be too "
        "good. `convscope overlap DATA -o DIR` finds them all (and those that are nearly the same) and writes a list; "
        "leave them out with --exclude"
    )
