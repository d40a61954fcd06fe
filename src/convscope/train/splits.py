"""Which images are trained on, and which are held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convscope.errors import ExclusionError, ImageSetError
from convscope.images import ImageSet
from convscope.images.exclusion import Excluded, without
from convscope.train.draws import check_seed

TRAINING = ("train", "training")
HELD_OUT = ("val", "validation", "valid", "test", "t10k")
"""Names of folders, or parts of idx files, in the order in which one is chosen."""
HELD_OUT_SHARE = 0.1
DRAWN = f"{HELD_OUT_SHARE:.0%} of each class"
"""Where held-out images are from that no folder names."""


@dataclass(frozen=True)
class Splits:
    """Two labelled sets with the same classes; ``origin`` says where the second came from.

    ``excluded`` are the images that were left out, by name: those of a list that was given.
    """

    training: ImageSet
    validation: ImageSet
    origin: str
    excluded: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for part, images in (("training", self.training), ("validation", self.validation)):
            unlabelled = sum(label is None for label in images.labels)
            if unlabelled:
                raise ImageSetError(
                    f"{unlabelled} of {len(images)} {part} images of {images.name} have no label. Sort them into one "
                    "folder per class"
                )
        if len(self.training.classes) < 2:
            raise ImageSetError(
                f"{self.training.name} has {len(self.training.classes)} class; training needs at least two"
            )
        if self.excluded:
            self._require_all_classes()
        unknown = sorted(set(self.validation.classes) - set(self.training.classes))
        if unknown:
            raise ImageSetError(
                f"{self.validation.name} has classes that {self.training.name} lacks: {', '.join(unknown[:5])}"
            )

    def _require_all_classes(self) -> None:
        empty = sorted(set(self.training.classes) - set(self.training.labels))
        if empty:
            raise ExclusionError(
                f"without the {len(self.excluded)} images of the list, {self.training.name} has none of the classes "
                f"{', '.join(map(str, empty[:5]))} any more"
            )


def open_splits(
    data: str | Path | object,
    validation: str | Path | object | None = None,
    seed: int = 0,
    excluded: Sequence[Excluded] = (),
) -> Splits:
    """The two parts of a data set: given, found as train/ and val/ (or test/) inside, or a tenth held out by class.

    ``excluded`` images are left out of the training part, by their names in it; of a set that is itself divided, before
    that. Raises ImageSetError for a set without labels or with a single class, ExclusionError for a list that does not
    fit, and SettingError for a seed below 0.
    """
    check_seed(seed)
    if validation is not None:
        return Splits(_less(data, excluded), ImageSet.open(validation), "given", _names(excluded))
    if isinstance(data, str | Path) and (folders := _folders(Path(data))):
        training, held_out = folders
        origin = f"the folder {held_out.name}"
        return Splits(_less(training, excluded), ImageSet.open(held_out), origin, _names(excluded))
    whole = _less(data, excluded)
    parts = [name.partition("/")[0] for name in whole.names]
    for name in HELD_OUT:
        if name in parts and any(part in TRAINING for part in parts):
            chosen = [[i for i, part in enumerate(parts) if part in wanted] for wanted in (TRAINING, (name,))]
            return Splits(whole.select(chosen[0]), whole.select(chosen[1]), f"the part {name}", _names(excluded))
    kept, held = _held_out(whole.labels, seed)
    origin = f"{DRAWN}, seed {seed}"
    return Splits(whole.select(kept), whole.select(held), origin, _names(excluded))


def _less(source: str | Path | object, excluded: Sequence[Excluded]) -> ImageSet:
    images = ImageSet.open(source)
    return without(images, excluded) if excluded else images


def _names(excluded: Sequence[Excluded]) -> tuple[str, ...]:
    return tuple(each.image for each in excluded)


def _folders(data: Path) -> tuple[Path, Path] | None:
    training = next((data / name for name in TRAINING if (data / name).is_dir()), None)
    held_out = next((data / name for name in HELD_OUT if (data / name).is_dir()), None)
    return None if training is None or held_out is None else (training, held_out)


def _held_out(labels: Sequence[str | None], seed: int) -> tuple[list[int], list[int]]:
    """Indices to train on, and a tenth of each class (at least one) to hold out."""
    draw = np.random.default_rng(seed)
    held: set[int] = set()
    for label in sorted(set(labels), key=str):
        members = [index for index, each in enumerate(labels) if each == label]
        if len(members) < 2:
            raise ImageSetError(f"class {label!r} has a single image, which cannot be both trained on and held out")
        count = max(1, round(HELD_OUT_SHARE * len(members)))
        held.update(int(index) for index in draw.permutation(members)[:count])
    return [index for index in range(len(labels)) if index not in held], sorted(held)
