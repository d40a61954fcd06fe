"""Finished parts of a scan on disk, so that a stop loses at most the part in flight.

One ``.npz`` of plain arrays per part, written to a temporary name and renamed. A file that is damaged or of another
shape counts as absent: its part is scanned again.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from convscope.engine.loading import Outcome
from convscope.engine.part import Part
from convscope.engine.tally import Statistics, Tally
from convscope.engine.topk import TopK

Arrays = Mapping[str, NDArray[Any]]


def save_part(path: Path, images: range, part: Part) -> None:
    """Write ``part``, the scan of ``images``, atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **dict(_pack(images, part)))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def load_part(path: Path, images: range) -> Part | None:
    """The part saved at ``path`` if it is whole and is the scan of ``images``; else None."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return _unpack({name: file[name] for name in file.files}, images)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _pack(images: range, part: Part) -> Iterator[tuple[str, NDArray[Any]]]:
    yield "images", np.array([images.start, images.stop])
    yield "outcomes", np.frombuffer(json.dumps([asdict(o) for o in part.outcomes]).encode(), np.uint8)
    yield (
        "layers",
        np.array([len(part.tallies), *([part.tallies[0].many, part.tallies[0].class_k] if part.tallies else [])]),
    )
    for number, tally in enumerate(part.tallies):
        yield from _pack_top(f"{number}.top", tally.top)
        for field in fields(Statistics):
            yield f"{number}.{field.name}", getattr(tally.statistics, field.name).numpy()
        yield f"{number}.classes", np.array(sorted(tally.by_class), np.int64)
        for name, top in tally.by_class.items():
            yield from _pack_top(f"{number}.class.{name}", top)


def _pack_top(name: str, top: TopK) -> Iterator[tuple[str, NDArray[Any]]]:
    yield f"{name}.value", top.value.numpy()
    yield f"{name}.place", top.place.numpy()


def _unpack(arrays: Arrays, images: range) -> Part:
    if arrays["images"].tolist() != [images.start, images.stop]:
        raise ValueError("the part of other images")
    count, *how = arrays["layers"].tolist()
    outcomes = tuple(Outcome(**entry) for entry in json.loads(arrays["outcomes"].tobytes()))
    return Part(tuple(_unpack_tally(arrays, number, *how) for number in range(count)), outcomes)


def _unpack_tally(arrays: Arrays, number: int, many: int, class_k: int) -> Tally:
    statistics = {f.name: torch.from_numpy(arrays[f"{number}.{f.name}"]) for f in fields(Statistics)}
    by_class = {c: _unpack_top(arrays, f"{number}.class.{c}") for c in arrays[f"{number}.classes"].tolist()}
    return Tally(_unpack_top(arrays, f"{number}.top"), Statistics(**statistics), by_class, bool(many), class_k)


def _unpack_top(arrays: Arrays, name: str) -> TopK:
    return TopK(torch.from_numpy(arrays[f"{name}.value"]), torch.from_numpy(arrays[f"{name}.place"]))
