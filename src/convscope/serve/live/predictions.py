"""The most probable classes, as an event tells them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

PREDICTIONS = 5


def predictions(probabilities: NDArray[np.float32], names: Sequence[str]) -> list[dict[str, Any]]:
    """The most probable classes of a row, float (classes,), with their names, or their numbers where there are none."""
    order = np.argsort(-probabilities, kind="stable")[:PREDICTIONS].tolist()
    return [{"name": name_of(index, names), "probability": short(float(probabilities[index]))} for index in order]


def name_of(index: int, names: Sequence[str]) -> str:
    """The name of a class, or its number."""
    return names[index] if names else f"class {index}"


def short(value: float | int) -> float | int:
    """A number of at most six digits."""
    return value if isinstance(value, int) else float(f"{value:.6g}")
