"""Signs and distances, each against the formula written out dimension by dimension."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from torch import nn

from convscope.engine.forward import prepare
from convscope.engine.graphs import graph_of
from convscope.errors import NumberError, SettingError
from convscope.models import load_model
from convscope.probes.correspondence import signs as module
from convscope.probes.correspondence.signs import BATCH, CHANCE, Cover, Starting, distances, occluded_signs
from convscope.probes.features import find_features
from tests.probes.make import FEEDING, LAYER, classifier, model, normalised, picture

SIGNS = arrays(np.int8, st.tuples(st.integers(1, 6), st.integers(1, 9)), elements=st.integers(-1, 1))


def slow_distance(one: NDArray[np.int8], other: NDArray[np.int8], zero: str) -> float:
    """The distance of two sign vectors, one dimension after the other."""
    differ, compared = 0, 0
    for a, b in zip(one.tolist(), other.tolist(), strict=True):
        if zero == "skip" and 0 in (a, b):
            continue
        if zero == "positive":
            a, b = a or 1, b or 1
        compared += 1
        differ += a != b
    return differ / compared if compared else CHANCE


@given(SIGNS, st.sampled_from(["own", "positive", "skip"]), st.sampled_from([1, 2, 1 << 13]))
def test_distances_are_the_formula(signs: NDArray[np.int8], zero: str, chunk: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", chunk)
        found = distances(signs, zero)
    expected = [[slow_distance(one, other, zero) for other in signs] for one in signs]
    np.testing.assert_allclose(found, expected, rtol=1e-15)


@pytest.mark.parametrize("changed", [0.055, 0.1, 0.5, 1])
def test_unrelated_answers_differ_in_what_changes(changed: float) -> None:
    """The rule of thumb in the documents: 2c - 1.5c**2."""
    rng = np.random.default_rng(0)
    signs = rng.choice([-1, 1], (4, 100_000)) * (rng.random((4, 100_000)) < changed)
    found = distances(signs.astype(np.int8), "own")[np.triu_indices(4, 1)]
    assert found == pytest.approx(2 * changed - 1.5 * changed**2, abs=0.01)
    assert distances(signs.astype(np.int8), "skip")[np.triu_indices(4, 1)] == pytest.approx(CHANCE, abs=0.05)


def test_an_unknown_zero() -> None:
    with pytest.raises(SettingError, match="zero is 'none'; choose one of own, positive, skip"):
        distances(np.zeros((2, 3), np.int8), "none")


def covers(count: int) -> list[Cover]:
    rng = np.random.default_rng(3)
    corners = rng.integers(0, 18, (count, 2)).tolist()
    return [(top, left, top + 4, left + 6) for top, left in corners]


def test_signs_are_those_of_the_module_run_by_hand() -> None:
    made = model()
    graph = graph_of(made)
    features = find_features(graph, ["1", LAYER, "6"])
    view, fill = picture(), np.full_like(picture(), 128)
    some = covers(2 * BATCH)
    found = occluded_signs(prepare(graph, [f.node for f in features]), FEEDING, Starting(view, fill), some)
    net = classifier().double().requires_grad_(False)
    for feature, end in zip(features, (2, int(LAYER) + 1, 7), strict=True):
        part = net[:end]
        bare = part(normalised(view).double())
        for row, (top, left, bottom, right) in enumerate(some):
            shown = view.copy()
            shown[top:bottom, left:right] = 128
            epsilon = (bare - part(normalised(shown).double())).flatten()
            # In double precision; an epsilon within the rounding of float32 may have any sign here.
            clear = (epsilon.abs() > 1e-5) | (epsilon == 0)
            assert clear.float().mean() > 0.98
            expected = epsilon.sign()[clear].numpy()
            assert (found[feature.node][row][clear.numpy()] == expected).all()


def test_what_a_cover_cannot_reach_does_not_move_by_a_bit() -> None:
    made = model()
    graph = graph_of(made)
    (feature,) = find_features(graph, [LAYER])
    view, fill = picture(), np.full_like(picture(), 128)
    some = [(0, 0, 4, 4)] * 20
    found = occluded_signs(prepare(graph, [feature.node]), FEEDING, Starting(view, fill), some)[feature.node]
    maps = found.reshape(20, 7, 10, 10)
    # Pixels 0..3 reach, through a kernel of 3, pooling by 2 and a kernel of 3, rows and columns 0..2 of the map.
    assert (maps[:, :, 3:] == 0).all()
    assert (maps[:, :, :, 3:] == 0).all()
    assert (maps[:, :, :3, :3] != 0).any()
    assert (maps == maps[:1]).all()


def test_a_cover_that_shows_the_same_changes_nothing() -> None:
    made = model()
    graph = graph_of(made)
    features = find_features(graph)
    found = occluded_signs(
        prepare(graph, [f.node for f in features]), FEEDING, Starting(picture(), picture()), covers(3)
    )
    assert all((each == 0).all() for each in found.values())


def test_not_a_number() -> None:
    net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU())
    torch.nn.init.constant_(net[0].bias, float("inf"))  # type: ignore[arg-type]
    made = load_model(net.eval(), preprocessing=FEEDING)
    graph = graph_of(made)
    (feature,) = find_features(graph)
    with pytest.raises(NumberError, match="a feature of layer '1' is NaN or infinite"):
        occluded_signs(prepare(graph, [feature.node]), FEEDING, Starting(picture(), picture()), covers(1))
