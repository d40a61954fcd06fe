"""Checkpoints: the same network at several moments of its training, each loaded only when its turn comes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from torch import nn

from convscope.errors import SettingError, WeightsError
from convscope.models import Model, load_model
from convscope.zoo.snapshot import FOLDER, describe

_MOMENT = re.compile(r"(?P<kind>epoch|step)-(?P<number>[0-9]{1,12})")


@dataclass(frozen=True)
class Checkpoint:
    """A network at one moment of its training.

    ``label`` names it in figures; ``position`` orders it, in epochs, steps, or whatever is counted. ``model`` is what
    ``load_model`` takes, or a model that is ready; ``weights`` is a file for it.
    """

    label: str
    position: float
    model: str | nn.Module | Model
    weights: Path | None = None

    def load(self) -> Model:
        """The network, loaded anew each time; raises the errors of ``load_model``."""
        return self.model if isinstance(self.model, Model) else load_model(self.model, weights=self.weights)


def run_checkpoints(run: str | Path) -> tuple[Checkpoint, ...]:
    """All snapshots of a training run, ``RUN/snapshots/epoch-0005.safetensors`` and so on, in order.

    The files say themselves which network they belong to. Where some are named after epochs and some after steps, all
    are placed by the steps in their headers. Raises SettingError for a folder without snapshots or without an order.
    """
    folder = Path(run) / FOLDER if (Path(run) / FOLDER).is_dir() else Path(run)
    files = sorted(folder.glob("*.safetensors"))
    moments = _moments(files) or _steps(files)
    if not moments:
        met = ", ".join(file.name for file in files[:3]) or "nothing"
        raise SettingError(
            f"{folder} is no folder of snapshots: met {met}, expected files named epoch-0001.safetensors or "
            "step-000100.safetensors. Give a run folder, or a model and its weights files one by one"
        )
    placed = {
        number: Checkpoint(label, number, f"snapshot:{file}")
        for file, (label, number) in zip(files, moments, strict=True)
    }
    return tuple(placed[number] for number in sorted(placed))


def file_checkpoints(model: str | nn.Module, files: Iterable[str | Path]) -> tuple[Checkpoint, ...]:
    """One network with several weights files, in the order given.

    Files named ``epoch-0005`` or ``step-000100`` stand at that number, others are counted from 1.
    """
    paths = [Path(file) for file in files]
    moments = _moments(paths) or [(path.stem, float(count)) for count, path in enumerate(paths, 1)]
    return tuple(Checkpoint(*moment, model, path) for path, moment in zip(paths, moments, strict=True))


def model_checkpoints(models: Iterable[str]) -> tuple[Checkpoint, ...]:
    """Several model specs, in the order given, counted from 1."""
    return tuple(Checkpoint(spec, float(count), spec) for count, spec in enumerate(models, 1))


def at_positions(checkpoints: Sequence[Checkpoint], positions: Sequence[float]) -> tuple[Checkpoint, ...]:
    """Only the checkpoints at these positions; raises SettingError if one is not there."""
    known = {checkpoint.position: checkpoint for checkpoint in checkpoints}
    missing = [position for position in positions if position not in known]
    if missing:
        raise SettingError(
            f"there is no checkpoint at {missing[0]:g}; there are {', '.join(f'{position:g}' for position in known)}"
        )
    return tuple(known[position] for position in sorted(set(positions)))


def _moments(files: Sequence[Path]) -> list[tuple[str, float]] | None:
    """Label and position by each file's name; None unless all count the same."""
    matches = [_MOMENT.fullmatch(file.stem) for file in files]
    found = [match for match in matches if match is not None]
    if len(found) < len(files) or len({match["kind"] for match in found}) != 1:
        return None
    return [(f"{match['kind']} {int(match['number'])}", float(match["number"])) for match in found]


def _steps(files: Sequence[Path]) -> list[tuple[str, float]] | None:
    """Label and position by the step in each file's header; None unless all are snapshots."""
    try:
        return [(f"step {step}", float(step)) for step in (describe(file).step for file in files)]
    except WeightsError:
        return None


def check_order(checkpoints: Sequence[Checkpoint]) -> None:
    """Raise SettingError unless there are two or more, with different labels, at rising positions."""
    if len(checkpoints) < 2:
        raise SettingError(f"an evolution needs at least 2 checkpoints, and {len(checkpoints)} was given")
    for one, other in pairwise(checkpoints):
        if other.position <= one.position:
            raise SettingError(
                f"checkpoint {other.label!r} at {other.position:g} comes after {one.label!r} at {one.position:g}; give "
                "each once, from early to late"
            )
    labels = [checkpoint.label for checkpoint in checkpoints]
    twice = next((label for number, label in enumerate(labels) if label in labels[:number]), None)
    if twice is not None:
        raise SettingError(f"two checkpoints are labelled {twice!r}; figures could not tell them apart")
