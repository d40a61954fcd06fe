"""Words for numbers."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from convscope.errors import AddressError
from convscope.probes.trust.result import LayerTrust, Likeness, Trust
from convscope.probes.trust.verdicts import (
    ALIKE,
    DIFFERENT,
    LIMITS,
    MIXED,
    NOT,
    READS,
    UNKNOWN,
    badge_of,
    percent,
    verdict_of,
)

NAN = float("nan")


def row(unit: float, signal: float, weight: float, image: float = 0.1, layer: str = "features.28") -> LayerTrust:
    likes = tuple(Likeness(rank, 0.5, 0.5, 0.1, 10, 0) for rank in (weight, unit, signal, image))
    return LayerTrust("deconvnet", layer, likes, ())


@pytest.mark.parametrize(
    ("rank", "others", "image"),
    [
        (-0.4, "passes", "follows the image"),
        (DIFFERENT - 1e-6, "passes", "follows the image"),
        (DIFFERENT, "partly", "in part"),
        (ALIKE - 1e-6, "partly", "in part"),
        (ALIKE, "fails", "ignores the image"),
        (NAN, UNKNOWN, UNKNOWN),
    ],
)
def test_verdicts(rank: float, others: str, image: str) -> None:
    assert [verdict_of(test, rank) for test in ("weight", "unit", "image")] == [others, others, image]
    # A mixture is like each of its parts by the root of what these are like each other.
    assert verdict_of("signal", math.copysign(abs(rank) ** 0.5, rank)) == others


def test_the_limits_of_a_mixture_are_roots() -> None:
    assert LIMITS["signal"] == pytest.approx([limit**0.5 for limit in LIMITS["unit"]], abs=0.01)


@pytest.mark.parametrize(
    ("unit", "signal", "weight", "image", "badge"),
    [
        (0.1, 0.1, 0.1, 0.9, READS),
        (0.4, 0.1, 0.1, 0.1, MIXED),
        (0.1, 0.1, 0.59, 0.1, MIXED),
        (0.9, 0.1, 0.1, 0.1, NOT),
        (0.1, 0.1, 0.7, 0.1, NOT),
        (0.1, 0.8, 0.1, 0.1, NOT),
        (NAN, 0.1, 0.1, NAN, READS),
        (NAN, NAN, NAN, 0.1, UNKNOWN),
    ],
)
def test_any_test_that_fails_is_enough(unit: float, signal: float, weight: float, image: float, badge: str) -> None:
    ranks = {"unit": unit, "signal": signal, "weight": weight, "image": image}
    assert badge_of(ranks) == badge
    assert row(unit, signal, weight, image).badge == badge


def test_sentences_say_what_decided_with_its_number() -> None:
    assert row(0.93, 0.8, 0.7).sentence == (
        "On this net DeconvNet pictures of features.28 are 93% the same for other units at the same place: "
        "do not read them as that unit's meaning."
    )
    assert "are 70% the same when weights" in row(0.5, 0.5, 0.7).sentence
    assert row(0.2, 0.3, 0.45).sentence == (
        "On this net DeconvNet pictures of features.28 are 45% the same when weights are re-initialised from the top "
        "down: read differences between units with care."
    )
    assert row(0.1, -0.2, 0.05).sentence == (
        "On this net DeconvNet pictures of features.28 change with unit and weights (the same: 10% for other "
        "units at the same place, 0% for a random mixture of units, 5% when weights are re-initialised from the top "
        "down): no test speaks against them."
    )
    assert "could not be tested" in row(NAN, NAN, NAN).sentence
    assert [percent(rank) for rank in (-0.3, 0.123, 0.994, 0.9951, 1.0)] == ["0%", "12%", "99%", "over 99%", "100%"]


def test_a_method_is_told_by_its_worst_layer() -> None:
    rows = (row(0.1, 0.1, 0.1, layer="a"), row(0.9, 0.1, 0.1, layer="b"), row(0.4, 0.1, 0.1, 0.99, layer="c"))
    found = Trust((*rows, replace(rows[0], method="gradient")), ("0",), ())
    assert found.sentence("deconvnet").startswith("DeconvNet: of 3 layers, 1 read as the unit and 1 do not. On this")
    assert found.sentence("deconvnet").endswith(rows[1].sentence)
    assert found.sentence("deconvnet", "c") == rows[2].sentence
    assert found.sentence("gradient").startswith("Gradient: of 1 layers, 1 read as the unit")


@pytest.mark.parametrize("tests", [((0.1, 0.76, 0.1), (0.65, 0.1, 0.1)), ((0.1, 0.54, 0.1), (0.5, 0.1, 0.1))])
def test_of_several_layers_the_worst_by_its_own_limits_speaks(tests: tuple[tuple[float, float, float], ...]) -> None:
    better, worse = (row(*ranks, layer=name) for ranks, name in zip(tests, "ab", strict=True))
    found = Trust((better, worse), ("0",), ())
    assert better.badge != worse.badge
    assert found.sentence("deconvnet").endswith(worse.sentence)


def test_what_was_not_tested_is_an_error_that_lists_what_was() -> None:
    found = Trust((row(0.1, 0.1, 0.1),), ("0",), ())
    with pytest.raises(AddressError, match=r"no test of 'gradient' at 'x'; the methods are deconvnet, the layers f"):
        found.of("gradient", "x")
    with pytest.raises(AddressError, match="no test of 'gradient'; the methods are deconvnet"):
        found.sentence("gradient")


def test_numbers_by_test() -> None:
    made = row(0.2, 0.3, 0.4, 0.5)
    assert made.ranks == {"weight": 0.4, "unit": 0.2, "signal": 0.3, "image": 0.5}
    assert made.of("signal").rank == 0.3
    assert made.verdict("weight") == "partly"
