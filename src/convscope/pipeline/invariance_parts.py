"""Finished parts of a run under way, one file per model and transform, so that a stopped run goes on behind them."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.atomic import replacing
from convscope.probes.invariance.result import Answer, Invariance, UnitChange, WatchedLayer
from convscope.regular import read_bytes

FOLDER = "parts"
Arrays = dict[str, NDArray[Any]]

_PLAIN = ("transform", "border", "interpolation", "seed", "images", "labels", "followed", "skipped", "notes")
_UNIT_FIELDS = ("normalised", "still", "moved")
_ANSWER_FIELDS = ("label", "probability", "own_label", "own_probability")


def save_part(folder: Path, number: int, key: str, found: Invariance) -> None:
    """Keep a part; ``key`` says of which run it is."""
    place = folder / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    with replacing(_path(folder, number)) as temporary:
        temporary.write_bytes(to_bytes(key, found))


def load_part(folder: Path, number: int, key: str) -> Invariance | None:
    """A kept part of this run; None if there is none, it is another run's or it is damaged."""
    try:
        return from_bytes(read_bytes(_path(folder, number)), key)
    except Exception:  # damaged bytes make the readers of zip, arrays and JSON raise almost anything
        return None


def drop_parts(folder: Path) -> None:
    """Take all parts away: the result is whole, or another run begins."""
    shutil.rmtree(folder / FOLDER, ignore_errors=True)


def _path(folder: Path, number: int) -> Path:
    return folder / FOLDER / f"{number:03d}.npz"


def to_bytes(key: str, found: Invariance) -> bytes:
    """A part as a NumPy archive without pickles."""
    plain: dict[str, Any] = {name: getattr(found, name) for name in _PLAIN}
    plain |= {"key": key, "layers": [asdict(layer) for layer in found.layers]}
    arrays: Arrays = {"values": found.values, "distance": found.distance, "normalised": found.normalised}
    if found.unrelated is not None:
        arrays["unrelated"] = found.unrelated
    for place, change in enumerate(found.units):
        arrays |= {f"{n}_{place}": getattr(change, n) for n in _UNIT_FIELDS if getattr(change, n) is not None}
    if found.answer is not None:
        plain |= {"watched": found.answer.watched, "classes": found.answer.classes}
        arrays |= {f"answer_{name}": getattr(found.answer, name) for name in _ANSWER_FIELDS}
    file = io.BytesIO()
    np.savez(file, plain=np.array(json.dumps(plain)), **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def from_bytes(content: bytes, key: str) -> Invariance | None:
    """The part in an archive; None if it is another run's. Raises ValueError and the like for a damaged one."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        arrays: Arrays = {name: archive[name] for name in archive.files}
    plain = json.loads(str(arrays["plain"]))
    if plain["key"] != key:
        return None
    layers = tuple(WatchedLayer(**layer) for layer in plain["layers"])
    return Invariance(
        transform=plain["transform"],
        border=plain["border"],
        interpolation=plain["interpolation"],
        seed=plain["seed"],
        images=tuple(plain["images"]),
        labels=tuple(plain["labels"]),
        followed=tuple(plain["followed"]),
        notes=tuple(plain["notes"]),
        skipped=tuple((name, reason) for name, reason in plain["skipped"]),
        layers=layers,
        values=arrays["values"],
        distance=arrays["distance"],
        normalised=arrays["normalised"],
        unrelated=arrays.get("unrelated"),
        units=tuple(_unit_change(arrays, place) for place in range(len(layers))),
        answer=_answer(plain, arrays) if "watched" in plain else None,
    )


def _unit_change(arrays: Arrays, place: int) -> UnitChange:
    return UnitChange(arrays[f"normalised_{place}"], arrays.get(f"still_{place}"), arrays.get(f"moved_{place}"))


def _answer(plain: dict[str, Any], arrays: Arrays) -> Answer:
    found = {name: arrays[f"answer_{name}"] for name in _ANSWER_FIELDS}
    return Answer(watched=plain["watched"], classes=tuple(plain["classes"]), **found)
