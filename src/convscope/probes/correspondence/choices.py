"""The choices of a correspondence experiment, most of which the paper leaves open, with the defaults taken here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from convscope.errors import SettingError
from convscope.probes.correspondence.draws import WHERE
from convscope.probes.correspondence.result import SPREADS
from convscope.probes.correspondence.signs import ZEROS

DRAWS, PERMUTATIONS = 20, 9_999


@dataclass(frozen=True)
class Choices:
    """How parts are covered, compared and judged; raises SettingError for what is unknown or out of range."""

    zero: str = "own"
    """The sign of an epsilon of zero: ``own`` (0), ``positive`` (as +), or ``skip``: the dimension is not compared."""
    draws: int = DRAWS
    """Random draws beside each part; a draw has one region for each image, as large as the part is there."""
    where: str = "anywhere"
    """Where they are: ``anywhere``, ``elsewhere`` (on no marked part), or ``swapped``: this part's places elsewhere."""
    spread: str = "pairs"
    """What stands behind ±: the standard deviation of ``pairs``, ``images`` or ``draws``."""
    fill: str = "grey"
    """What covers a part; see ``occlude``."""
    only: Sequence[str] | None = None
    """Names of the parts to take; None: all."""
    side: float | None = None
    """Side of the square around a COCO keypoint, in pixels of the picture."""
    seed: int = 0
    """Decides draws, permutations and resamples."""
    permutations: int = PERMUTATIONS
    """Of the permutation test; the smallest possible p is 1 / (permutations + 1)."""

    def __post_init__(self) -> None:
        for name, table in (("zero", ZEROS), ("where", WHERE), ("spread", SPREADS)):
            if getattr(self, name) not in table:
                raise SettingError(f"{name} is {getattr(self, name)!r}; choose one of {', '.join(table)}")
        for name, least in (("draws", 1), ("permutations", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise SettingError(f"{name} is {getattr(self, name)}; expected at least {least}")
