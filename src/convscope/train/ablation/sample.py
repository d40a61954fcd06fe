"""Which images a run sees: all of a data set, or some of each class, by the run's seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from convscope.errors import SettingError
from convscope.images import ImageSet
from convscope.images.spread import spread
from convscope.train.splits import Splits, open_splits


def splits_of(data: str | Path, validation: str | Path | None, training: int | None, seed: int) -> Splits:
    """The data set's two parts, the first with at most ``training`` images; raises ImageSetError and SettingError.

    Runs of one seed see the same images. Another seed draws others, so that what differs between seeds includes the
    luck of the draw.
    """
    splits = open_splits(data, validation, seed)
    if training is None or training >= len(splits.training):
        return splits
    return replace(splits, training=splits.training.select(drawn(splits.training, training, seed)))


def drawn(images: ImageSet, count: int, seed: int) -> list[int]:
    """``count`` indices in their order, as evenly from the classes as they allow."""
    if count < len(images.classes):
        raise SettingError(
            f"{count} training images cannot hold one of each of the {len(images.classes)} classes; take more"
        )
    draw = np.random.default_rng(seed)
    members: dict[str | None, list[int]] = {}
    for index, label in enumerate(images.labels):
        members.setdefault(label, []).append(index)
    # Round after round one image of each class, until there are enough.
    shuffled = [draw.permutation(members[label]) for label in sorted(members, key=str)]
    rounds = (own[number] for number in range(max(map(len, shuffled))) for own in shuffled if number < len(own))
    return sorted(int(index) for index, _ in zip(rounds, range(count), strict=False))


def spread_over(images: ImageSet, most: int) -> ImageSet:
    """At most so many images, evenly spread: sets are often sorted by class."""
    return images.select(spread(len(images), most))


def fingerprint(splits: Splits) -> str:
    """SHA-256 (hex) of names and labels of both parts: tells data sets apart without reading an image."""
    digest = hashlib.sha256()
    for images in (splits.training, splits.validation):
        digest.update(_line(images.names))
        digest.update(_line(images.labels))
    return digest.hexdigest()


def _line(words: Sequence[str | None]) -> bytes:
    return json.dumps(words).encode() + b"\n"
