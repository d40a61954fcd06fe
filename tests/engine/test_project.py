"""One activation down to pixels: values, places, gradients from autograd, refusals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from convscope.engine.allowance import Allowance, allowing
from convscope.engine.graphs import graph_of
from convscope.engine.layers import find_layers
from convscope.engine.project import Way, project, project_signals, project_units
from convscope.engine.trace import retrace, trace
from convscope.errors import AddressError, CoverageError, ImageError, NumberError
from convscope.graph.opgraph import evaluate
from convscope.models import Model, load_model
from convscope.units import UnitAddress
from tests.engine.make import DEAD, exact_model, exact_net, feeding, float_net, maps_of, pictures

PICTURE = pictures(1, levels=256, seed=5)[0]


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(float_net().eval(), preprocessing=feeding())


def by_autograd(model: Model, last: int, unit: int, y: int, x: int) -> tuple[float, np.ndarray]:
    """The activation, and it times its gradient with respect to the pixels."""
    assert isinstance(model.module, nn.Sequential)
    pixels = torch.from_numpy(PICTURE).permute(2, 0, 1)[None].float().requires_grad_()
    value = model.module[: last + 1](pixels)[0, unit, y, x]
    (gradient,) = torch.autograd.grad(value, pixels, value.detach())
    return float(value.detach()), gradient[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize(("layer", "y", "x"), [(2, 0, 0), (2, 17, 31), (5, 6, 7), (5, 13, 0)])
def test_gradient_agrees_with_autograd(model: Model, layer: int, y: int, x: int) -> None:
    for unit in (0, 3, 7):
        found = project(model, PICTURE, f"{layer}:{unit}@{y},{x}", method="gradient")
        value, expected = by_autograd(model, layer, unit, y, x)
        assert found.value == pytest.approx(value, rel=1e-4, abs=1e-4)
        scale = max(float(np.abs(expected).max()), 1e-6)
        np.testing.assert_allclose(found.pixels / scale, expected / scale, atol=1e-5)


@pytest.mark.parametrize("method", ["deconvnet", "guided_backprop", "gradient"])
def test_only_the_window_is_touched(model: Model, method: str) -> None:
    for place in ("2:1@0,31", "5:4@7,8", "5:0@0,0"):
        found = project(model, PICTURE, place, method=method)
        top, left, bottom, right = found.window
        outside = found.pixels.copy()
        outside[top:bottom, left:right] = 0
        assert not outside.any()


def test_without_a_position_the_strongest_activation_is_taken() -> None:
    maps = maps_of(exact_net(), "4", [PICTURE])[0]
    model = exact_model()
    for unit in (0, 1, DEAD, 11):
        found = project(model, PICTURE, f"4:{unit}")
        y, x = divmod(int(maps[unit].flatten().argmax()), 7)
        assert found.value == float(maps[unit].max())
        assert found.unit == UnitAddress("4", unit, (y, x))
        assert found.method == "deconvnet"


def test_of_equal_activations_the_first_is_taken_and_a_silent_unit_shows_nothing() -> None:
    found = project(exact_model(), PICTURE, f"4:{DEAD}")
    assert (found.value, found.unit.position) == (0, (0, 0))
    assert not found.pixels.any()
    assert found._repr_png_().startswith(b"\x89PNG")


def test_the_view_is_what_the_model_saw() -> None:
    large = PICTURE.repeat(3, 0).repeat(3, 1)
    found = project(exact_model(), large, "1:0")
    np.testing.assert_array_equal(found.view, PICTURE)
    assert found.pixels.shape == (32, 32, 3)
    assert found.pixels.dtype == np.float32


@pytest.mark.parametrize("limit", [1, 100_000])
def test_memory_limit_changes_nothing(model: Model, limit: int) -> None:
    graph = graph_of(model)
    (layer,) = find_layers(graph, ["5"])
    recorded = trace(graph, model.preprocessing.normalise(torch.from_numpy(PICTURE)[None]), layer.node)
    places = [(unit, y, 2 * y) for unit in range(8) for y in range(4)]
    whole = list(project_units(recorded, layer, places, Way("deconvnet")))
    with allowing(Allowance(signals=limit)):
        few = list(project_units(recorded, layer, places, Way("deconvnet")))
    assert len(few) == 32
    np.testing.assert_allclose(np.stack(few), np.stack(whole), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 4])
def test_other_numbers_of_channels(channels: int) -> None:
    (picture,) = pictures(1, channels, levels=256)
    assert project(exact_model(channels), picture, "4:0").pixels.shape == (32, 32, channels)


@pytest.mark.parametrize(
    ("unit", "options", "error", "message"),
    [
        ("nowhere:1", {}, AddressError, "nowhere"),
        ("4:12", {}, AddressError, "units 0 to 11, not 12"),
        (UnitAddress("4", -1), {}, AddressError, "not -1"),
        ("4:1@7,0", {}, AddressError, "7 rows and 7 columns; 7,0 is outside"),
        (UnitAddress("4", 1, (0, -1)), {}, AddressError, "0,-1 is outside"),
        ("4", {}, AddressError, "LAYER:CHANNEL"),
        ("4:1", {"method": "magic"}, CoverageError, "auto, deconvnet, guided_backprop, gradient"),
        ("4:1", {"unpool": "magic"}, CoverageError, "sum, last, none"),
    ],
)
def test_what_is_not_there_is_refused(
    unit: str | UnitAddress, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    model = exact_model()
    with pytest.raises(error, match=message):
        project(model, PICTURE, unit, **options)


def test_a_picture_that_is_no_picture_is_refused() -> None:
    with pytest.raises(ImageError, match="float64"):
        project(exact_model(), np.zeros((8, 8, 3)), "4:1")  # type: ignore[arg-type]


def test_nan_is_an_error_and_the_model_is_as_it_was() -> None:
    net = exact_net()
    net.get_parameter("0.bias").data[1] = torch.nan
    broken = load_model(net, preprocessing=feeding())
    with pytest.raises(NumberError, match=r"layer '1', unit 1: .*NaN"):
        project(broken, PICTURE, "1:1@0,0")
    assert not broken.module.training
    assert not any(entry.requires_grad or entry.grad is not None for entry in broken.module.parameters())


def test_a_model_is_not_changed_by_projecting(model: Model) -> None:
    before = {name: entry.clone() for name, entry in model.module.state_dict().items()}
    project(model, PICTURE, "5:1")
    after = model.module.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not model.module.training


def test_a_graph_is_kept_for_each_input_size(model: Model) -> None:
    assert graph_of(model) is graph_of(replace(model, spec="another name"))
    small = graph_of(replace(model, preprocessing=feeding(size=16)))
    assert small.input_shape == (1, 3, 16, 16)
    assert graph_of(model).input_shape == (1, 3, 32, 32)


@pytest.mark.parametrize("method", ["deconvnet", "guided_backprop", "gradient"])
def test_a_one_hot_signal_is_the_units_projection_in_other_units(model: Model, method: str) -> None:
    graph = graph_of(model)
    (layer,) = find_layers(graph, ["5"])
    recorded = trace(graph, torch.from_numpy(PICTURE).permute(2, 0, 1)[None].float(), layer.node)
    value = recorded.values[layer.node]
    y, x = divmod(int(value[0].sum(0).argmax()), layer.width)
    units = [int(unit) for unit in value[0, :, y, x].nonzero()[:, 0]]
    assert len(units) > 1
    signals = torch.eye(layer.units)[units]
    ones = list(project_signals(recorded, layer, signals, (y, x), Way(method)))
    valued = list(project_units(recorded, layer, [(unit, y, x) for unit in units], Way(method)))
    for unit, one, expected in zip(units, ones, valued, strict=True):
        np.testing.assert_allclose(one * float(value[0, unit, y, x]), expected, rtol=1e-4, atol=1e-6)


def test_the_gradient_of_a_mixture_is_the_mixture_of_gradients(model: Model) -> None:
    assert isinstance(model.module, nn.Sequential)
    graph = graph_of(model)
    (layer,) = find_layers(graph, ["5"])
    image = torch.from_numpy(PICTURE).permute(2, 0, 1)[None].float()
    recorded = trace(graph, image, layer.node)
    mixture = torch.randn(2, layer.units, generator=torch.Generator().manual_seed(3))
    leaf = image.clone().requires_grad_()
    value = model.module[:6](leaf)[0, :, 6, 7]
    found = list(project_signals(recorded, layer, mixture, (6, 7), Way("gradient")))
    for signal, pixels in zip(mixture, found, strict=True):
        (expected,) = torch.autograd.grad(value, leaf, signal, retain_graph=True)
        np.testing.assert_allclose(pixels, expected[0].permute(1, 2, 0).numpy(), atol=1e-5)
    assert list(project_signals(recorded, layer, mixture[:0], (6, 7), Way("gradient"))) == []


def test_a_trace_of_the_same_image_again_takes_over_what_has_not_changed(model: Model) -> None:
    graph = graph_of(model)
    layers = find_layers(graph, ["2", "5"])
    image = torch.from_numpy(PICTURE).permute(2, 0, 1)[None].float()
    recorded = trace(graph, image, layers[1].node)
    weight = layers[1].node
    changed = {node.name for node in graph.nodes[graph.nodes.index(graph.by_name[layers[0].node]) + 1 :]}
    doubled = {name: value * 2 if value.dim() == 4 else value for name, value in graph.constants.items()}
    other = replace(graph, constants=doubled)
    again, whole = retrace(recorded, other, changed, weight), trace(other, image, weight)
    assert again.values[layers[0].node] is recorded.values[layers[0].node]
    first = next(node for node in graph.nodes if node.name in changed)
    np.testing.assert_array_equal(
        again.values[first.name], run_op(first, {**doubled, **recorded.values, **other.constants})
    )
    assert not torch.equal(again.values[weight], whole.values[weight])  # which is new from the bottom up


def run_op(node: Any, values: Any) -> Any:
    return evaluate(node, values)


@pytest.mark.parametrize("cut", [nn.ReLU6(), nn.Hardtanh(), nn.Hardtanh(-0.5, 2.0)])
def test_the_gradient_of_a_rectifier_with_a_ceiling_agrees_with_autograd(cut: nn.Module) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), cut, nn.Conv2d(4, 5, 3)).eval()
    with torch.no_grad():
        for part in net:
            for weight in part.parameters():
                weight.mul_(0.05)
    found = load_model(net, preprocessing=feeding())
    pixels = torch.from_numpy(PICTURE).permute(2, 0, 1)[None].float().requires_grad_()
    value = net(pixels)[0, 2, 5, 6]
    (expected,) = torch.autograd.grad(value, pixels, value.detach())
    pixel_wise = project(found, PICTURE, "2:2@5,6", method="gradient").pixels
    inside = net[:2](pixels.detach())[0, :, 5:8, 6:9]
    assert 0 < int(((inside > -0.5) & (inside < 1) & (inside != 0)).sum()) < inside.numel()  # both sides occur
    np.testing.assert_allclose(pixel_wise, expected[0].permute(1, 2, 0).numpy(), atol=1e-6)
