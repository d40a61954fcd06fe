"""Neighbouring images of a set, as a value that can be read in another process, perhaps on another machine."""

from __future__ import annotations

from dataclasses import dataclass

from convscope.errors import ImageSetError
from convscope.images.imageset import ImageSet
from convscope.images.spread import spread

SHARE = "All machines must see the same images: put them on a shared folder and run the same command again"
WITNESSES = 3
"""Images of a stretch that are compared by content before any is used."""


@dataclass(frozen=True)
class Stretch:
    """``images`` are the numbers ``start`` and following of a set.

    ``witnesses`` says what some of them held where the stretch was cut: (place in the stretch, digest of the content).
    """

    start: int
    images: ImageSet
    witnesses: tuple[tuple[int, str], ...] = ()

    @property
    def numbers(self) -> range:
        """The numbers of the images in their set."""
        return range(self.start, self.start + len(self.images))

    def check(self) -> None:
        """Raise ImageSetError if an image is another one here than it was where the stretch was cut."""
        for place, digest in self.witnesses:
            found = self.images.content(place)[0]
            if found != digest:
                raise ImageSetError(
                    f"image {self.images.names[place]!r} of {self.images.name!r} is another one for a worker than for "
                    f"the process that asked ({found[:80]}; expected {digest[:80]}). {SHARE}"
                )


def cut(images: ImageSet, part: range, *, witnessed: bool = False) -> Stretch:
    """The images ``part`` of a set; ``witnessed`` where others will read them, which reads a few of them here."""
    mine = images.select(part)
    places = spread(len(mine), WITNESSES) if witnessed else ()
    return Stretch(part.start, mine, tuple((place, mine.content(place)[0]) for place in places))
