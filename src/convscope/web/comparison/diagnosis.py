"""Two diagnoses side by side, from the folders that ``convscope diagnose`` wrote."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.atlas.reader import Atlas
from convscope.errors import AtlasError, AtlasFormatError, AtlasMismatchError
from convscope.figures.filters import MOST_SHOWN, filter_sheet
from convscope.probes.diagnosis.comparison import MEASURES
from convscope.probes.diagnosis.finding import MILD, STRONG
from convscope.regular import open_regular, read_text
from convscope.web.archives import DAMAGE, read_array
from convscope.web.comparison.pages import DiagnosisPart, FilterSheet, MeasureLine
from convscope.web.comparison.urls import OVERVIEW

FACTS = "diagnosis.json"
FILTERS = "first_layer.npz"
Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Diagnosed:
    """What is shown of a network's diagnosis."""

    key: str
    """Of its folder: what it was made from."""
    images: int
    numbers: Mapping[str, float | None]
    """By the name of the measure."""
    filters: NDArray[np.float32] | None
    """(units, rows, columns, channels); None without a first layer that sees pixels."""


def read_diagnosis(folder: str | Path, atlas: Atlas) -> Diagnosed:
    """The diagnosis of an atlas's network, of the two that a folder may hold.

    Raises AtlasError if there is none, AtlasMismatchError if it is of another network, and AtlasFormatError if a file
    is damaged.
    """
    place = Path(folder)
    try:
        facts = json.loads(read_text(place / FACTS))
        digests = [facts["models"][each["model"]]["digest"] for each in facts["diagnoses"]]
    except (FileNotFoundError, NotADirectoryError):
        raise AtlasError(
            f"{place} holds no finished diagnosis ({FACTS} is missing). Make one with: convscope diagnose MODEL IMAGES"
        ) from None
    except _DAMAGE as error:
        raise _damaged(place, error) from error
    if atlas.manifest.model.digest not in digests:
        raise AtlasMismatchError(
            f"the diagnosis in {place} is of {' and '.join(map(repr, facts['models']))}, whose weights, ops or "
            f"preprocessing are not those of {atlas.manifest.model.spec!r} in {atlas.path}. Give that network's."
        )
    try:
        return _diagnosed(place, facts, digests.index(atlas.manifest.model.digest))
    except _DAMAGE as error:
        raise _damaged(place, error) from error


def diagnosis_part(first: Diagnosed, second: Diagnosed) -> DiagnosisPart:
    """Both side by side."""
    return DiagnosisPart(
        measures=tuple(
            MeasureLine(name, better, (first.numbers[name], second.numbers[name])) for name, better, _ in MEASURES
        ),
        images=(first.images, second.images),
        filters=(_sheets(first, 0), _sheets(second, 1)),
    )


_DAMAGE = (*DAMAGE, IndexError, TypeError, AttributeError)


def _damaged(place: Path, error: Exception) -> AtlasFormatError:
    return AtlasFormatError(
        f"{place} is not as `convscope diagnose` writes it: {type(error).__name__}: {error}. Run it again with "
        "--overwrite."
    )


def _diagnosed(place: Path, facts: Facts, number: int) -> Diagnosed:
    found = facts["diagnoses"][number]
    numbers = {name: _checked(measure(found)) for name, measure in _MEASURED.items()}
    images = _checked(found["images"])
    filters = None if found["first_layer"] is None else _filters(place, number)
    return Diagnosed(str(facts["key"]), int(images or 0), numbers, filters)


def _filters(place: Path, number: int) -> NDArray[np.float32]:
    name = f"filters_{number}"
    with open_regular(place / FILTERS) as file, zipfile.ZipFile(file) as archive:
        filters = read_array(archive, name, np.dtype(np.float32), "units rows columns channels")
    if not np.isfinite(filters).all():
        raise ValueError(f"{FILTERS}: {name} holds NaN or infinity")
    return filters


def _checked(value: object) -> float | None:
    if value is not None and (type(value) not in (int, float) or not math.isfinite(value)):  # type: ignore[arg-type]
        raise TypeError(f"{str(value)[:40]!r} is no number")
    return value  # type: ignore[return-value]


def _sheets(found: Diagnosed, side: int) -> tuple[FilterSheet, ...]:
    return tuple(_sheet(found.filters, side, together) for together in (True, False) if found.filters is not None)


def _sheet(filters: NDArray[np.float32], side: int, together: bool) -> FilterSheet:
    count, rows, columns, _ = filters.shape
    height, width, _ = filter_sheet(filters, together=together).shape
    shown = f", the first {MOST_SHOWN} shown" if count > MOST_SHOWN else ""
    scaled = "one scaling for all of them" if together else "each scaled by itself"
    words = f"{count} filters {rows}\N{MULTIPLICATION SIGN}{columns}{shown}, {scaled}"
    return FilterSheet(OVERVIEW.filters(side, together), width, height, words)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _share(parts: Iterable[tuple[int | None, int]]) -> float | None:
    known = [(part, of) for part, of in parts if part is not None]
    return sum(part for part, _ in known) / sum(of for _, of in known) if known else None


def _count(severity: str) -> Callable[[Facts], float]:
    return lambda found: float(sum(each["severity"] == severity for each in found["findings"]))


def _first(found: Facts, name: str) -> Any:
    return None if found["first_layer"] is None else found["first_layer"][name]


def _power(band: str) -> Callable[[Facts], float | None]:
    return lambda found: None if _first(found, "power") is None else _first(found, "power")[band]


def _class_kept(found: Facts) -> float | None:
    shifts = found["shifts"]
    return None if shifts is None or shifts["classes"] < 2 else shifts["mean"]


_MEASURED: Mapping[str, Callable[[Facts], float | None]] = {
    "strong findings": _count(STRONG),
    "mild findings": _count(MILD),
    "dead units": lambda found: _share(
        (layer["dead"], layer["units"]) for layer in found["activity"] if not layer["gate"]
    ),
    "duplicate filters": lambda found: _share((layer["duplicates"], layer["units"]) for layer in found["filters"]),
    "largest filter / median, first layer": lambda found: (
        found["filters"][0]["largest_ratio"] if found["filters"] else None
    ),
    "mid-band coverage, first layer": lambda found: _first(found, "mid_coverage"),
    "low-band power, first layer": _power("low"),
    "mid-band power, first layer": _power("mid"),
    "high-band power, first layer": _power("high"),
    "aliasing, mean over ops": lambda found: _mean(op["above"] for op in found["strided"]),
    "shift consistency, mean over ops": lambda found: _mean(op["agreement"] for op in found["strided"]),
    "class under shifts": _class_kept,
}
"""``MEASURES`` of two diagnoses, from the facts that a folder holds of one."""
