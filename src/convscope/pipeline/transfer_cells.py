"""Cells of a transfer that were made before: kept by what decides them, so that a stopped run goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from convscope.atomic import replacing
from convscope.engine.journal import read_arrays
from convscope.probes.transfer.draws import Fold, Indices
from convscope.probes.transfer.result import Cell
from convscope.probes.transfer.transfer import Prepared

_FORMAT = 1
"""Of the cells, and of how they are computed: others are made again."""
_ARRAYS = ("by_class", "predicted", "margin")


@dataclass(frozen=True)
class Cells:
    """A folder of cells of one model's features (or one recipe's networks), named by what decides each."""

    folder: Path
    prepared: Prepared
    source: str
    """What decides the features: digest of the model, and their form; or what decides a training."""

    def __call__(self, name: str, fold: Fold, make: Callable[[], Cell]) -> Cell:
        """The cell, remembered or made and kept."""
        path = self.folder / f"{self._key(name, fold)[:32]}.npz"
        known = _read(path)
        if known is not None:
            return replace(known, fold=fold.number, per_class=fold.per_class)
        found = make()
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary, temporary.open("wb") as file:
            _write(found, file)
        return found

    def _key(self, name: str, fold: Fold) -> str:
        ask = self.prepared.ask
        decides = [
            _FORMAT,
            self.source,
            name,
            ask.seed,
            ask.protocol.metric,
            *self._images(fold.training),
            *self._images(fold.test),
        ]
        return hashlib.sha256(json.dumps(decides).encode()).hexdigest()

    def _images(self, part: Indices) -> list[Any]:
        digests, marks = self.prepared.contents.digests, self.prepared.labelled.marks
        return [[digests[index] for index in part.tolist()], marks[part].tolist()]


def _write(cell: Cell, file: Any) -> None:
    facts = {name: value for name, value in vars(cell).items() if name not in _ARRAYS}
    np.savez_compressed(file, facts=np.array(json.dumps(facts)), **{name: getattr(cell, name) for name in _ARRAYS})


def _read(path: Path) -> Cell | None:
    """A kept cell; None if there is none, or none that can be read."""
    if not path.is_file():
        return None
    try:
        kept = read_arrays(path)
        arrays: dict[str, Any] = {name: kept[name] for name in _ARRAYS}
        return Cell(**json.loads(str(kept["facts"])), **arrays)
    except Exception:  # damaged bytes make the readers of zip, arrays and JSON raise almost anything
        return None
