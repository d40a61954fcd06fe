"""What a finished run gives: its errors, its size, and how long it took; written last, so that it says "finished"."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np

from convscope.atomic import replacing
from convscope.errors import SettingError
from convscope.images import ImageSet
from convscope.models import load_model
from convscope.probes.evaluation.evaluate import Crops, evaluate
from convscope.regular import read_bytes
from convscope.strict import Reader, parsed_json
from convscope.train.callbacks.records import seconds_of
from convscope.train.recipe import Recipe
from convscope.train.size import size_of
from convscope.train.splits import Splits
from convscope.zoo.snapshot import FOLDER, snapshots_of

RESULT = "result.json"


@dataclass(frozen=True)
class Trained:
    """Errors are shares of images whose class is not the most probable (``_5``: not among the five most probable).

    ``training_error`` is that of the finished network, without dropout, on the middle of at most as many training
    images as there are validation images, evenly spread; the validation error is taken as the recipe says.
    """

    run: str
    snapshots: tuple[str, ...]
    """File names, in the order of training."""
    parameters: int
    multiply_adds: int
    """Of one image."""
    epochs: int
    seconds: float
    """Of all epochs, validation included."""
    crops: str
    training_error: float
    validation_error: float
    validation_error_5: float | None
    skipped: dict[str, str]
    """Names of images that could not be used, with the reasons."""

    @property
    def path(self) -> Path:
        """The run's folder."""
        return Path(self.run)

    @property
    def last(self) -> Path:
        """The finished network."""
        return self.path / FOLDER / self.snapshots[-1]


def measured(
    run: Path,
    recipe: Recipe,
    splits: Splits,
    skipped: tuple[tuple[str, str], ...],
    report: Callable[[str, int, int], None],
) -> Trained:
    """Evaluate the last snapshot of a run."""
    snapshots = snapshots_of(run)
    model = load_model(f"snapshot:{snapshots[-1]}")
    crops = cast(Crops, recipe.evaluation)
    size = size_of(recipe.architecture, len(model.classes))
    held_out = evaluate(model, splits.validation, crops=crops, report=partial(report, "evaluate"))
    known = evaluate(
        model, _spread(splits.training, len(splits.validation)), report=partial(report, "evaluate training")
    )
    return Trained(
        run=str(run),
        snapshots=tuple(path.name for path in snapshots),
        parameters=size.parameters,
        multiply_adds=size.multiply_adds,
        epochs=recipe.epochs,
        seconds=round(seconds_of(run), 3),
        crops=crops,
        training_error=known.error,
        validation_error=held_out.error,
        validation_error_5=held_out.error_5,
        skipped=dict(skipped),
    )


def write_trained(found: Trained) -> None:
    """Write ``result.json``, whole or not at all."""
    with replacing(found.path / RESULT) as temporary:
        temporary.write_text(json.dumps(asdict(found), indent=1) + "\n", "utf-8")


def read_trained(run: Path) -> Trained | None:
    """The result of a finished run, None if it is not finished; raises SettingError for a damaged file."""
    path = run / RESULT
    try:
        text = read_bytes(path)
    except FileNotFoundError:
        return None
    described = parsed_json(text, str(path), lambda said: SettingError(f"{said}; remove it, to evaluate the run again"))
    found = Reader(SettingError).decode(Trained, described, str(path))
    if not found.snapshots:
        raise SettingError(f"{path} names no snapshot, and a run has at least its last; remove it, to evaluate again")
    return replace(found, run=str(run))  # it may have been moved


def _spread(images: ImageSet, most: int) -> ImageSet:
    count = min(most, len(images))
    return images.select(np.linspace(0, len(images) - 1, count).round().astype(int).tolist())
