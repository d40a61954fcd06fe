"""From numbers to words: the thresholds, and what may be said of a picture because of them.

A rank correlation r is said as a percentage: 0.93 is "93% the same".
"""

from __future__ import annotations

import math
from collections.abc import Mapping

WEIGHT, UNIT, SIGNAL, IMAGE = "weight", "unit", "signal", "image"
TESTS: Mapping[str, str] = {
    WEIGHT: "when weights are re-initialised from the top down",
    UNIT: "for other units at the same place",
    SIGNAL: "for a random mixture of units",
    IMAGE: "for other images",
}
"""Each test, and when pictures would be that similar."""
COUNTING = (UNIT, SIGNAL, WEIGHT)
"""The tests that decide the badge: a picture that stays the same under them is not the unit's.

Whether a picture follows its image says what kind of picture it is, not whether it is the unit's.
"""

DIFFERENT, ALIKE = 0.3, 0.6
"""Mean rank correlation below which pictures count as different, and from which on as alike."""
LIMITS: Mapping[str, tuple[float, float]] = {
    WEIGHT: (DIFFERENT, ALIKE),
    UNIT: (DIFFERENT, ALIKE),
    SIGNAL: (DIFFERENT**0.5, ALIKE**0.5),
    IMAGE: (DIFFERENT, ALIKE),
}
"""The same by test. A mixture holds a little of each unit: where pictures of units correlate by r with each other, each
correlates with the mixture of many by up to the root of r. So the limits of the signal are the roots of the others."""
PASSES, PARTLY, FAILS, UNKNOWN = "passes", "partly", "fails", "not measured"
FOLLOWS, IN_PART, IGNORES = "follows the image", "in part", "ignores the image"

READS, MIXED, NOT = "reads as the unit", "mixed", "do not read as the unit's meaning"
_DECIDED_BY = {READS: PASSES, MIXED: PARTLY, NOT: FAILS}
METHOD_NAMES: Mapping[str, str] = {
    "deconvnet": "DeconvNet",
    "guided_backprop": "guided backprop",
    "gradient": "gradient",
}


def verdict_of(test: str, rank: float) -> str:
    """What a mean rank correlation says under a test; NaN is a test without a single pair."""
    if math.isnan(rank):
        return UNKNOWN
    words = (FOLLOWS, IN_PART, IGNORES) if test == IMAGE else (PASSES, PARTLY, FAILS)
    return words[sum(rank >= limit for limit in LIMITS[test])]


def badge_of(ranks: Mapping[str, float]) -> str:
    """One word for a layer, from the mean rank correlation of each test: any that fails is enough to warn."""
    verdicts = [verdict for test in COUNTING if (verdict := verdict_of(test, ranks[test])) != UNKNOWN]
    if not verdicts:
        return UNKNOWN
    if FAILS in verdicts:
        return NOT
    return READS if set(verdicts) == {PASSES} else MIXED


def sentence_of(method: str, layer: str, ranks: Mapping[str, float]) -> str:
    """What that means, with the numbers, in one sentence."""
    pictures = f"{METHOD_NAMES[method]} pictures of {layer}"
    measured = [test for test in COUNTING if not math.isnan(ranks[test])]
    if not measured:
        return f"On this net {pictures} could not be tested: too few were not empty."
    badge = badge_of(ranks)
    # The first in the order of COUNTING: that a picture is the same for another unit is the plainest reason.
    decisive = next(test for test in measured if verdict_of(test, ranks[test]) == _DECIDED_BY[badge])
    if badge == READS:
        told = ", ".join(f"{percent(ranks[test])} {TESTS[test]}" for test in measured)
        return f"On this net {pictures} change with unit and weights (the same: {told}): no test speaks against them."
    advice = {
        NOT: "do not read them as that unit's meaning",
        MIXED: "read differences between units with care",
    }[badge]
    return f"On this net {pictures} are {percent(ranks[decisive])} the same {TESTS[decisive]}: {advice}."


def titled(method: str) -> str:
    """The name of a method where a sentence begins."""
    name = METHOD_NAMES[method]
    return name[0].upper() + name[1:]


def percent(rank: float) -> str:
    """A rank correlation in words: opposite pictures are not the same, so nothing is below 0%, and only 1 is 100%."""
    return "over 99%" if 0.995 <= rank < 1 else f"{max(rank, 0):.0%}"
