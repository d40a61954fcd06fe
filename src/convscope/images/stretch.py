"""Neighbouring images of a set, as a value that can be read in another process, perhaps on another machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from convscope.errors import ImageSetError
from convscope.images.imageset import ImageSet
from convscope.images.spread import spread

SHARE = "All machines must see the same images: put them on a shared folder and run the same command again"
WITNESSES = 3
"""Images of a set for a worker that are compared by content before any is used."""

Witnesses = tuple[tuple[int, str], ...]
"""What some images of a set held where it was made for a worker: (number in it, digest of the content)."""


def witnesses_of(images: ImageSet) -> Witnesses:
    """Of a set that others will read, which reads a few of its images here."""
    return tuple((place, images.content(place)[0]) for place in spread(len(images), WITNESSES))


def check_witnesses(images: ImageSet, witnesses: Witnesses) -> None:
    """Raise ImageSetError if an image is another one here than it was where the witnesses were taken."""
    for place, digest in witnesses:
        found = images.content(place)[0]
        if found != digest:
            raise ImageSetError(
                f"image {images.names[place]!r} of {images.name!r} is another one for a worker than for the process "
                f"that asked ({found[:80]}; expected {digest[:80]}). {SHARE}"
            )


@dataclass(frozen=True)
class Stretch:
    """``images`` are the numbers ``start`` and following of a set."""

    start: int
    images: ImageSet
    witnesses: Witnesses = ()

    @property
    def numbers(self) -> range:
        """The numbers of the images in their set."""
        return range(self.start, self.start + len(self.images))

    def check(self) -> None:
        """Raise ImageSetError if an image is another one here than it was where the stretch was cut."""
        check_witnesses(self.images, self.witnesses)


def check_unread(images: ImageSet, unread: Iterable[tuple[int, str]], here: Callable[[int], str | None]) -> None:
    """What a worker could not read must be what cannot be read here: its disk is not to decide the answer.

    ``unread``: (number in the set, the worker's reason); ``here`` gives the reason of this process, None where there is
    none. Raises ImageSetError.
    """
    for number, reason in unread:
        mine = here(number)
        if mine != reason:
            raise ImageSetError(
                f"image {images.names[number]!r} is read here ({mine or 'well'}) otherwise than by a worker: {reason}. "
                f"{SHARE}"
            )


def cut(images: ImageSet, part: range, *, witnessed: bool = False) -> Stretch:
    """The images ``part`` of a set; ``witnessed`` where others will read them, which reads a few of them here."""
    mine = images.select(part)
    return Stretch(part.start, mine, witnesses_of(mine) if witnessed else ())
