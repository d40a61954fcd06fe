"""Parts from a COCO file: keypoints by their names, boxes by the names of their categories.

The format: https://cocodataset.org/#format-data. Such a file may describe far more images than are looked at, so what
concerns others is passed over unread.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convscope.errors import PartsError
from convscope.images.boxes import FORMS, LARGEST, Box, Part, box_of, entries, is_pixel
from convscope.images.named import by_file_name, file_name

VISIBLE = 2
"""A keypoint's flag: 0 is not marked, 1 marked but covered by something, 2 marked and seen."""


@dataclass(frozen=True)
class _Image:
    name: str
    width: float
    height: float


@dataclass(frozen=True)
class _Category:
    name: str
    keypoints: tuple[str, ...]


@dataclass(frozen=True)
class _Square:
    """What stands for a keypoint: a square of this side, cut at the edges of the image."""

    side: float | None
    image: _Image

    def around(self, x: float, y: float, where: str) -> Box:
        """The square around a point; raises PartsError without a usable side."""
        if self.side is None:
            raise PartsError(f"{where} has keypoints, which are points; say how large a square to cover: --box PIXELS")
        if not (is_pixel(self.side) and self.side > 0):
            raise PartsError(f"the square around a keypoint has a side of {self.side!r}; expected pixels above 0")
        half = self.side / 2
        right, bottom = min(x + half, self.image.width), min(y + half, self.image.height)
        return box_of([max(x - half, 0.0), max(y - half, 0.0), right, bottom], where)


def from_coco(
    value: Mapping[str, Any], path: str | Path, names: Sequence[str] | None, side: float | None
) -> Iterator[Part]:
    """The parts on images of the set ``names`` (None: on all images); see ``read_parts``. Raises PartsError."""
    if not {"images", "annotations", "categories"} <= value.keys():
        raise PartsError(f"{path} has the fields {', '.join(value)[:80] or 'none'}. {FORMS}")
    images = _images(entries(value["images"], f"images of {path}"), names, path)
    categories = dict(_category(entry, path) for entry in entries(value["categories"], f"categories of {path}"))
    largest: dict[tuple[str, str], tuple[float, Part]] = {}
    for number, entry in enumerate(entries(value["annotations"], f"annotations of {path}")):
        image = images.get(_key(entry.get("image_id")))
        if image is None:
            continue
        where = f"annotation {number} of {path}"
        category = categories.get(_key(entry.get("category_id")))
        if category is None:
            raise PartsError(f"{where} has category {entry.get('category_id')!r}, which is not among the categories")
        area, marks = _marks(entry, category, _Square(side, image), where)
        for name, box in marks:
            before = largest.get((image.name, name))
            if before is None or area > before[0]:
                largest[image.name, name] = area, Part(image.name, name, box)
    yield from (part for _, part in largest.values())


def _extent(value: object) -> float:
    """A stated width or height; without one no edge is known."""
    return float(value) if isinstance(value, int | float) and is_pixel(value) and value > 0 else LARGEST


def _key(value: object) -> object:
    """An id that can be looked up; lists and objects cannot."""
    return value if isinstance(value, int | str) else None


def _images(listed: Sequence[dict[str, Any]], names: Sequence[str] | None, path: str | Path) -> dict[object, _Image]:
    """Id to image, for the images that are in it."""
    known, files = frozenset(names or ()), by_file_name(names or ())
    found: dict[object, _Image] = {}
    for number, entry in enumerate(listed):
        key, name = _key(entry.get("id")), entry.get("file_name")
        if key is None or not isinstance(name, str):
            raise PartsError(f"image {number} of {path} lacks an id or a file_name. {FORMS}")
        same = (name,) if names is None or name in known else files.get(file_name(name), ())
        if len(same) == 1:
            found[key] = _Image(same[0], _extent(entry.get("width")), _extent(entry.get("height")))
    if not found:
        raise PartsError(
            f"none of the {len(listed)} images of {path} is among the {len(names or ())} images of the set"
        )
    return found


def _category(entry: dict[str, Any], path: str | Path) -> tuple[object, _Category]:
    key, name, keypoints = _key(entry.get("id")), entry.get("name"), entry.get("keypoints", [])
    if key is None or not isinstance(name, str) or not name:
        raise PartsError(f"a category of {path} lacks an id or a name: {str(entry)[:80]}")
    if not isinstance(keypoints, list) or not all(isinstance(point, str) and point for point in keypoints):
        raise PartsError(f"category {name!r} of {path}: keypoints are {str(keypoints)[:80]}, expected a list of names")
    return key, _Category(name, tuple(keypoints))


def _marks(
    entry: dict[str, Any], category: _Category, square: _Square, where: str
) -> tuple[float, list[tuple[str, Box]]]:
    """The annotation's extent, and the named boxes on it."""
    marks = list(_squares(entry.get("keypoints"), category, square, where))
    if "bbox" not in entry:
        return 0.0, marks
    left, top, right, bottom = _corners(entry["bbox"], where)
    return (right - left) * (bottom - top), [(category.name, (left, top, right, bottom)), *marks]


def _corners(value: object, where: str) -> Box:
    """COCO's left, top, width, height as corners."""
    if not isinstance(value, list) or len(value) != 4 or not all(map(is_pixel, value)):
        raise PartsError(f"{where}: bbox is {str(value)[:80]}, expected left, top, width, height in pixels")
    left, top, width, height = value
    return box_of([left, top, left + width, top + height], where)


def _squares(points: object, category: _Category, square: _Square, where: str) -> Iterator[tuple[str, Box]]:
    if not points:
        return
    if not isinstance(points, list) or len(points) != 3 * len(category.keypoints) or not all(map(is_pixel, points)):
        raise PartsError(
            f"{where}: keypoints are {str(points)[:80]}, expected x, y, visibility for each of the "
            f"{len(category.keypoints)} keypoints of {category.name!r}"
        )
    for name, x, y, flag in zip(category.keypoints, points[::3], points[1::3], points[2::3], strict=True):
        if flag == VISIBLE:
            yield name, square.around(x, y, where)
