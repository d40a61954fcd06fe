"""Thresholds, reference networks, and two diagnoses side by side."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from convscope.probes.diagnosis.comparison import compare
from convscope.probes.diagnosis.diagnose import diagnose
from convscope.probes.diagnosis.finding import KINDS, Reference
from convscope.probes.diagnosis.judge import judged
from convscope.probes.diagnosis.reference import reference_nets, references
from tests.probes.diagnosis.make import classifier, model, picture, planted


@pytest.mark.parametrize("name", KINDS)
def test_severity_changes_at_the_thresholds(name: str) -> None:
    kind = KINDS[name]
    step = -1e-9 if kind.low_is_bad else 1e-9
    assert [kind.severity(kind.mild - step), kind.severity(kind.mild)] == ["none", "mild"]
    assert [kind.severity(kind.strong - step), kind.severity(kind.strong)] == ["mild", "strong"]


def test_the_table_of_references_has_real_numbers_of_known_kinds() -> None:
    assert [net.name for net in reference_nets()] == ["EfficientNet-Lite0"]
    for net in reference_nets():
        assert set(net.numbers) <= set(KINDS)
        assert {"aliasing", "dead units", "mid frequencies", "class under shifts"} <= set(net.numbers)
    for kind, reference in references().items():
        values = [value for net in reference_nets() for value in net.numbers[kind]]
        assert (reference.low, reference.high) == (min(values), max(values))
        assert reference.median == pytest.approx(np.median(values))


def test_findings_compare_with_references_and_come_worst_first() -> None:
    given = [("aliasing", "a", 0.2, ""), ("shift consistency", "b", 0.1, ""), ("aliasing", "c", 0.4, " (x)")]
    found = judged(
        given, {"aliasing": Reference(("N", "M"), 5, 0.1, 0.2, 0.3), "dead units": Reference(("N",), 1, 0, 0, 0)}
    )
    assert [each.layer for each in found] == ["b", "c", "a"]
    assert found[0].reference is None
    assert found[0].what.startswith("0.1 correlation")
    assert found[1].what == "40.0% of the energy lies above the new Nyquist limit (x)"
    assert found[1].against == "10.0% to 30.0%, median 20.0%, in 5 layers of 2 reference nets: N, M"
    assert str(found[1]).endswith(" limit (x); against " + found[1].against)
    (single,) = judged([("dead units", "d", 0.0, "")], {"dead units": Reference(("N",), 1, 0.5, 0.5, 0.5)})
    assert single.against == "50.0% in 1 reference net: N"


def test_two_networks_are_matched_by_depth() -> None:
    pictures = [picture(seed) for seed in range(3)]
    first, second = (diagnose(model(net), pictures) for net in (classifier(), planted()))
    rows = compare(first, second)
    by_name = {(each.measure, each.layers): each for each in rows}
    dead = by_name["dead units", ("", "")]
    assert dead.difference == pytest.approx(1 / 24)
    assert by_name["largest filter / median", ("3", "3")].difference == 0
    shorter = dataclasses.replace(second, strided=second.strided[:1], filters=())
    left = {(each.measure, each.layers): each for each in compare(first, shorter)}
    assert left["aliasing", ("5", None)].numbers == (first.strided[1].above, None)
    assert left["aliasing", ("5", None)].difference is None
    assert left["largest filter / median, first layer", ("", "")].numbers[1] is None
    alone = compare(diagnose(model(classifier())), second)
    assert {each.measure for each in alone if each.layers == ("", "") and each.numbers[0] is None} == {
        "dead units",
        "aliasing, mean over ops",
        "shift consistency, mean over ops",
        "class under shifts",
    }
