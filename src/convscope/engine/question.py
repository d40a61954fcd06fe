"""What a scan is asked to remember of each unit."""

from __future__ import annotations

from dataclasses import dataclass

from convscope.engine.layers import Layer
from convscope.engine.sampled import Sample
from convscope.engine.tally import Tally
from convscope.errors import SettingError

PER_IMAGE = ("one", "many")


@dataclass(frozen=True)
class Question:
    """What a scan is asked to remember: ``top`` per unit, how many per image, ``per_class`` for each class (0: off).

    Of at most ``sample`` images, evenly spread over the set, every peak is kept as well (0: none).
    """

    top: int = 9
    per_image: str = "one"
    per_class: int = 0
    sample: int = 0

    def __post_init__(self) -> None:
        if self.top < 1 or min(self.per_class, self.sample) < 0:
            raise SettingError(
                "top must be at least 1, per_class and sample at least 0, "
                f"not {self.top}, {self.per_class} and {self.sample}"
            )
        if self.per_image not in PER_IMAGE:
            raise SettingError(f"per_image is one of {', '.join(PER_IMAGE)}, not {self.per_image!r}")

    def empty(self, layer: Layer, classes: int, images: int) -> Tally:
        """The tally of no image, of a set of so many ``images`` with so many ``classes``."""
        many, sample = self.per_image == "many", Sample(images, self.sample)
        return Tally.empty(layer.units, self.top, classes, many=many, class_k=self.per_class, sample=sample)


NINE = Question()
"""The usual one: the nine strongest, one per image."""
