"""The whole experiment against running the module on each transformed picture, one at a time, in float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from convscope.errors import AddressError, ImageSetError, ModelError, NumberError, SettingError
from convscope.images import ImageSet
from convscope.images.spread import spread
from convscope.models import load_model
from convscope.probes.invariance.invariance import invariance
from convscope.probes.invariance.pictures import canvas_of, margin_for, transformed
from convscope.probes.invariance.result import Invariance
from convscope.probes.invariance.transform import TRANSFORMS
from tests.probes.invariance.make import CLASSES, DEFAULT, FEEDING, Picture, classifier, features, model, noise, smooth

VALUES: dict[str, list[float]] = {
    "translate-x": [-3, 0, 2.5],
    "translate-y": [4],
    "scale": [0.8, 1, 1.5, 1.6],
    "rotate": [0, 45, 90, 200, 350],
}
PICTURES = [smooth(0), smooth(1), noise(2), smooth(3)]
ROUNDING = 1e-6


class Labelled:
    """A data set of pictures with class numbers."""

    classes = ("cat", "wolf")

    def __init__(self, labels: list[int], pictures: list[Picture] = PICTURES) -> None:
        self.labels, self.pictures = labels, pictures

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, row: int) -> Any:
        return self.pictures[row], self.labels[row]


def views(picture: Picture, transform: str, border: str = "reflect", interpolation: str = "bicubic") -> list[Picture]:
    """As they are, and transformed by each value."""
    inverses = [TRANSFORMS[transform].inverse(value) for value in VALUES[transform]]
    margin = margin_for(inverses, (FEEDING.height, FEEDING.width))
    canvas = canvas_of(picture, border, margin, FEEDING)
    moved = [transformed(canvas, margin, inverse, interpolation) for inverse in inverses]
    return [canvas[margin:-margin, margin:-margin], *moved]


@pytest.mark.parametrize("transform", sorted(VALUES))
@pytest.mark.parametrize("batch", [2, 3, 40])
def test_distances_and_answers_are_those_of_the_module(transform: str, batch: int) -> None:
    found = invariance(model(), PICTURES, transform, VALUES[transform], batch_size=batch)
    assert tuple(layer.address for layer in found.layers) == DEFAULT
    assert found.distance.shape == found.normalised.shape == (4, len(DEFAULT), len(VALUES[transform]))
    assert found.answer is not None
    net = classifier()
    for image, picture in enumerate(PICTURES):
        own, *moved = views(picture, transform)
        for place, layer in enumerate(DEFAULT):
            before = features(net, layer, own)
            for value, view in enumerate(moved):
                after = features(net, layer, view)
                distance = np.linalg.norm(after - before)
                size = math.hypot(float(np.linalg.norm(after)), float(np.linalg.norm(before)))
                assert found.distance[image, place, value] == pytest.approx(distance, rel=1e-4, abs=1e-5)
                assert found.normalised[image, place, value] == pytest.approx(distance / size, rel=1e-4, abs=1e-6)
        logits = np.stack([features(net, "10", view) for view in (own, *moved)])
        chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        assert found.answer.own_label[image] == chances[0].argmax()
        assert found.answer.own_probability[image] == pytest.approx(chances[0].max(), rel=1e-5)
        np.testing.assert_array_equal(found.answer.label[image], chances[1:].argmax(1))
        np.testing.assert_allclose(found.answer.probability[image], chances[1:, chances[0].argmax()], rtol=1e-5)


def test_units_and_unrelated_images_by_loops() -> None:
    found = invariance(model(), PICTURES, "rotate", VALUES["rotate"], follow=2, layers=["4"], seed=5)
    assert list(found.followed) == [90.0, 350.0]
    net = classifier()
    maps = [[features(net, "4", view) for view in views(picture, "rotate")] for picture in PICTURES]
    everything, still = [], []
    for own, *moved in maps:
        by_unit = np.array([[apart(after[u], own[u]) for u in range(7)] for after in moved])
        everything.append(by_unit)
        still.append(by_unit[[2, 4]])
    (change,) = found.units
    np.testing.assert_allclose(change.normalised, np.nanmean(np.concatenate(everything), 0), rtol=1e-4)
    assert change.still is not None
    np.testing.assert_allclose(change.still, np.nanmean(np.concatenate(still), 0), rtol=1e-4)
    order = np.random.default_rng(5).permutation(4)
    pairs = [apart(maps[a][0], maps[b][0]) for a, b in zip(order[1:], order[:-1], strict=True)]
    assert found.unrelated is not None
    assert found.unrelated[0] == pytest.approx(np.mean(pairs), rel=1e-4)


def apart(one: Any, other: Any) -> float:
    size = math.hypot(float(np.linalg.norm(one)), float(np.linalg.norm(other)))
    return float(np.linalg.norm(one - other)) / size if size else math.nan


@pytest.mark.parametrize("border", ["wrap", "crop", "grey", "#ff0010"])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_border_and_interpolation_are_those_asked_for(border: str, interpolation: str) -> None:
    picture = smooth(3, 60)
    found = invariance(
        model(), [picture], "rotate", VALUES["rotate"], ["1"], border=border, interpolation=interpolation
    )
    net = classifier()
    own, *moved = (features(net, "1", view) for view in views(picture, "rotate", border, interpolation))
    np.testing.assert_allclose(found.distance[0, 0], [np.linalg.norm(m - own) for m in moved], rtol=1e-4, atol=1e-5)
    assert found.unrelated is None
    assert [note for note in found.notes if note.startswith("border crop")] == (
        [
            f"border crop: the image as it is is the middle of a view 8 pixels larger to each side, and so "
            f"magnified {40 / 24:.2f} times"
        ]
        if border == "crop"
        else []
    )


def test_the_identity_changes_nothing_at_all() -> None:
    for transform, kind in TRANSFORMS.items():
        found = invariance(model(), PICTURES, transform, [kind.identity])
        # Not always 0 to the bit: on some processors rounding depends on an image's place in its batch.
        assert found.distance.max() < ROUNDING
        assert found.answer is not None
        np.testing.assert_allclose(found.answer.probability[:, 0], found.answer.own_probability, atol=ROUNDING)
        assert found.consistency is None
        assert found.units[0].moved is None


def test_black_and_constant_images_work() -> None:
    flat = [np.full((24, 24, 3), value, np.uint8) for value in (0, 0, 255)]
    found = invariance(model(), flat, "translate-x", [-5, 5])
    assert found.distance.max() < ROUNDING
    assert found.normalised.max() < ROUNDING
    assert np.isfinite(found.score_mean).all()
    grey = invariance(model(), flat, "translate-x", [-5, 5], border="grey")
    assert (grey.distance[:, 0] > 0).all()


def test_silent_units_have_no_number() -> None:
    net = classifier()
    with torch.no_grad():
        net[0].weight[2], net[0].bias[2] = 0, -1  # type: ignore[operator]
    found = invariance(model(net), PICTURES, "scale", [1.3], ["1"])
    change = found.units[0]
    assert change.still is not None
    assert change.moved is not None
    for values in (change.normalised, change.still, change.moved):
        assert np.flatnonzero(np.isnan(values)).tolist() == [2]


class TestTargets:
    def test_a_class_by_name_index_or_several(self) -> None:
        runs = [
            invariance(model(), PICTURES[:2], "rotate", [90], target=target).answer
            for target in ("dog", 1, ["cat", "owl"])
        ]
        named, numbered, several = (run.probability for run in runs if run is not None)
        np.testing.assert_array_equal(named, numbered)
        np.testing.assert_allclose(named + several, 1, rtol=1e-6)
        assert [run.watched for run in runs if run is not None] == ["dog", "dog", "cat + owl"]

    def test_true_is_the_images_label_and_others_are_listed(self) -> None:
        images = ImageSet.open(Labelled([0, 1, 0]))
        found = invariance(model(), images, "rotate", [90], target="true")
        assert found.images == ("0", "2")
        assert found.labels == ("cat", "cat")
        ((name, reason),) = found.skipped
        assert name == "1"
        assert "label 'wolf' is not among the model's 3 class names" in reason
        cat = invariance(model(), [PICTURES[0], PICTURES[2]], "rotate", [90], target="cat")
        assert found.answer is not None
        assert cat.answer is not None
        np.testing.assert_array_equal(found.answer.probability, cat.answer.probability)
        with pytest.raises(ImageSetError, match=r"no image of .* can be used; 0: it has no label"):
            invariance(model(), PICTURES, "rotate", [90], target="true")

    def test_a_network_without_classes_has_no_answers_and_all_else(self) -> None:
        features_only = load_model(classifier()[:5].eval(), preprocessing=FEEDING)
        found = invariance(features_only, PICTURES, "rotate", [90, 180])
        assert found.answer is None
        assert found.consistency is None
        assert found.agreement is None
        assert [layer.address for layer in found.layers] == ["1", "4"]
        assert found.shown == (0, 0)
        with pytest.raises(SettingError, match="'cat' is a class, and this network's output has no shape"):
            invariance(features_only, PICTURES, "rotate", [90], target="cat")

    def test_probabilities_are_not_made_twice(self) -> None:
        soft = classifier().append(nn.Softmax(1))
        found = invariance(model(soft), PICTURES, "rotate", [90])
        plain = invariance(model(), PICTURES, "rotate", [90])
        assert found.answer is not None
        assert plain.answer is not None
        np.testing.assert_allclose(found.answer.probability, plain.answer.probability, rtol=1e-5)
        assert any("without softmax" in note for note in found.notes)


def test_nothing_depends_on_the_batch_or_on_other_images() -> None:
    one, many = (invariance(model(), PICTURES, "rotate", batch_size=size) for size in (5, 64))
    alone = invariance(model(), PICTURES[2:3], "rotate")
    np.testing.assert_allclose(one.distance, many.distance, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(alone.distance[0], many.distance[2], rtol=1e-4, atol=1e-6)
    for name in ("normalised", "still", "moved"):
        few, all_at_once = (getattr(run.units[0], name) for run in (one, many))
        np.testing.assert_allclose(few, all_at_once, rtol=1e-4)


def test_bad_images_are_listed_and_the_rest_goes_on() -> None:
    mixed: list[Any] = [PICTURES[0], np.zeros((24, 24, 5), np.uint8), PICTURES[1]]
    told: list[tuple[int, int]] = []
    found = invariance(model(), mixed, "rotate", [90], report=lambda done, total: told.append((done, total)))
    assert found.images == ("0", "2")
    assert found.skipped[0][0] == "1"
    assert "5 channels" in found.skipped[0][1]
    assert found.distance.shape[0] == 2
    assert told[-1] == (3, 3)
    with pytest.raises(ImageSetError, match="can be used; 0: the picture has 5 channels"):
        invariance(model(), mixed[1:2], "rotate", [90])


def test_a_limit_is_spread_over_the_set() -> None:
    assert spread(10, None) == spread(10, 12) == list(range(10))
    assert spread(10, 1) == [5]
    assert spread(10, 5) == [1, 3, 5, 7, 9]
    assert invariance(model(), PICTURES, "rotate", [90], limit=2).images == ("1", "3")


def test_an_image_set_and_a_list_are_the_same() -> None:
    runs = [invariance(model(), images, "scale", [1.2]) for images in (PICTURES, ImageSet.open(PICTURES))]
    np.testing.assert_array_equal(runs[0].distance, runs[1].distance)


WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"transform": "shear"}, SettingError, "transform 'shear'"),
    ({"values": []}, SettingError, "0 values"),
    ({"layers": []}, AddressError, "no layer was named"),
    ({"layers": ["9999"]}, AddressError, "no layer '9999'"),
    ({"border": "mirror"}, SettingError, "border 'mirror'"),
    ({"interpolation": "nearest"}, SettingError, "interpolation is one of bilinear, bicubic"),
    ({"follow": -1}, SettingError, "follow"),
    ({"limit": 0}, SettingError, "at least 1 image"),
    ({"seed": -1}, SettingError, "seed"),
    ({"batch_size": 1}, SettingError, "at least 2"),
    ({"target": "wolf"}, SettingError, "target 'wolf' is no class"),
    ({"target": "4:1"}, SettingError, "target '4:1' is a unit"),
]


@pytest.mark.parametrize(("asked", "error", "message"), WRONG)
def test_mistakes_are_told(asked: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        invariance(model(), PICTURES, **asked)


@pytest.mark.parametrize("bad", [math.nan, math.inf, 1e30])
def test_numbers_that_have_no_distance_name_layer_and_image(bad: float) -> None:
    net = classifier()
    with torch.no_grad():
        net[3].weight[0] = bad  # type: ignore[operator]
    with pytest.raises(NumberError, match=r"layer '4' gives NaN, infinite or very large .* for the image '\d'"):
        invariance(model(net), PICTURES, "rotate", [90])


def test_a_model_in_training_mode_is_refused() -> None:
    loaded = model(classifier())
    loaded.module.train()
    with pytest.raises(ModelError, match="training mode"):
        invariance(loaded, PICTURES)


@pytest.fixture(scope="module")
def usual() -> Invariance:
    return invariance(model(), PICTURES)


def test_by_default_it_is_the_papers_translation(usual: Invariance) -> None:
    assert usual.transform == "translate-y"
    np.testing.assert_array_equal(usual.values, np.arange(-6, 7))
    assert usual.border == "reflect"
    assert len(usual.followed) == 3
    assert [(layer.height, layer.answers) for layer in usual.layers] == [
        (24, False),
        (10, False),
        (None, False),
        (None, True),
    ]
    assert usual.shown == (0, 2)
    assert usual.answer is not None
    assert usual.answer.classes == CLASSES
