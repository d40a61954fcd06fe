"""What can be set about a diagnosis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from convscope.errors import SettingError
from convscope.images import ImageSet
from convscope.probes.diagnosis.observe import Progress
from convscope.probes.diagnosis.shifts import SHIFTS
from convscope.probes.diagnosis.strided import CHANNELS

Pictures = ImageSet | Sequence[NDArray[np.uint8]]


class Options(TypedDict, total=False):
    """Settings of ``diagnose`` that are given by name."""

    limit: int | None
    """Use so many images, evenly spread over the set; default None: all."""
    shifts: int
    """Move images by 1 to so many pixels and see whether their class stays; default 4, 0 for not at all."""
    channels: int
    """Channels of each strided op whose aliasing is measured, at most; default 64."""
    batch_size: int
    """Images per pass; default 16. Results do not depend on it beyond rounding."""
    device: str
    """Where the network runs; default ``cpu``."""
    report: Progress
    """Told of progress: images done, images in all."""


@dataclass(frozen=True)
class Settings:
    """The same, made complete."""

    limit: int | None = None
    shifts: int = SHIFTS
    channels: int = CHANNELS
    batch_size: int = 16
    device: str = "cpu"
    report: Progress = lambda done, total: None  # noqa: ARG005

    def __post_init__(self) -> None:
        for holds, rule in (
            (self.limit is None or self.limit >= 1, f"the limit is {self.limit}; use at least 1 image"),
            (self.shifts >= 0, f"shifts is {self.shifts} pixels; give 0 or more"),
            (self.channels >= 1, f"channels is {self.channels}; measure at least 1"),
            (self.batch_size >= 1, f"batch_size is {self.batch_size}; it must be at least 1"),
        ):
            if not holds:
                raise SettingError(rule)
