"""All that is covered in an experiment: each part on each image, and the random regions beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from convscope.errors import SettingError
from convscope.probes.correspondence.choices import Choices
from convscope.probes.correspondence.draws import Ground, draw_covers, overlap
from convscope.probes.correspondence.places import Marked, Places
from convscope.probes.correspondence.signs import Cover
from convscope.probes.features import Feature

MOST_OCCLUSIONS = 4_096
"""Of one part: all are compared with all, and each of several tables takes 8 bytes for a pair."""
MOST_BYTES = 1 << 31
"""Of the signs of one part at all layers, one byte each."""
ALIKE = 0.5
"""Part of the pairs of images whose covers overlap, from which on a part is said to lie at one place."""
FEW = 5


@dataclass(frozen=True)
class PartCovers:
    """One part: the images that show it, and for each what is covered in turn, the part and then random regions."""

    part: str
    images: tuple[Marked, ...]
    rows: tuple[tuple[Cover, ...], ...]


def part_covers(places: Places, size: tuple[int, int], choices: Choices) -> tuple[PartCovers, ...]:
    """The covers of each part in views of these sides; raises SettingError where there is no room for draws."""
    return tuple(_covers(places, number, size, choices) for number in range(len(places.parts)))


def _covers(places: Places, number: int, size: tuple[int, int], choices: Choices) -> PartCovers:
    part = places.parts[number]
    images = tuple(image for image in places.images if part in image.covers)
    ground = Ground([image.covers[part] for image in images], [tuple(image.covers.values()) for image in images], size)
    draws = draw_covers(ground, choices.where, choices.draws, (choices.seed, number))
    rows = tuple((cover, *(draw[row] for draw in draws)) for row, cover in enumerate(ground.own))
    return PartCovers(part, images, rows)


def check_room(covers: Sequence[PartCovers], features: Sequence[Feature]) -> None:
    """Raise SettingError for an experiment whose signs or comparisons would not fit into memory."""
    dimensions = sum(feature.dimensions for feature in features)
    for each in covers:
        count = sum(map(len, each.rows))
        if count > MOST_OCCLUSIONS or count * dimensions > MOST_BYTES:
            raise SettingError(
                f"part {each.part!r}: {len(each.images)} images with {len(each.rows[0]) - 1} random draws are {count} "
                f"occlusions of {dimensions} dimensions; at most {MOST_OCCLUSIONS} occlusions and {MOST_BYTES >> 30} "
                "GiB of signs are compared. Take fewer images, draws or layers"
            )


def remarks(covers: Sequence[PartCovers], choices: Choices) -> list[str]:
    """What a reader of the numbers has to know about the places."""
    notes = []
    alike = [each.part for each in covers if _alike(each) >= ALIKE]
    if choices.where != "swapped":
        notes.append(
            "random regions lie at other places than the part, and covering one place changes the same features in "
            "every image: even random weights can make a part look more consistent. Compare with regions that are "
            "swapped (--where swapped)"
        )
    elif alike:
        notes.append(
            f"{', '.join(alike)}: at nearly the same place in most pairs of images, so that swapped regions cover much "
            "of the part itself, and the test can hardly tell them apart"
        )
    few = [each.part for each in covers if len(each.images) < FEW]
    if few:
        notes.append(f"fewer than {FEW} images show {', '.join(few)}: intervals and p say little")
    return notes


def _alike(covers: PartCovers) -> float:
    """Part of the pairs of images on which the part's covers overlap."""
    pairs = list(combinations([row[0] for row in covers.rows], 2))
    return sum(overlap(one, other) for one, other in pairs) / len(pairs)
