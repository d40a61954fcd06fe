"""What the same numbers are in reference networks: a table in the package, made by ``python -m bench.diagnosis``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from convscope.errors import ConvscopeError
from convscope.probes.diagnosis.finding import Reference
from convscope.strict import Reader

TABLE = "reference.json"


@dataclass(frozen=True)
class ReferenceNet:
    """A trained network and its numbers, a list for each kind of finding: one number per layer."""

    name: str
    spec: str
    trained_on: str
    seen: str
    """The images that it was shown for this."""
    numbers: dict[str, tuple[float, ...]]


@dataclass(frozen=True)
class Table:
    """All of them."""

    nets: tuple[ReferenceNet, ...]


@cache
def reference_nets() -> tuple[ReferenceNet, ...]:
    """The networks that come with this version."""
    text = files("convscope.probes.diagnosis").joinpath(TABLE).read_text(encoding="utf-8")
    return Reader(ConvscopeError).decode(Table, json.loads(text), TABLE).nets


def references() -> Mapping[str, Reference]:
    """For each kind of finding, what it is in the layers of all reference networks together."""
    found: dict[str, tuple[list[str], list[float]]] = {}
    for net in reference_nets():
        for kind, numbers in net.numbers.items():
            names, values = found.setdefault(kind, ([], []))
            names.append(net.name)
            values.extend(numbers)
    return {kind: _reference(names, values) for kind, (names, values) in found.items() if values}


def _reference(names: list[str], values: list[float]) -> Reference:
    return Reference(tuple(names), len(values), min(values), float(np.median(values)), max(values))
