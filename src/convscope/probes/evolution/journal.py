"""Records on disk, one file for each checkpoint: a stop loses at most the checkpoint in flight.

A file that is damaged, or of another question, counts as absent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.engine.journal import bytes_of, read_arrays, text_of, write_arrays
from convscope.errors import AtlasFormatError
from convscope.probes.evolution.record import Drawn, LayerRecord, Measured, Place, Record

Arrays = Mapping[str, NDArray[Any]]
_MEASURED = ("image", "value", "y", "x", "peaks")


@dataclass(frozen=True)
class Shelf:
    """Records by number: in a folder, or without one in memory."""

    folder: Path | None
    question: str
    held: dict[int, Record]

    @classmethod
    def open(cls, folder: Path | None, question: str) -> Shelf:
        """A shelf for the records of one question."""
        return cls(folder, question, {})

    def find(self, number: int, digest: str | None) -> Record | None:
        """The record of a checkpoint, if it is there and of these weights (None: of any)."""
        if self.folder is None:
            return self.held.get(number)
        return load_record(self.path(self.folder, number), self.question, digest)

    def get(self, number: int) -> Record:
        """The record of a checkpoint that was there; raises AtlasFormatError if it is no longer."""
        found = self.find(number, None)
        if found is None:
            raise AtlasFormatError(f"record {number} in {self.folder} was there and is gone or damaged; start again")
        return found

    def put(self, number: int, record: Record) -> None:
        """Keep a record."""
        if self.folder is None:
            self.held[number] = record
        else:
            save_record(self.path(self.folder, number), self.question, record)

    @staticmethod
    def path(folder: Path, number: int) -> Path:
        """Where a record lies."""
        return folder / f"checkpoint-{number:05d}.npz"


def save_record(path: Path, question: str, record: Record) -> None:
    """Write a record, whole or not at all; ``question`` is all that it depends on but the checkpoint itself."""
    write_arrays(path, {"question": bytes_of(question), **dict(_pack(record))})


def load_record(path: Path, question: str, digest: str | None) -> Record | None:
    """The record at ``path`` if it is whole and answers the question, for the weights of this digest; else None.

    Without a digest the weights are not compared.
    """
    if not path.is_file():
        return None
    try:
        arrays = read_arrays(path)
        found = _unpack(arrays) if text_of(arrays["question"]) == question else None
    except Exception:  # damaged bytes make the readers of zip, arrays and JSON raise almost anything
        return None
    return found if found is not None and digest in (None, found.digest) else None


def _pack(record: Record) -> Iterator[tuple[str, NDArray[Any]]]:
    sizes = [len(layer.drawn) for layer in record.layers]
    yield "form", bytes_of(json.dumps([record.digest, sizes, record.skipped]))
    for depth, layer in enumerate(record.layers):
        yield from ((f"{depth}.{name}", getattr(layer.measured, name)) for name in _MEASURED)
        yield f"{depth}.apart", layer.apart
        for number, (drawn, probe) in enumerate(zip(layer.drawn, layer.probes, strict=True)):
            if probe is not None:
                yield f"{depth}.{number}.probe", probe
            if drawn is not None:
                place = drawn.place
                yield f"{depth}.{number}.place", np.array([place.unit, place.image, place.y, place.x, *place.box])
                yield f"{depth}.{number}.strength", np.array(drawn.value)
                yield f"{depth}.{number}.projection", drawn.projection
                yield f"{depth}.{number}.patch", drawn.patch


def _unpack(arrays: Arrays) -> Record:
    digest, sizes, skipped = json.loads(text_of(arrays["form"]))
    layers = tuple(_layer(arrays, depth, size) for depth, size in enumerate(sizes))
    return Record(digest, layers, tuple((int(image), str(reason)) for image, reason in skipped))


def _layer(arrays: Arrays, depth: int, size: int) -> LayerRecord:
    return LayerRecord(
        Measured(*(arrays[f"{depth}.{name}"] for name in _MEASURED)),
        tuple(_drawn(arrays, f"{depth}.{number}") for number in range(size)),
        tuple(arrays.get(f"{depth}.{number}.probe") for number in range(size)),
        arrays[f"{depth}.apart"],
    )


def _drawn(arrays: Arrays, name: str) -> Drawn | None:
    if f"{name}.place" not in arrays:
        return None
    unit, image, y, x, *box = arrays[f"{name}.place"].tolist()
    top, left, bottom, right = box
    place = Place(unit, image, y, x, (top, left, bottom, right))
    return Drawn(place, float(arrays[f"{name}.strength"]), arrays[f"{name}.projection"], arrays[f"{name}.patch"])
