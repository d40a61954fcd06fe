"""Finished parts of a scan on disk, so that a stop loses at most the part in flight.

One ``.npz`` of plain arrays per part, written to a temporary name and renamed. A file that is damaged or of another
form counts as absent: its part is scanned again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from convscope.atomic import replacing
from convscope.engine.loading import Outcome
from convscope.engine.part import Part
from convscope.engine.sampled import Sample, SampledPeaks
from convscope.engine.tally import Statistics, Tally
from convscope.engine.topk import TopK
from convscope.regular import open_regular

Arrays = Mapping[str, NDArray[Any]]


def save_part(path: Path, images: range, part: Part) -> None:
    """Write ``part``, the scan of ``images``, atomically."""
    write_arrays(path, dict(_pack(images, part)))


def load_part(path: Path, images: range, like: Part) -> Part | None:
    """The part saved at ``path`` if it is whole, is the scan of ``images`` and has the form of ``like``; else None."""
    if not path.is_file():
        return None
    try:
        arrays = read_arrays(path)
        return _unpack(arrays) if text_of(arrays["form"]) == _form(images, like) else None
    except Exception:  # damaged bytes make the readers of zip, arrays and JSON raise almost anything
        return None


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Write plain arrays as ``.npz``, whole or not at all; the folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an ``.npz`` file, without pickles; a damaged one raises almost anything."""
    # Opened here, because np.load leaves a damaged file open.
    with open_regular(path) as stream, np.load(stream, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _form(images: range, part: Part) -> str:
    """Which images, and for each layer all that two parts must have in common to be merged."""
    return json.dumps([images.start, images.stop, [_form_of(tally) for tally in part.tallies]])


def _form_of(t: Tally) -> tuple[int, ...]:
    sample = t.sampled.sample
    return (*t.top.value.shape, len(t.statistics.class_count), t.many, t.class_k, sample.images, sample.limit)


def bytes_of(text: str) -> NDArray[np.uint8]:
    """A text as an array, uint8."""
    return np.frombuffer(text.encode(), np.uint8)


def text_of(array: NDArray[Any]) -> str:
    """The text of such an array."""
    return array.tobytes().decode()


def _pack(images: range, part: Part) -> Iterator[tuple[str, NDArray[Any]]]:
    yield "form", bytes_of(_form(images, part))
    yield "outcomes", bytes_of(json.dumps([asdict(outcome) for outcome in part.outcomes]))
    for number, tally in enumerate(part.tallies):
        yield from _pack_top(f"{number}.top", tally.top)
        for field in fields(Statistics):
            yield f"{number}.{field.name}", getattr(tally.statistics, field.name).numpy()
        sampled, peaks = tally.sampled.joined()
        yield f"{number}.sample.image", sampled.numpy()
        yield f"{number}.sample.peak", peaks.numpy()
        yield f"{number}.classes", np.array(sorted(tally.by_class), np.int64)
        for name, top in tally.by_class.items():
            yield from _pack_top(f"{number}.class.{name}", top)


def _pack_top(name: str, top: TopK) -> Iterator[tuple[str, NDArray[Any]]]:
    yield f"{name}.value", top.value.numpy()
    yield f"{name}.place", top.place.numpy()


def _unpack(arrays: Arrays) -> Part:
    _, _, layers = json.loads(text_of(arrays["form"]))
    outcomes = tuple(Outcome(**entry) for entry in json.loads(text_of(arrays["outcomes"])))
    return Part(tuple(_unpack_tally(arrays, number, form) for number, form in enumerate(layers)), outcomes)


def _unpack_tally(arrays: Arrays, number: int, form: Sequence[int]) -> Tally:
    channels, _, _, many, class_k, images, limit = form
    statistics = {f.name: torch.from_numpy(arrays[f"{number}.{f.name}"]) for f in fields(Statistics)}
    by_class = {c: _unpack_top(arrays, f"{number}.class.{c}") for c in arrays[f"{number}.classes"].tolist()}
    pieces = tuple(torch.from_numpy(arrays[f"{number}.sample.{name}"]) for name in ("image", "peak"))
    sampled = SampledPeaks(channels, Sample(images, limit), ((pieces[0], pieces[1]),))
    return Tally(_unpack_top(arrays, f"{number}.top"), Statistics(**statistics), by_class, sampled, bool(many), class_k)


def _unpack_top(arrays: Arrays, name: str) -> TopK:
    return TopK(torch.from_numpy(arrays[f"{name}.value"]), torch.from_numpy(arrays[f"{name}.place"]))
