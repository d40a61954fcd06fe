"""Unit addresses: one way to write down a feature map, and a place in it.

``layer3.1.conv2:87`` is channel 87 of the layer ``layer3.1.conv2``; ``layer3.1.conv2:87@6,4`` is its value in row 6,
column 4. Layer addresses come from the model's module paths and hold any character but white space, ``:`` and ``@``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from convscope.errors import AddressError

_FORM = re.compile(r"(?P<layer>[^\s:@]+):(?P<unit>[0-9]{1,9})(@(?P<y>[0-9]{1,9}),(?P<x>[0-9]{1,9}))?")


@dataclass(frozen=True)
class UnitAddress:
    """A channel of a layer, and optionally one position of it."""

    layer: str
    unit: int
    position: tuple[int, int] | None = None

    def __str__(self) -> str:
        place = "" if self.position is None else f"@{self.position[0]},{self.position[1]}"
        return f"{self.layer}:{self.unit}{place}"

    @classmethod
    def parse(cls, text: str) -> UnitAddress:
        """Read an address such as ``features.28:12`` or ``features.28:12@3,4``; raises AddressError."""
        match = _FORM.fullmatch(text)
        if match is None:
            raise AddressError(
                f"{text!r} is not a unit address. Write LAYER:CHANNEL or LAYER:CHANNEL@ROW,COLUMN, "
                "for example features.28:12 or layer3.1.conv2:87@6,4"
            )
        position = None if match["y"] is None else (int(match["y"]), int(match["x"]))
        return cls(match["layer"], int(match["unit"]), position)
