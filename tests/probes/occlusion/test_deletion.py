"""Deletion and insertion on a linear network, where every step is a formula."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from convscope.errors import SettingError
from convscope.models import Model, Preprocessing, load_model
from convscope.probes.fills import fill_picture
from convscope.probes.occlusion.deletion import scores, spec_of
from convscope.probes.occlusion.occlude import occlude
from convscope.probes.targets import Target
from convscope.units import UnitAddress
from tests.probes.make import FEEDING, answer, model, picture

SIZE = 8


class _Linear(nn.Module):
    """Two logits: a weighted sum of all pixels, and zero."""

    def __init__(self, weights: NDArray[np.float32]) -> None:
        super().__init__()
        self.whole = nn.Conv2d(1, 2, SIZE, bias=False)
        self.whole.weight.data = torch.from_numpy(np.stack([weights, np.zeros_like(weights)]))[:, None]

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.whole(images)
        return logits.flatten(1)


@pytest.fixture(scope="module")
def linear() -> tuple[Model, NDArray[np.float32], NDArray[np.uint8]]:
    draw = np.random.default_rng(0)
    weights = draw.normal(size=(SIZE, SIZE)).astype(np.float32) * 0.01
    feeding = Preprocessing(SIZE, SIZE, None, "nearest", (0.0,), (1.0,), True)
    view = draw.integers(0, 256, (SIZE, SIZE, 1)).astype(np.uint8)
    return load_model(_Linear(weights), preprocessing=feeding), weights, view


def probability(weights: NDArray[np.float32], view: NDArray[np.float64]) -> float:
    return float(1 / (1 + np.exp(-(weights.astype(np.float64) * view).sum())))


@pytest.mark.parametrize("steps", [1, 7, 64])
def test_both_curves_by_formula(linear: Any, steps: int) -> None:
    network, weights, view = linear
    score = np.random.default_rng(1).integers(0, 5, (SIZE, SIZE)).astype(float)  # with ties
    found = scores(network, view, score, target=0, steps=steps, removed="30", start="200")
    order = sorted(range(SIZE * SIZE), key=lambda place: (-score.flat[place], place))
    expected: dict[str, list[float]] = {"deletion": [], "insertion": []}
    for step in range(steps + 1):
        gone = order[: round(step * SIZE * SIZE / steps)]
        deleted, inserted = view[..., 0].astype(float), np.full((SIZE, SIZE), 200.0)
        deleted.flat[gone] = 30
        inserted.flat[gone] = view.flat[gone]
        expected["deletion"].append(probability(weights, deleted))
        expected["insertion"].append(probability(weights, inserted))
    for curve, name in ((found.deletion, "deletion"), (found.insertion, "insertion")):
        np.testing.assert_allclose(curve.values, expected[name], atol=1e-5)
        values, width = expected[name], np.diff(curve.fractions)
        area = sum(w * (a + b) / 2 for w, a, b in zip(width, values, values[1:], strict=False))
        assert curve.area == pytest.approx(area, abs=1e-5)
    assert found.deletion.fractions[[0, -1]].tolist() == [0, 1]


def test_a_map_that_knows_the_weights_beats_one_that_does_not(linear: Any) -> None:
    network, weights, view = linear
    effect = weights * (view[..., 0].astype(float) - 128)
    best, worst = (scores(network, view, sign * effect, target=0, start="grey") for sign in (1, -1))
    assert best.deletion.area < worst.deletion.area
    assert best.insertion.area > worst.insertion.area


def test_an_occlusion_map_is_scored_by_its_spread_drop_and_its_own_target() -> None:
    network, image = model(), picture()
    found = occlude(network, image, 6, 5, target="cat")
    by_map = scores(network, image, found, steps=5)
    by_pixels = scores(network, image, found.grid.spread(found.drop), target="cat", steps=5)
    assert by_map.deletion.values.tolist() == by_pixels.deletion.values.tolist()
    assert by_map.deletion.values[0] == pytest.approx(found.unoccluded, abs=1e-6)
    for name, curve, picture_then in (
        ("grey", by_map.deletion, by_map.deletion.values[-1]),
        ("blur", by_map.insertion, by_map.insertion.values[0]),
    ):
        assert curve.fill == name
        assert picture_then == pytest.approx(answer(fill_picture(name, image, FEEDING))[0][0], abs=1e-5)


def test_pixels_without_a_score_come_last(linear: Any) -> None:
    network, weights, view = linear
    score = np.full((SIZE, SIZE), np.nan)
    score[2, 3] = -5
    found = scores(network, view, score, target=0, steps=64, removed="0")
    changed = view[..., 0].astype(float)
    changed[2, 3] = 0
    assert found.deletion.values[1] == pytest.approx(probability(weights, changed), abs=1e-5)


def test_unit_targets_are_scored_too() -> None:
    network, image = model(), picture()
    for target in ("4:2", "4:2@3,4"):
        found = scores(network, image, occlude(network, image, 8, target=target), steps=3)
        maps = answer(image)[1][2]
        expected = maps[3, 4] if "@" in target else maps.max()
        assert found.deletion.values[0] == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize(
    ("target", "spec"),
    [
        (Target("a", classes=(3, 1)), [3, 1]),
        (Target("a", unit=UnitAddress("4", 0)), UnitAddress("4", 0)),
        (Target("a", function=sum), sum),
    ],
)
def test_a_target_is_found_again(target: Target, spec: Any) -> None:
    assert spec_of(target) == spec


@pytest.mark.parametrize(
    ("options", "message"), [({"steps": 0}, "steps is 0"), ({"steps": 65}, "pixels, 64"), ({"removed": "red"}, "fill")]
)
def test_bad_settings_are_refused(linear: Any, options: dict[str, Any], message: str) -> None:
    network, _, view = linear
    with pytest.raises(SettingError, match=message):
        scores(network, view, np.zeros((SIZE, SIZE)), target=0, **options)
    with pytest.raises(SettingError, match=r"\[8, 8\]"):
        scores(network, view, np.zeros((3, 3)), target=0)
