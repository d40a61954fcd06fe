"""Occlusion maps against a loop by hand over the eager module."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from convscope.engine.project import project
from convscope.errors import AddressError, ImageError, ModelError, NumberError, SettingError
from convscope.models import Model, load_model
from convscope.probes.fills import fill_picture
from convscope.probes.occlusion.occlude import occlude
from convscope.probes.occlusion.plan import plan_occlusion
from convscope.probes.targets import TargetSpec
from tests.probes.make import CLASSES, FEEDING, LAYER, SIZE, answer, classifier, model, picture

PICTURE = picture()
DISC = np.hypot(*np.mgrid[-2:3, -3:4]) < 2.6


def covered(rows: tuple[int, ...], columns: tuple[int, ...], mask: NDArray[np.bool_], fill: str) -> Any:
    """Each picture with its pixels replaced one by one, as (row, column, picture)."""
    shown = fill_picture(fill, PICTURE, FEEDING)
    for row, top in enumerate(rows):
        for column, left in enumerate(columns):
            view = PICTURE.copy()
            for y, x in np.argwhere(mask):
                view[top + y, left + x] = shown[top + y, left + x]
            yield row, column, view


@pytest.mark.parametrize(
    ("patch", "stride", "fill"), [(5, 4, "grey"), ((3, 8), (6, 5), "noise:3"), (DISC, 6, "blur"), (24, 1, "mean")]
)
def test_grids_are_those_of_a_loop_by_hand(patch: Any, stride: Any, fill: str) -> None:
    found = occlude(model(), PICTURE, patch, stride, fill)
    base, maps = answer(PICTURE)
    (layer,) = found.layers
    strongest = int(maps.reshape(len(maps), -1).max(1).argmax())
    assert (layer.layer, layer.unit, found.outputs.predicted) == (LAYER, strongest, int(base.argmax()))
    assert found.labels is not None
    assert found.unoccluded == pytest.approx(base.max(), abs=1e-6)
    assert layer.unoccluded == pytest.approx(maps[strongest].sum(), rel=1e-5)
    assert layer.peak == pytest.approx(maps.max(), rel=1e-5)
    assert maps[strongest][layer.position] == maps.max()
    seen = 0
    for row, column, view in covered(found.rows, found.columns, found.grid.mask, fill):
        probabilities, changed = answer(view)
        assert found.target_grid[row, column] == pytest.approx(probabilities[base.argmax()], abs=1e-6)
        assert found.drop[row, column] == pytest.approx(base.max() - probabilities[base.argmax()], abs=1e-6)
        assert found.labels.index[row, column] == probabilities.argmax()
        assert found.labels.probability[row, column] == pytest.approx(probabilities.max(), abs=1e-6)
        assert layer.sums[row, column] == pytest.approx(changed[strongest].sum(), rel=1e-4)
        np.testing.assert_array_equal(found.occluded(row, column), view)
        seen += 1
    assert seen == found.target_grid.size
    assert found.target_grid.dtype == np.float32
    assert found.exact.all()


def test_the_peak_is_where_the_target_drops_most() -> None:
    found = occlude(model(), PICTURE, (5, 7), 3)
    values = found.target_grid.tolist()
    lowest = min(min(row) for row in values)
    row = next(number for number, line in enumerate(values) if lowest in line)
    assert found.peak == (row, values[row].index(lowest))
    top, left = found.rows[row], found.columns[found.peak[1]]
    assert found.peak_box == (top, left, top + 5, left + 7)


def test_targets_of_every_kind() -> None:
    def margin(output: Tensor) -> Tensor:
        return output[:, 0] - output[:, 1]

    net = classifier()
    targets: dict[str, TargetSpec] = {
        "two": ["cat", 4],
        "unit": f"{LAYER}:2",
        "place": f"{LAYER}:2@3,4",
        "function": margin,
    }
    grids = {name: occlude(model(), PICTURE, 6, 6, target=target).target_grid for name, target in targets.items()}
    for row, column, view in covered((0, 6, 12, 18), (0, 6, 12, 18), np.ones((6, 6), np.bool_), "grey"):
        probabilities, maps = answer(view)
        assert grids["two"][row, column] == pytest.approx(probabilities[0] + probabilities[4], abs=1e-6)
        assert grids["unit"][row, column] == pytest.approx(maps[2].max(), rel=1e-5, abs=1e-6)
        assert grids["place"][row, column] == pytest.approx(maps[2, 3, 4], rel=1e-5, abs=1e-6)
        with torch.no_grad():
            values = (view - np.array(FEEDING.mean)) / np.array(FEEDING.std)
            logits = net(torch.from_numpy(values.astype(np.float32)).permute(2, 0, 1)[None])[0]
        assert grids["function"][row, column] == pytest.approx(float(logits[0] - logits[1]), abs=1e-5)


def test_the_projection_is_that_of_the_strongest_activation() -> None:
    found = occlude(model(), PICTURE, 12, layers=["1", LAYER])
    assert [layer.layer for layer in found.layers] == ["1", LAYER]
    for layer in found.layers:
        y, x = layer.position
        expected = project(model(), PICTURE, f"{layer.layer}:{layer.unit}@{y},{x}")
        assert (layer.method, layer.window) == (expected.method, expected.window)
        assert layer.projection is not None
        np.testing.assert_allclose(layer.projection, expected.pixels, rtol=1e-5)


def test_many_pictures_in_one_call_and_their_progress() -> None:
    told: list[tuple[int, int]] = []
    network = model()
    found = occlude(network, [PICTURE, picture(1)], 12, 12, report=lambda done, total: told.append((done, total)))
    assert isinstance(found, tuple)
    np.testing.assert_array_equal(found[0].target_grid, occlude(network, PICTURE, 12, 12).target_grid)
    assert found[1].view.tolist() == picture(1).tolist()
    assert told == sorted(told)
    assert told[-1] == (8, 8)


def test_probabilities_are_taken_as_they_are_and_said_so() -> None:
    ready = load_model(nn.Sequential(*classifier(), nn.Softmax(1)).eval(), preprocessing=FEEDING, classes=CLASSES)
    found, expected = occlude(ready, PICTURE, 8), occlude(model(), PICTURE, 8)
    np.testing.assert_allclose(found.target_grid, expected.target_grid, atol=1e-6)
    assert any("without softmax" in note for note in found.notes)
    assert not any("softmax" in note for note in expected.notes)


def features() -> Model:
    return load_model(classifier()[:5].eval(), preprocessing=FEEDING)


def test_a_network_without_classes_answers_for_units_only() -> None:
    found = occlude(features(), PICTURE, 8, target=f"{LAYER}:1")
    assert found.labels is None
    np.testing.assert_allclose(found.target_grid, occlude(model(), PICTURE, 8, target=f"{LAYER}:1").target_grid)
    with pytest.raises(SettingError, match=r"LAYER:UNIT"):
        occlude(features(), PICTURE, 8)


def test_gaps_and_negative_sums_are_noted() -> None:
    found = occlude(model(), PICTURE, 4, 10, layers=["3"])
    assert any("no occluder covers some pixels" in note for note in found.notes)
    assert any("negative values" in note for note in found.notes)
    assert not any("covers" in note for note in occlude(model(), PICTURE, 4, 4).notes)


class _Odd(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3)
        self.last = nn.Linear(4, 3)

    def forward(self, images: Tensor) -> Tensor:
        maps: Tensor = self.convolution(images)
        return self.last(torch.sinc(maps).amax((2, 3)))  # type: ignore[no-any-return]


def test_an_op_without_a_rule_costs_the_projection_only() -> None:
    torch.manual_seed(0)
    odd = load_model(_Odd().eval(), preprocessing=FEEDING)
    found = occlude(odd, PICTURE, 8, layers=["sinc"], method="deconvnet")
    assert found.layers[0].projection is None
    assert any("no projection of sinc" in note for note in found.notes)
    assert np.ptp(found.layers[0].sums) > 0


def test_an_op_without_a_window_rule_is_run_on_whole_maps_and_the_result_says_so() -> None:
    torch.manual_seed(0)
    net = _Odd().eval()
    odd = load_model(net, preprocessing=FEEDING)
    found = occlude(odd, PICTURE, 5, 6, target=1, layers=["convolution"])
    assert any("'sinc' at 'sinc'" in note and "whole maps" in note for note in found.notes)
    assert not any("whole maps" in note for note in occlude(model(), PICTURE, 5, 6).notes)
    for row, column, view in covered(found.rows, found.columns, found.grid.mask, "grey"):
        with torch.no_grad():
            chances = net(FEEDING.normalise(torch.from_numpy(view)[None])).softmax(1)[0]
        assert found.target_grid[row, column] == pytest.approx(float(chances[1]), abs=1e-6)
    (planned,) = (op for op in plan_occlusion(odd, 5, 6, layers=["convolution"]).ops if op.op == "sinc")
    assert (planned.on_windows, planned.reason) == (False, "has no rule for windows")


def broken(weight: float) -> Model:
    net = classifier()
    net.get_parameter("3.weight").data[2] = weight
    return load_model(net, preprocessing=FEEDING)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"patch": 25}, SettingError, "smaller patch"),
        ({"stride": 0}, SettingError, "stride"),
        ({"fill": "red"}, SettingError, "fill 'red'"),
        ({"target": 5}, SettingError, "out of range"),
        ({"target": "9:1"}, AddressError, "no layer '9'"),
        ({"target": "4:7"}, AddressError, "units 0 to 6"),
        ({"target": "4:0@10,0"}, AddressError, "10 rows and 10 columns"),
        ({"target": len}, SettingError, "expected a tensor of shape"),
        ({"target": lambda output: output}, SettingError, "one number per image"),
        ({"layers": ["9"]}, AddressError, "no layer '9'"),
        ({"layers": []}, AddressError, "no layer was named"),
    ],
)
def test_bad_input_says_what_to_change(options: dict[str, Any], error: type[Exception], message: str) -> None:
    network = model()
    with pytest.raises(error, match=message):
        occlude(network, PICTURE, **options)


@pytest.mark.parametrize("weight", [torch.nan, torch.inf])
def test_weights_that_are_not_finite_are_an_error(weight: float) -> None:
    with pytest.raises(NumberError, match="NaN"):
        occlude(broken(weight), PICTURE, 8)


def test_a_target_that_turns_nan_under_an_occluder_is_an_error() -> None:
    usual = classifier()(torch.zeros(1, 3, SIZE, SIZE)).shape

    def sensitive(output: Tensor) -> Tensor:
        assert output.shape[1:] == usual[1:]
        return torch.full((len(output),), 1.0 if len(output) == 1 else torch.nan)

    with pytest.raises(NumberError, match="under an occluder"):
        occlude(model(), PICTURE, 8, target=sensitive)


def test_a_model_in_training_mode_is_refused() -> None:
    network = model()
    network.module.train()
    with pytest.raises(ModelError, match=r"module\.eval\(\)"):
        occlude(network, PICTURE, 8)


def test_a_picture_that_is_none_is_refused() -> None:
    with pytest.raises(ImageError, match="float64"):
        occlude(model(), np.zeros((4, 4, 3)), 2)  # type: ignore[arg-type]


def test_in_a_notebook_it_shows_itself() -> None:
    found = occlude(model(), PICTURE, 8)
    assert found._repr_png_().startswith(b"\x89PNG")
    flat = replace(found, target_grid=np.full_like(found.target_grid, found.unoccluded))
    assert flat._repr_png_().startswith(b"\x89PNG")
