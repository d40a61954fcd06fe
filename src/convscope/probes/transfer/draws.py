"""Which images are trained on and which are judged, in each fold."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convscope.errors import ImageSetError, SettingError
from convscope.probes.transfer.labelled import VOC_PARTS, Labelled
from convscope.probes.transfer.protocol import Protocol

Indices = NDArray[np.int64]
USUAL = (1, 2, 5, 10, 15, 30, 60, 120, 250)
"""Training images per class, where none are asked for: those of them that leave images to judge by."""
MOST = 0.7
"""Of the smallest class."""


@dataclass(frozen=True)
class Fold:
    """Indices into the labelled images, int64, in ascending order; ``per_class`` 0: all that there are."""

    number: int
    per_class: int
    training: Indices
    test: Indices


def per_class_of(labelled: Labelled, protocol: Protocol, asked: Sequence[int] = ()) -> tuple[int, ...]:
    """The numbers of training images per class: asked for, or the protocol's, or what the smallest class allows."""
    if labelled.parts is not None:
        if asked:
            raise SettingError(f"{labelled.name} has parts of its own for training; leave --per-class out")
        return (0,)
    chosen = tuple(sorted({*(asked or protocol.per_class)}))
    if chosen and chosen[0] < 1:
        raise SettingError(f"at least 1 training image per class is needed, not {chosen[0]}")
    if chosen:
        return chosen
    smallest = min(sizes(labelled).values())
    possible = tuple(count for count in USUAL if count <= MOST * smallest)
    if not possible:
        small = [name for name, size in sizes(labelled).items() if size < 2]
        raise ImageSetError(
            f"{labelled.name}: {', '.join(small[:5])} {'has' if len(small) == 1 else 'have'} a single image, which "
            "cannot be both trained on and judged; leave such classes out with --skip-small, or fill them"
        )
    return possible


def sizes(labelled: Labelled) -> Mapping[str, int]:
    """Images of each class."""
    return dict(zip(labelled.classes, (labelled.marks == 1).sum(0).tolist(), strict=True))


def large_enough(labelled: Labelled, least: int) -> tuple[Labelled, Mapping[str, int]]:
    """Only the classes with at least ``least`` images, and the sizes of the others; raises ImageSetError if fewer than
    two are left.
    """
    small = {name: size for name, size in sizes(labelled).items() if size < least}
    if not small:
        return labelled, {}
    keep = [place for place, name in enumerate(labelled.classes) if name not in small]
    if len(keep) < 2:
        raise ImageSetError(f"{labelled.name} has {len(keep)} classes with at least {least} images; two are needed")
    rows = np.flatnonzero((labelled.marks[:, keep] == 1).any(1))
    return labelled.select(rows.tolist(), keep), small


def draw(
    labelled: Labelled, protocol: Protocol, per_class: Sequence[int], seed: int, barred: Collection[int] = ()
) -> tuple[Fold, ...]:
    """The folds: for each number of training images, and each of the protocol's draws.

    In one draw all numbers share the test images, and fewer training images are among more. No image of a draw is in
    both. The ``barred`` (unreadable) are not used. Raises ImageSetError for a class that has not enough images.
    """
    if labelled.parts is not None:
        return (_own_parts(labelled, barred),)
    most = max(per_class)
    usable = [[i for i in np.flatnonzero(column == 1).tolist() if i not in barred] for column in labelled.marks.T]
    _check_enough(labelled, usable, most)
    folds = []
    for number in range(protocol.folds):
        orders = [np.random.default_rng([seed, number, place]).permutation(m) for place, m in enumerate(usable)]
        test = _joined([order[most : most + protocol.test] for order in orders])
        folds += [Fold(number, count, _joined([order[:count] for order in orders]), test) for count in per_class]
    return tuple(folds)


def _joined(parts: Sequence[Indices]) -> Indices:
    joined: Indices = np.sort(np.concatenate(parts)).astype(np.int64)
    return joined


def _own_parts(labelled: Labelled, barred: Collection[int]) -> Fold:
    training, test = (
        np.array([i for i, part in enumerate(labelled.parts or ()) if part == wanted and i not in barred], np.int64)
        for wanted in VOC_PARTS
    )
    if not len(training) or not len(test):
        raise ImageSetError(f"{labelled.name} has {len(training)} images to train on and {len(test)} to judge by")
    return Fold(0, 0, training, test)


def _check_enough(labelled: Labelled, usable: Sequence[Sequence[int]], most: int) -> None:
    short = {name: len(each) for name, each in zip(labelled.classes, usable, strict=True) if len(each) <= most}
    if short:
        listed = ", ".join(f"{name} ({count})" for name, count in sorted(short.items(), key=lambda pair: pair[1])[:5])
        least = min(len(each) for each in usable) - 1
        possible = (
            f"At most {least} are possible; ask for that with --per-class, or"
            if least > 0
            else "No number is possible;"
        )
        raise ImageSetError(
            f"{most} training images per class and at least one to judge by were asked for, and {len(short)} of "
            f"{len(labelled.classes)} classes have fewer that can be read: {listed}. {possible} leave those classes "
            "out with --skip-small, which counts all files: take away those that cannot be read"
        )


def used(folds: Sequence[Fold]) -> Indices:
    """Every image that some fold uses, in ascending order."""
    every: Indices = np.unique(np.concatenate([part for fold in folds for part in (fold.training, fold.test)]))
    return every
