"""A result: pairs, failures, and what is counted."""

from __future__ import annotations

import pytest

from convscope.train.ablation.result import GAP, TRAINING, VALIDATION
from convscope.train.ablation.statistics import holm
from tests.train.ablation.make import result_of

FOUND = result_of({"base": [0.2, 0.3, 0.4], "b": [0.1, None, 0.26], "c": [0.25, 0.36, 0.41], "d": [None, None, None]})


def test_differences_are_within_a_seed() -> None:
    assert FOUND.differences(FOUND.variants[1], VALIDATION) == pytest.approx({0: -0.1, 2: -0.14})
    assert FOUND.differences(FOUND.variants[0], VALIDATION) == {}
    row = FOUND.summaries["b", VALIDATION]
    assert row.interval.mean == pytest.approx(0.18)
    assert row.difference is not None
    assert row.difference.mean == pytest.approx(-0.12)
    assert row.difference.count == 2


def test_the_gap_is_validation_less_training() -> None:
    assert FOUND.values("c", TRAINING) == {0: 0.125, 1: 0.18, 2: 0.205}
    assert FOUND.values("c", GAP) == pytest.approx({0: 0.125, 1: 0.18, 2: 0.205})


def test_a_variant_without_a_finished_run_has_no_numbers() -> None:
    assert {variant for variant, _ in FOUND.summaries} == {"base", "b", "c"}
    assert [(run.variant, run.seed) for run in FOUND.failed] == [("b", 1), ("d", 0), ("d", 1), ("d", 2)]


def test_p_is_corrected_over_the_comparisons_that_were_made() -> None:
    ps = []
    for name in ("b", "c"):
        apart = FOUND.summaries[name, VALIDATION].difference
        assert apart is not None
        ps.append(apart.p)
    assert (FOUND.summaries["b", VALIDATION].p_holm, FOUND.summaries["c", VALIDATION].p_holm) == holm(ps)
    assert FOUND.summaries["base", VALIDATION].p_holm is None


def test_measures_are_summarised_like_errors() -> None:
    found = result_of({"base": [0.2, 0.3], "b": [0.1, 0.1]}, measures=["shift"])
    assert found.quantities[-1] == "shift"
    row = found.summaries["b", "shift"]
    assert row.difference is not None
    assert row.difference.mean == pytest.approx(0.15)


def test_curves_are_averaged_place_by_place() -> None:
    found = result_of({"base": [0.2, 0.3], "b": [None, None]}, curves={"turn-kept": {"-15": 0.5, "0": 1.0}})
    assert {place: each.mean for place, each in found.curve("base", "turn-kept").items()} == {"-15": 0.5, "0": 1.0}
    assert found.curve("b", "turn-kept") == {}
