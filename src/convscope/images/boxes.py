"""A part: a named box on an image, such as the left eye, and what a box may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from convscope.errors import PartsError

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the upright picture, from its top left corner."""

COLUMNS = ("image", "part", "left", "top", "right", "bottom")
FORMS = (
    f"Write CSV with the header {','.join(COLUMNS)}; or JSON, a list of "
    '{"image": "a.jpg", "part": "nose", "box": [left, top, right, bottom]}; or COCO JSON'
)
LARGEST = 10**6
"""A side in pixels that no picture has."""


@dataclass(frozen=True)
class Part:
    """A named box on an image of a set."""

    image: str
    name: str
    box: Box


def box_of(value: object, where: str) -> Box:
    """Four numbers as a box; raises PartsError unless they are finite, not negative, and enclose an area."""
    if not isinstance(value, list) or len(value) != 4 or not all(map(is_pixel, value)):
        raise PartsError(
            f"{where}: the box is {str(value)[:80]}, expected four numbers of 0 to {LARGEST}: left, top, right, bottom"
        )
    left, top, right, bottom = map(float, value)
    if left >= right or top >= bottom:
        raise PartsError(
            f"{where}: the box {value} is empty; expected left, top, right, bottom with left < right and top < bottom"
        )
    return left, top, right, bottom


def is_pixel(value: object) -> bool:
    """Whether a value is a number that a pixel coordinate can have."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LARGEST


def entries(value: object, where: str) -> list[dict[str, Any]]:
    """A list of JSON objects; raises PartsError for anything else."""
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise PartsError(f"{where} is no list of objects. {FORMS}")
    return value
