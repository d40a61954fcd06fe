"""Part: the scan of some of the images, as a value that merges."""

from __future__ import annotations

from dataclasses import dataclass

from convscope.engine.loading import Outcome
from convscope.engine.tally import Tally


@dataclass(frozen=True)
class Part:
    """The scan of some images: a tally per layer (in the scan's order of layers), and what became of each image."""

    tallies: tuple[Tally, ...]
    outcomes: tuple[Outcome, ...]

    def merge(self, other: Part) -> Part:
        """Of both sets of images."""
        tallies = tuple(a.merge(b) for a, b in zip(self.tallies, other.tallies, strict=True))
        return Part(tallies, self.outcomes + other.outcomes)
