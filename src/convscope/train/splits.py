"""Which images are trained on, and which are held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convscope.errors import ImageSetError
from convscope.images import ImageSet

TRAINING = ("train", "training")
HELD_OUT = ("val", "validation", "valid", "test", "t10k")
"""Names of folders, or parts of idx files, in the order in which one is chosen."""
HELD_OUT_SHARE = 0.1


@dataclass(frozen=True)
class Splits:
    """Two labelled sets with the same classes; ``origin`` says where the second came from."""

    training: ImageSet
    validation: ImageSet
    origin: str

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
        unknown = sorted(set(self.validation.classes) - set(self.training.classes))
        if unknown:
            raise ImageSetError(
                f"{self.validation.name} has classes that {self.training.name} lacks: {', '.join(unknown[:5])}"
            )


def open_splits(data: str | Path | object, validation: str | Path | object | None = None, seed: int = 0) -> Splits:
    """The two parts of a data set: given, found as train/ and val/ (or test/) inside, or a tenth held out by class.

    Raises ImageSetError for a set without labels or with a single class.
    """
    if validation is not None:
        return Splits(ImageSet.open(data), ImageSet.open(validation), "given")
    if isinstance(data, str | Path) and (folders := _folders(Path(data))):
        training, held_out = folders
        return Splits(ImageSet.open(training), ImageSet.open(held_out), f"the folder {held_out.name}")
    whole = ImageSet.open(data)
    parts = [name.partition("/")[0] for name in whole.names]
    for name in HELD_OUT:
        if name in parts and any(part in TRAINING for part in parts):
            chosen = [[i for i, part in enumerate(parts) if part in wanted] for wanted in (TRAINING, (name,))]
            return Splits(whole.select(chosen[0]), whole.select(chosen[1]), f"the part {name}")
    kept, held = _held_out(whole.labels, seed)
    return Splits(whole.select(kept), whole.select(held), f"{HELD_OUT_SHARE:.0%} of each class, seed {seed}")


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
