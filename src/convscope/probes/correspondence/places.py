"""Where marked parts lie in what the model sees: carried from each picture to its view, checked, and counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from convscope.errors import ImageError, PartsError
from convscope.images import ImageSet
from convscope.images.boxes import Box, Part
from convscope.images.named import finder
from convscope.models import Preprocessing
from convscope.probes.correspondence.signs import Cover
from convscope.probes.fills import View

LEAST_SEEN = 0.5
"""A part of which less lies in the view is left out."""
SLACK = 1.0
"""Pixels by which a box may reach over the edge of its picture: tools round differently."""


@dataclass(frozen=True)
class Marked:
    """An image of the set with the covers of its parts, in the order of their names in the file."""

    index: int
    view: View
    covers: Mapping[str, Cover]


@dataclass(frozen=True)
class Places:
    """All images that can be used, the names of the parts, and what was left out: image, part (or empty), reason."""

    images: tuple[Marked, ...]
    parts: tuple[str, ...]
    left_out: tuple[tuple[str, str, str], ...]


def find_places(
    images: ImageSet, parts: Sequence[Part], preprocessing: Preprocessing, only: Sequence[str] | None = None
) -> Places:
    """The parts as covers of the views; ``only`` chooses parts by name.

    Left out are images that cannot be read, and parts that the crop to the view cuts away. Raises PartsError for an
    unknown image or part, a box outside its picture, and a part that fewer than two images show.
    """
    chosen = _chosen(parts, only)
    by_image = _by_image(images, parts, chosen)
    marked: list[Marked] = []
    left_out: list[tuple[str, str, str]] = []
    for index in sorted(by_image):
        name = images.names[index]
        try:
            picture = images.read(index)
            view = preprocessing.view(picture)
        except ImageError as error:
            left_out.append((name, "", str(error)))
            continue
        covers, lost = _covers(by_image[index], picture.shape[0], picture.shape[1], preprocessing)
        left_out += [(name, part, reason) for part, reason in lost]
        if covers:
            marked.append(Marked(index, view, covers))
    _check_counts(chosen, marked, left_out)
    return Places(tuple(marked), chosen, tuple(left_out))


def _covers(
    parts: Sequence[Part], height: int, width: int, preprocessing: Preprocessing
) -> tuple[dict[str, Cover], list[tuple[str, str]]]:
    """The covers by part of a picture of these sides, and the parts that are cut away, each with the reason."""
    covers: dict[str, Cover] = {}
    lost = []
    for part in parts:
        _check_inside(part, height, width)
        box = preprocessing.placed(part.box, height, width)
        cover, seen = cover_of(box, (preprocessing.height, preprocessing.width))
        if seen < LEAST_SEEN:
            lost.append((part.name, f"only {seen:.0%} of it is in the middle that the model sees"))
        else:
            covers[part.name] = cover
    return covers, lost


def cover_of(box: Box, size: tuple[int, int]) -> tuple[Cover, float]:
    """A box in pixels of the view, in whole ones and inside it; and how much of the box that is, 0 to 1."""
    height, width = size
    left, top, right, bottom = box
    inside = max(min(right, width) - max(left, 0), 0) * max(min(bottom, height) - max(top, 0), 0)
    rows, columns = _whole(top, bottom, height), _whole(left, right, width)
    return (rows[0], columns[0], rows[1], columns[1]), inside / ((right - left) * (bottom - top))


def _whole(low: float, high: float, most: int) -> tuple[int, int]:
    """Whole pixels from low to high, at least one."""
    first = min(max(round(low), 0), most - 1)
    return first, max(min(round(high), most), first + 1)


def _chosen(parts: Sequence[Part], only: Sequence[str] | None) -> tuple[str, ...]:
    known = tuple(dict.fromkeys(part.name for part in parts))
    unknown = [name for name in only or () if name not in known]
    if unknown:
        close = get_close_matches(unknown[0], known, n=3, cutoff=0.4) or known[:6]
        raise PartsError(f"no part {unknown[0]!r} is marked. Close to it: {', '.join(close)}")
    return known if not only else tuple(dict.fromkeys(only))


def _by_image(images: ImageSet, parts: Sequence[Part], chosen: Sequence[str]) -> dict[int, list[Part]]:
    find = finder(images.names)
    numbers = {name: number for number, name in enumerate(images.names)}
    found: dict[int, list[Part]] = {}
    for number, part in enumerate(parts):
        if part.name in chosen:
            index = numbers[find(part.image, f"part {number} ({part.name!r})")]
            if any(other.name == part.name for other in found.get(index, ())):
                raise PartsError(f"{part.name!r} of {part.image!r} is marked a second time; keep one of the two")
            found.setdefault(index, []).append(part)
    return found


def _check_inside(part: Part, height: int, width: int) -> None:
    left, top, right, bottom = part.box
    if left < -SLACK or top < -SLACK or right > width + SLACK or bottom > height + SLACK:
        raise PartsError(
            f"the {part.name!r} of {part.image!r} is marked at {left:g}, {top:g} to {right:g}, {bottom:g}, which is "
            f"outside of the picture of {width} x {height} pixels (after turning it upright). Boxes are in pixels of "
            "each picture itself, not of a resized copy"
        )


def _check_counts(chosen: Sequence[str], marked: Sequence[Marked], left_out: Sequence[tuple[str, str, str]]) -> None:
    for part in chosen:
        having = [image for image in marked if part in image.covers]
        if len(having) < 2:
            lost = [f"{image}: {reason}" for image, name, reason in left_out if name in ("", part)]
            raise PartsError(
                f"{len(having)} image(s) show the part {part!r}, and at least two are compared"
                + (f". Left out: {'; '.join(lost[:3])}" if lost else "; mark it on more images")
            )
