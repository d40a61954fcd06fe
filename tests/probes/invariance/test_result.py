"""What follows from the distances: scores, intervals, consistency, and the summary for pages."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convscope.probes.invariance.result import Answer, Invariance, UnitChange, WatchedLayer
from convscope.probes.invariance.summary import Summary, summary_of


def made(curves: list[list[float]], values: list[float], labels: list[list[int]] | None = None) -> Invariance:
    """One layer, an image for each curve; the label of each image as it is is 0."""
    normalised = np.array(curves, np.float32)[:, None]
    answer = None
    if labels is not None:
        probability = np.linspace(0, 1, normalised[:, 0].size, dtype=np.float32).reshape(normalised[:, 0].shape)
        own = np.zeros(len(curves), np.int64)
        answer = Answer("predicted", np.array(labels), probability, own, own.astype(np.float32), ("cat", "dog"))
    return Invariance(
        transform="translate-x",
        values=np.array(values, np.float64),
        border="reflect",
        interpolation="bicubic",
        seed=3,
        layers=(WatchedLayer("conv", 2, 4, 4, answers=False),),
        images=tuple(f"image {number}" for number in range(len(curves))),
        labels=(None,) * len(curves),
        distance=normalised * 2,
        normalised=normalised,
        unrelated=None if len(curves) < 2 else np.array([0.8]),
        units=(UnitChange(np.array([0.5, np.nan], np.float32), np.array([0.25, 0.75], np.float32), None),),
        followed=(1.0,),
        answer=answer,
        skipped=(),
        notes=("a note",),
    )


def test_a_score_is_the_mean_height_of_its_curve() -> None:
    found = made([[0, 1, 1], [0.5, 0.5, 0.5]], [0, 1, 4])
    np.testing.assert_allclose(found.score[:, 0], [(0.5 * 1 + 1 * 3) / 4, 0.5])
    assert found.score_mean[0] == pytest.approx(0.6875)
    assert made([[0.3]], [7]).score[0, 0] == pytest.approx(0.3)


def test_the_interval_is_that_of_the_mean_over_images() -> None:
    draw = np.random.default_rng(0)
    curves = draw.uniform(0, 1, (80, 1)).repeat(3, 1)
    found = made(curves.tolist(), [0, 1, 2])
    interval = found.score_interval
    assert interval is not None
    low, high = interval[0]
    assert low < found.score_mean[0] < high
    spread = 1.96 * curves[:, 0].std() / np.sqrt(80)  # what the central limit theorem says
    assert high - low == pytest.approx(2 * spread, rel=0.15)
    again = made(curves.tolist(), [0, 1, 2]).score_interval
    np.testing.assert_array_equal(interval, again)
    other = replace(found, seed=4).score_interval
    assert other is not None
    assert (other != interval).any()


def test_equal_images_have_an_interval_of_no_width_and_a_single_one_none() -> None:
    interval = made([[0.2, 0.2]] * 5, [0, 1]).score_interval
    np.testing.assert_allclose(np.asarray(interval), [[0.2, 0.2]], rtol=1e-6)
    assert made([[0.2, 0.2]], [0, 1]).score_interval is None


def test_consistency_leaves_the_identity_out() -> None:
    found = made([[0] * 4, [0] * 4], [-2, 0, 2, 4], [[0, 0, 1, 0], [1, 0, 1, 1]])
    np.testing.assert_allclose(np.asarray(found.consistency), [2 / 3, 0])
    assert made([[0]], [0], [[0]]).consistency is None


@given(st.lists(st.integers(0, 1), min_size=2, max_size=9))
def test_agreement_is_the_share_of_pairs_with_one_label(labels: list[int]) -> None:
    found = made([[0.0] * len(labels)], list(range(len(labels))), [labels])
    pairs = [one == other for one, other in combinations(labels, 2)]
    np.testing.assert_allclose(np.asarray(found.agreement), [np.mean(pairs)])


def test_without_answers_there_is_nothing_to_agree_on() -> None:
    bare = made([[0, 0]], [0, 1])
    assert bare.consistency is None
    assert bare.agreement is None
    assert made([[0]], [1], [[0]]).agreement is None


def test_the_shown_layers_are_the_first_and_the_last_before_the_answer() -> None:
    layers = tuple(WatchedLayer(name, 1, None, None, name == "answer") for name in ("a", "b", "c", "answer"))
    found = made([[0]], [1])
    assert replace(found, layers=layers).shown == (0, 2)
    assert replace(found, layers=layers[-1:]).shown == (0, 0)
    assert replace(found, layers=layers[2:]).shown == (0, 0)


def test_class_names_or_numbers() -> None:
    found = made([[0]], [1], [[0]])
    assert found.answer is not None
    assert found.answer.name(1) == "dog"
    assert replace(found.answer, classes=()).name(1) == "class 1"


def test_a_summary_is_the_means_and_survives_json() -> None:
    found = made([[0, 1], [0, 0.5]], [0, 3], [[0, 1], [0, 0]])
    summary = summary_of(found, "a model")
    assert isinstance(summary, Summary)
    (layer,) = summary.layers
    assert layer.normalised == pytest.approx((0, 0.75))
    assert layer.distance == pytest.approx((0, 1.5))
    assert layer.score == pytest.approx(0.375)
    assert (layer.unrelated, layer.still, layer.moved) == (0.8, 0.5, None)
    assert layer.low is not None
    assert summary.answer is not None
    assert summary.answer.consistency == 0.5
    assert summary.answer.agreement == 0.5
    assert summary.images == 2
    assert json.loads(json.dumps(asdict(summary), allow_nan=False))["layers"][0]["units"] == 2
    alone = summary_of(made([[0, 1]], [0, 3]), "m")
    assert (alone.answer, alone.layers[0].low, alone.layers[0].unrelated) == (None, None, None)
    silent = replace(found, units=(UnitChange(*(np.full(2, np.nan, np.float32) for _ in range(3))),))
    assert summary_of(silent, "m").layers[0].still is None


def test_a_relative_score_is_in_units_of_other_images() -> None:
    found = made([[0, 1], [0, 0.5]], [0, 3])
    np.testing.assert_allclose(np.asarray(found.relative), [0.375 / 0.8])
    assert summary_of(found, "m").layers[0].relative == pytest.approx(0.375 / 0.8)
    assert made([[0, 1]], [0, 3]).relative is None
    same = summary_of(replace(found, unrelated=np.zeros(1)), "m")
    assert same.layers[0].relative is None
