"""The self-test: that it passes where all is well, and finds each kind of fault that is put in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from convscope.engine import trace as recording
from convscope.engine.graphs import graph_of
from convscope.engine.layers import find_layers
from convscope.errors import ModelError, SettingError
from convscope.graph.opgraph import OpGraph
from convscope.images import ImageSet
from convscope.models import Model, load_model
from convscope.probes.verification.compare import HIDDEN, SILENT, apart
from convscope.probes.verification.reference import DEPARTURES, Reference
from convscope.probes.verification.result import CHECKS, OUTPUT, Verification
from convscope.probes.verification.verify import verify_model
from convscope.rules.kinds import Kind
from convscope.rules.local import Local, Operand, local_ops
from convscope.rules.projection import DECONVNET, METHODS, TRANSPOSE
from tests.probes.make import FEEDING, LAYER, model, picture
from tests.rules.rewritten import by_rewriting


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> ImageSet:
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(3):
        Image.fromarray(picture(number)).save(folder / f"{number}.png")
    return ImageSet.open(folder)


def _moved(local: Local) -> Local:
    def moved(operand: Operand) -> Operand:
        rows, columns = operand.reach
        return replace(operand, reach=(replace(rows, start=rows.start + 1), columns))

    return replace(local, operands={name: moved(operand) for name, operand in local.operands.items()})


def failing(found: Verification) -> set[tuple[str, str]]:
    return {(check.layer, check.check) for check in found.checks if not check.passed}


def test_a_sound_network_passes_everything(pictures: ImageSet) -> None:
    seen: list[tuple[int, int]] = []
    found = verify_model(model(), pictures, count=3, report=lambda done, total: seen.append((done, total)))
    assert found.passed
    assert found.layers == ("1", LAYER, OUTPUT)
    assert found.images == pictures.names
    assert found.untested == ()
    for layer in ("1", LAYER):
        for name in ("graph", "windows", *METHODS):
            check = found.of(layer, name)
            assert check is not None
            assert check.difference < 1e-5
    for name in ("graph", "occlusion"):
        assert sum(check.check == name and check.layer == OUTPUT for check in found.checks) == 3
    assert seen[-1][0] == seen[-1][1]
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_graph_that_is_not_the_network_any_more_is_found(pictures: ImageSet) -> None:
    changed = model(1)
    graph_of(changed)
    first: Any = changed.module.get_submodule("0")
    first.weight = nn.Parameter(first.weight.detach() * 1.5)
    failed = failing(verify_model(changed, pictures))
    assert {("1", "graph"), (OUTPUT, "graph"), (OUTPUT, "occlusion")} <= failed
    assert not {check for _, check in failed} & {"gradient", "deconvnet", "guided_backprop", "windows"}


def test_a_wrong_rule_is_found(pictures: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "deconvnet", {**DECONVNET, Kind.RECTIFIER: TRANSPOSE})
    assert {check for _, check in failing(verify_model(model(), pictures))} == {"deconvnet"}


def test_wrong_windows_are_found(pictures: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of one convolution that look one pixel beside where they should."""

    def shifted(graph: OpGraph) -> Mapping[str, Local]:
        found = dict(local_ops(graph))
        second = next(node.name for node in graph.nodes if node.op == "conv2d" and node.module == "3")
        found[second] = _moved(found[second])
        return found

    monkeypatch.setattr(recording, "local_ops", shifted)
    found = failing(verify_model(model(), pictures))
    assert (LAYER, "windows") in found
    assert not any(layer == "1" for layer, _ in found)


def test_values_that_are_not_finite_fail(pictures: ImageSet) -> None:
    broken = model(2)
    with torch.no_grad():
        next(broken.module.parameters())[0, 0, 0, 0] = math.nan
    found = verify_model(broken, pictures)
    assert not found.passed
    check = found.of(OUTPUT, "graph")
    assert check is not None
    assert math.isnan(check.difference)


def test_a_silent_layer_is_not_called_sound(pictures: ImageSet) -> None:
    silent = model(3)
    first: Any = silent.module.get_submodule("0")
    with torch.no_grad():
        first.weight.zero_()
        first.bias.fill_(-1)
    found = verify_model(silent, pictures, ["1"])
    assert {(each.layer, each.check, each.reason) for each in found.untested} == {
        ("1", name, SILENT) for name in METHODS
    }


def down(net: nn.Module, image: torch.Tensor, seed: torch.Tensor, method: str) -> torch.Tensor:
    if method != "gradient":
        return by_rewriting(net, image, seed[None], method)[0]
    leaf = image.clone().requires_grad_()
    return torch.autograd.grad(net(leaf), leaf, seed)[0][0]


@pytest.mark.parametrize("method", METHODS)
def test_the_reference_is_that_of_rewritten_rectifiers(method: str) -> None:
    """A third derivation: the eager module under a mode that rewrites its rectifiers."""
    made = model(4)
    graph = graph_of(made)
    (layer,) = find_layers(graph, [LAYER])
    image = torch.randn(1, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    reference = Reference(graph, image, (layer.node,), method)
    value = reference.values[layer.node].detach()
    for unit in range(3):
        y, x = divmod(int(value[0, unit].argmax()), layer.width)
        seed = torch.zeros_like(value)
        seed[0, unit, y, x] = value[0, unit, y, x]
        part: Any = made.module
        expected = down(part[: int(LAYER) + 1], image, seed, method)
        assert apart(reference.projection(layer.node, unit, y, x), expected) < 1e-6


def test_every_method_has_a_reference() -> None:
    assert set(DEPARTURES) == set(METHODS)
    of_an_atlas = {"activation", "peak", "projection", "picture"}
    assert set(CHECKS) == {"graph", "windows", "occlusion", *METHODS} | of_an_atlas


def test_differences_are_told_in_parts_of_the_largest_value() -> None:
    expected = torch.tensor([0.0, -4.0, 2.0])
    assert apart(expected + torch.tensor([0.0, 0.0, 0.5]), expected) == 0.125
    assert apart(torch.zeros(3), torch.zeros(3)) == 0
    assert apart(torch.ones(3), torch.zeros(3)) == math.inf
    assert math.isnan(apart(torch.tensor([math.nan]), torch.ones(1)))


class Residual(nn.Module):
    """Its result is the second of two sums, which have one shape."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(3, 3, 3, padding=1) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.first(x)
        made: torch.Tensor = x + self.second(x)
        return made


def test_a_map_inside_a_module_is_not_taken_for_its_result(pictures: ImageSet) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(Residual(), nn.Flatten(), nn.Linear(3 * 24 * 24, 5)).eval()
    found = verify_model(load_model(net, preprocessing=FEEDING), pictures, ["0.add", "0"])
    assert found.passed
    assert {(each.layer, each.reason) for each in found.untested} == {("0.add", HIDDEN)}


@pytest.mark.parametrize(("options", "says"), [({"count": 0}, "count is 0"), ({"seed": -1}, "seed is -1")])
def test_settings_that_leave_nothing_to_test(pictures: ImageSet, options: Any, says: str) -> None:
    with pytest.raises(SettingError, match=says):
        verify_model(model(), pictures, **options)


def test_a_network_in_training_mode_is_refused(pictures: ImageSet) -> None:
    made: Model = model(5)
    made.module.train()
    with pytest.raises(ModelError, match="training mode"):
        verify_model(made, pictures)


def test_the_same_seed_draws_the_same_units(pictures: ImageSet) -> None:
    one, again = (verify_model(model(6), pictures, seed=7) for _ in range(2))
    assert [check.units for check in one.checks] == [check.units for check in again.checks]
    assert np.isfinite([check.difference for check in one.checks]).all()
