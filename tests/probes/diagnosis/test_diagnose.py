"""Troubles that were planted are found, and no others of their kind; blur lowers aliasing; single numbers agree."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
import torch
from torch import nn

from convscope.errors import ImageSetError, ModelError, NumberError, SettingError
from convscope.models import load_model
from convscope.probes.diagnosis import numbers
from convscope.probes.diagnosis.diagnose import diagnose
from convscope.probes.diagnosis.result import Diagnosis
from convscope.probes.diagnosis.shifts import moved
from tests.probes.diagnosis.make import (
    CLASSES,
    DEAD,
    DOUBLE,
    EMPTY,
    FEEDING,
    LOUD,
    ORIGINAL,
    classifier,
    model,
    picture,
    planted,
)

PICTURES = [picture(seed) for seed in range(9)]


@lru_cache(maxsize=2)
def found(sick: bool) -> Diagnosis:
    return diagnose(model(planted() if sick else classifier()), PICTURES)


def worst(diagnosis: Diagnosis) -> dict[tuple[str, str], str]:
    return {(each.kind, each.layer): each.severity for each in diagnosis.findings if each.severity != "none"}


def test_planted_troubles_are_found_where_they_are_and_nowhere_else() -> None:
    kinds = {"aliasing", "shift consistency", "class under shifts"}  # a loud and a copied filter change these too
    assert {trouble: severity for trouble, severity in worst(found(True)).items() if trouble[0] not in kinds} == {
        ("dominating filters", "0"): "mild",
        ("vanishing filters", "0"): "strong",
        ("duplicate filters", "0"): "strong",
        ("dead units", "1"): "strong",
    }
    first = found(True).filters[0]
    assert int(first.sizes.ratio.argmax()) == LOUD
    assert first.largest == pytest.approx(10, rel=0.3)
    assert np.flatnonzero(first.vanishing).tolist() == [EMPTY]
    assert first.twins is not None
    assert {unit: int(of) for unit, of in enumerate(first.twins.of) if of >= 0} == {DOUBLE: ORIGINAL}
    (layer,) = (each for each in found(True).activity if each.address == "1")
    assert np.flatnonzero(layer.dead).tolist() == [DEAD]
    assert first.activity == "1"


def test_a_healthy_network_has_none_of_these_kinds() -> None:
    kinds = {kind for kind, _ in worst(found(False))}
    assert not kinds & {"dominating filters", "vanishing filters", "duplicate filters", "dead units", "saturation"}


def test_sentences_say_number_units_and_what_to_change() -> None:
    (dead,) = (each for each in found(True).findings if (each.kind, each.layer) == ("dead units", "1"))
    assert dead.what.startswith(f"12.5% of the units never answered on 9 images: {DEAD}")
    assert dead.number == 1 / 8
    assert "learning rate" in dead.advice
    assert "Zeiler & Fergus 2013" in dead.source
    assert str(dead).startswith("strong dead units: 1: 12.5%")
    ranks = [("strong", "mild", "none").index(each.severity) for each in found(True).findings]
    assert ranks == sorted(ranks)
    assert all(bool(each.advice) == (each.severity != "none") for each in found(True).findings)


def test_activity_is_that_of_the_module() -> None:
    net = planted()
    views = torch.from_numpy(np.stack(PICTURES)).float()
    images = ((views - 128) / 64).permute(0, 3, 1, 2)
    with torch.no_grad():
        maps = net[:2](images)
        hidden = net[:10](images)
    layers = {each.address: each for each in found(True).activity}
    np.testing.assert_allclose(layers["1"].density, (maps > 0).float().mean((0, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(layers["9"].highest, hidden.amax(0), rtol=1e-4)
    assert layers.keys() == {"1", "4", "9"}


def test_classes_under_shifts_are_those_of_the_module() -> None:
    net = classifier()
    shifts = found(False).shifts
    views = np.stack(PICTURES)

    def classes(shown: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return np.asarray(net((torch.from_numpy(shown).float() - 128).permute(0, 3, 1, 2) / 64).argmax(1))

    own = classes(views)
    assert shifts is not None
    assert shifts.pixels == (1, 2, 3, 4)
    assert shifts.classes == len(set(own.tolist()))
    for pixels, same in zip(shifts.pixels, shifts.same, strict=True):
        shown = np.pad(views, ((0, 0), (pixels, 0), (pixels, 0), (0, 0)), mode="reflect")[:, :32, :32]
        np.testing.assert_array_equal(moved(torch.from_numpy(views), pixels).numpy(), shown)
        assert same == pytest.approx((classes(shown) == own).mean())


def test_blur_before_subsampling_lowers_aliasing_and_raises_consistency() -> None:
    sharp, blurred = (model(classifier(pool)) for pool in ("max", "blur"))
    for one, other in zip(found(False).strided, diagnose(blurred, PICTURES, shifts=0).strided, strict=True):
        assert other.above < 0.6 * one.above
        assert one.agreement is not None
        assert other.agreement is not None
        assert other.agreement > one.agreement
    assert numbers.aliasing(blurred, PICTURES) < 0.6 * numbers.aliasing(sharp, PICTURES)
    assert numbers.map_consistency(blurred, PICTURES) > numbers.map_consistency(sharp, PICTURES)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_weights_that_are_no_numbers_are_named(bad: float) -> None:
    broken = classifier()
    with torch.no_grad():
        next(broken[3].parameters())[0, 0, 0, :2] = bad
    with pytest.raises(NumberError, match=r"the weights of '3', .* hold NaN or infinity in 2 of \d+ places"):
        diagnose(model(broken))


def test_single_numbers_are_those_of_the_diagnosis() -> None:
    sick = model(planted())
    whole = found(True)
    dead = np.concatenate([layer.dead for layer in whole.activity])
    assert numbers.dead_share(sick, PICTURES) == dead.mean()
    assert whole.first is not None
    assert whole.first.spectra is not None
    assert numbers.mid_coverage(sick) == whole.first.spectra.covered
    assert numbers.aliasing(sick, PICTURES) == pytest.approx(np.mean([op.above for op in whole.strided]))
    assert whole.shifts is not None
    assert numbers.shift_consistency(sick, PICTURES) == pytest.approx(whole.shifts.mean)


def test_batches_do_not_matter() -> None:
    one = diagnose(model(planted()), PICTURES, batch_size=2)
    for mine, whole in zip(one.strided, found(True).strided, strict=True):
        assert mine.above == pytest.approx(whole.above, rel=1e-4)
        assert mine.agreement == pytest.approx(whole.agreement, rel=1e-4)
    for layer, all_at_once in zip(one.activity, found(True).activity, strict=True):
        np.testing.assert_allclose(layer.density, all_at_once.density, atol=1e-3)


def test_weights_alone_say_what_they_cannot() -> None:
    alone = diagnose(model(planted()))
    assert (alone.images, alone.activity, alone.strided, alone.shifts) == (0, (), (), None)
    assert {each.reason for each in alone.left_out} == {"needs images"}
    assert [each.what.split()[0] for each in alone.left_out] == ["dead,", "aliasing", "the"]
    with_images = {(e.kind, e.layer): e.number for e in found(True).findings}
    assert all(with_images[each.kind, each.layer] == each.number for each in alone.findings)


def test_frozen_normalisation_is_part_of_the_filters() -> None:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(4)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), norm, nn.ReLU(), nn.Conv2d(4, 2, 1)).eval()
    with torch.no_grad():
        norm.weight[2] = 100
    (first, _) = diagnose(load_model(net, preprocessing=FEEDING)).filters
    assert int(first.sizes.ratio.argmax()) == 2
    assert first.largest > 50


def test_networks_that_lack_something_say_so() -> None:
    pixels = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 3, stride=3))
    maps = diagnose(load_model(pixels.eval(), preprocessing=FEEDING), PICTURES)
    reasons = {each.what: each.reason for each in maps.left_out}
    assert "single pixels" in reasons["spectra of the first layer"]
    assert "no row of classes" in reasons["the predicted class under shifts"]
    vector = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 3))
    none = diagnose(load_model(vector.eval(), preprocessing=FEEDING), PICTURES)
    assert none.first is None
    assert ("first layer", "the network has no convolution") in {(e.what, e.reason) for e in none.left_out}
    constant = nn.Sequential(*classifier()[:-1], nn.Linear(6, 3))
    with torch.no_grad():
        next(constant[-1].parameters()).zero_()
    same = diagnose(load_model(constant.eval(), preprocessing=FEEDING), PICTURES)
    assert "same class" in {each.what: each.reason for each in same.left_out}["the predicted class under shifts"]
    assert "class under shifts" not in {each.kind for each in same.findings}


def test_mistakes_are_told() -> None:
    sick = model(classifier())
    for wrong in ({"limit": 0}, {"shifts": -1}, {"channels": 0}, {"batch_size": 0}, {"shifts": 32}):
        with pytest.raises(SettingError):
            diagnose(sick, PICTURES, **wrong)  # type: ignore[arg-type]
    with pytest.raises(ImageSetError, match="no image"):
        diagnose(sick, [np.zeros((4, 4, 2), np.uint8)])
    training = model(classifier())
    training.module.train()
    with pytest.raises(ModelError, match="training mode"):
        diagnose(training)
    broken = classifier()
    with torch.no_grad():
        next(broken[3].parameters())[0, 0, 0, 0] = torch.nan
    with pytest.raises(NumberError, match=r"the weights of '3', .* hold NaN or infinity in 1 of \d+ places"):
        diagnose(model(broken), PICTURES)
    with torch.no_grad():
        next(broken[3].parameters()).fill_(3e38)
    with pytest.raises(NumberError, match=r"layer '4' gives NaN .* for \d+ of \d+ images, first '0'"):
        diagnose(model(broken), PICTURES)
    assert numbers.dead_share(model(classifier()), PICTURES) >= 0
    flat = load_model(nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 2)).eval(), preprocessing=FEEDING)
    with pytest.raises(SettingError, match="no layer of units"):
        numbers.dead_share(flat, PICTURES)
    with pytest.raises(SettingError, match="no class can be followed"):
        numbers.shift_consistency(load_model(classifier()[:3].eval(), preprocessing=FEEDING), PICTURES)
    with pytest.raises(SettingError, match="no spectrum"):
        numbers.mid_coverage(load_model(nn.Conv2d(3, 4, 1).eval(), preprocessing=FEEDING))
    assert len(CLASSES) == 4
