"""The tests from end to end against a slow derivation: modules, autograd, one picture at a time."""

from __future__ import annotations

import copy
import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch import Tensor, nn

from convscope.engine.graphs import graph_of
from convscope.engine.layers import find_layers
from convscope.engine.project import window_of
from convscope.errors import AddressError, CoverageError, ImageSetError, ModelError, NumberError, SettingError
from convscope.models import Model
from convscope.probes.trust.measure import Settings, layers_to_test, likeness_of, trust
from convscope.probes.trust.pairs import COMPARED, _mixture
from convscope.probes.trust.result import Likeness, Trust
from convscope.probes.trust.similarity import Similarity
from convscope.probes.trust.spots import find_spots
from convscope.probes.trust.verdicts import UNKNOWN
from convscope.probes.trust.weights import fresh_weights, weight_name, weighted_nodes
from tests.probes.make import LAYER, classifier, model, normalised, picture

COUNT, UNITS = 4, 3
PICTURES = [picture(seed) for seed in range(COUNT)]
METHODS = ("deconvnet", "guided_backprop", "gradient")


@pytest.fixture(scope="module")
def found() -> Trust:
    return trust(model(), PICTURES, ["1", LAYER], count=COUNT, units=UNITS)


def gradient(net: nn.Sequential, image: Tensor, signal: Tensor, y: int, x: int) -> NDArray[np.float32]:
    leaf = image.clone().requires_grad_()
    value = net[: int(LAYER) + 1](leaf)[0, :, y, x]
    (down,) = torch.autograd.grad((value * signal).sum(), leaf)
    return down[0].permute(1, 2, 0).numpy()


def again(net: nn.Sequential, count: int, seed: int = 0) -> nn.Sequential:
    """The net with its ``count`` topmost convolutions below LAYER re-initialised."""
    graph = graph_of(model())
    (layer,) = find_layers(graph, [LAYER])
    nodes = weighted_nodes(graph, layer.node)
    fresh = fresh_weights(graph, nodes, seed)
    made = copy.deepcopy(net)
    for node in nodes[len(nodes) - count :]:
        part: Any = made[int(node.address)]
        name = weight_name(graph, node)
        assert name is not None
        part.weight.data = fresh[name]
        part.bias.data.zero_()
    return made


def slow() -> dict[str, list[float | None]]:
    """Rank correlations of the gradient at LAYER for each test, and for each step of the cascade."""
    graph, net = graph_of(model()), classifier()
    (layer,) = find_layers(graph, [LAYER])
    images = [normalised(each) for each in PICTURES]
    spots = find_spots(graph, [layer], torch.cat(images), UNITS)[LAYER]
    renewed = {count: again(net, count) for count in (1, 2)}
    ranks: dict[str, list[float | None]] = {name: [] for name in ("unit", "signal", "image", "1", "2")}

    def compare(test: str, one: NDArray[np.float32], other: NDArray[np.float32], y: int, x: int) -> None:
        top, left, bottom, right = window_of(layer, y, x, (24, 24))
        values = [pixels[top:bottom, left:right].ravel() for pixels in (one, other)]
        empty = any(np.ptp(each) == 0 for each in values)
        ranks[test].append(None if empty else float(spearmanr(*values).statistic))

    for image, spot in zip(images, spots, strict=True):
        at = (spot.y, spot.x)
        signals = [torch.eye(layer.units)[unit] for unit in spot.units]
        own = [gradient(net, image, signal, *at) for signal in signals]
        for one, other in combinations(own, 2):
            compare("unit", one, other, *at)
        mixed = gradient(net, image, _mixture(layer, 0)[0], *at)
        for one in own:
            compare("signal", one, mixed, *at)
        for one, signal, elsewhere in zip(own[:COMPARED], signals, spot.elsewhere, strict=False):
            if elsewhere is not None:
                compare("image", one, gradient(net, images[elsewhere], signal, *at), *at)
        for count, other_net in renewed.items():
            for one, signal in zip(own[:COMPARED], signals, strict=False):
                compare(str(count), one, gradient(other_net, image, signal, *at), *at)
    return ranks


def agrees(like: Likeness, ranks: list[float | None]) -> None:
    known = [rank for rank in ranks if rank is not None]
    assert (like.pairs, like.empty) == (len(known), len(ranks) - len(known))
    assert like.rank == pytest.approx(np.mean(known), abs=1e-4)
    assert like.spread == pytest.approx(np.std(known), abs=1e-4)


def test_the_gradients_tests_are_what_autograd_says(found: Trust) -> None:
    expected, row = slow(), found.of("gradient", LAYER)
    for test in ("unit", "signal", "image"):
        agrees(row.of(test), expected[test])
    assert [(step.count, step.total, step.lowest) for step in row.cascade] == [(1, 2, "3"), (2, 2, "0")]
    for step in row.cascade:
        agrees(step.likeness, expected[str(step.count)])
    agrees(row.of("weight"), expected["1"])  # the topmost is half of two


def test_every_method_and_layer_has_a_row(found: Trust) -> None:
    assert found.methods == METHODS
    assert found.layers == ("1", LAYER)
    assert found.images == ("0", "1", "2", "3")
    for row in found.rows:
        for like in row.likeness:
            assert like.pairs > 0
            assert -1 <= like.rank <= 1
            assert -1 <= like.ssim <= 1


def test_the_answer_is_the_same_each_time_and_the_model_as_it_was(found: Trust) -> None:
    one = model()
    before = {name: value.clone() for name, value in one.module.state_dict().items()}
    same = trust(one, PICTURES, ["1", LAYER], count=COUNT, units=UNITS)
    assert same == found
    assert all(torch.equal(value, before[name]) for name, value in one.module.state_dict().items())
    other = trust(model(), PICTURES, ["1", LAYER], count=COUNT, units=UNITS, seed=1)
    assert other.of("gradient", LAYER).of("weight") != found.of("gradient", LAYER).of("weight")
    assert other.of("gradient", LAYER).of("unit") == found.of("gradient", LAYER).of("unit")


def test_one_method_gives_the_same_numbers_as_all(found: Trust) -> None:
    alone = trust(model(), PICTURES, [LAYER], count=COUNT, units=UNITS, method="guided_backprop")
    assert alone.rows == (found.of("guided_backprop", LAYER),)
    assert trust(model(), PICTURES, [LAYER], count=2, method="auto").methods == ("deconvnet",)


def test_progress_ends_when_all_is_done() -> None:
    told: list[tuple[int, int]] = []
    trust(model(), PICTURES, [LAYER], count=3, report=lambda done, total: told.append((done, total)))
    assert [done for done, _ in told] == list(range(1, told[-1][1] + 1))
    assert {total for _, total in told} == {3 * 3}


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_constant_images_work(shade: int) -> None:
    flat = [np.full((24, 24, 3), shade, np.uint8)] * 2
    found = trust(model(), flat, [LAYER], units=2)
    for row in found.rows:
        for like in row.likeness:
            assert like.pairs + like.empty >= 0
            assert math.isnan(like.rank) == (like.pairs == 0)
        assert row.sentence.endswith(".")


def test_a_layer_that_never_answers_is_not_measured() -> None:
    dead = model(5)
    with torch.no_grad():
        dead.module[3].weight.zero_()  # type: ignore[index]
        dead.module[3].bias.fill_(-1)  # type: ignore[index]
    found = trust(dead, PICTURES, [LAYER], count=2)
    for row in found.rows:
        assert row.badge == UNKNOWN
        assert row.sentence.endswith("could not be tested: too few were not empty.")


def test_one_image_and_one_unit_leave_their_tests_out() -> None:
    row = trust(model(), PICTURES[:1], [LAYER], units=1).of("deconvnet", LAYER)
    assert (row.of("unit").pairs, row.of("image").pairs) == (0, 0)
    assert row.of("weight").pairs + row.of("weight").empty == 1
    assert row.verdict("unit") == UNKNOWN
    assert row.badge != UNKNOWN


def test_without_layers_eight_are_spread_over_the_default_ones() -> None:
    from convscope.graph.export import export_graph

    deep = nn.Sequential(*(nn.Conv2d(3, 3, 3, padding=1) for _ in range(20))).eval()
    graph = export_graph(deep, (3, 8, 8))
    assert [layer.address for layer in layers_to_test(graph, None)] == ["0", "3", "5", "8", "11", "14", "16", "19"]
    assert len(find_layers(graph, None)) == 20
    assert layers_to_test(graph_of(model()), None) == find_layers(graph_of(model()), None)


class Masked(nn.Module):
    """A rectifier in disguise, which only the gradient may pass."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.top = nn.Conv2d(4, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        result: Tensor = self.top(x * (x > 0))
        return result


def masked() -> Model:
    from convscope.models import load_model
    from tests.probes.make import FEEDING

    torch.manual_seed(0)
    return load_model(Masked().eval(), preprocessing=FEEDING)


def test_a_method_without_a_rule_is_left_out_and_said_so() -> None:
    found = trust(masked(), PICTURES, ["conv", "top"], count=2)
    assert [(row.method, row.layer) for row in found.rows] == [
        *(("deconvnet", "conv"), ("guided_backprop", "conv"), ("gradient", "conv"), ("gradient", "top")),
    ]
    assert [note.split(":")[0] for note in found.notes] == [
        "deconvnet of top was left out",
        "guided_backprop of top was left out",
    ]
    with pytest.raises(CoverageError, match="no rule under 'deconvnet'"):
        trust(masked(), PICTURES, ["top"], method="deconvnet")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"count": 0}, SettingError, "count is 0; expected a whole number of at least 1"),
        ({"units": 0}, SettingError, "units is 0"),
        ({"seed": -1}, SettingError, "seed is -1"),
        ({"steps": 0}, SettingError, "steps is 0"),
        ({"method": "magic"}, CoverageError, "unknown method 'magic'"),
        ({"unpool": "magic"}, CoverageError, "unknown unpool 'magic'"),
        ({"layers": ["99"]}, AddressError, "no layer '99'"),
        ({"images": []}, ImageSetError, "is empty"),
    ],
)
def test_mistakes(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        trust(**{"model": model(), "images": PICTURES, **options})


def test_training_mode_and_nan_are_refused() -> None:
    training = model(3)
    training.module.train()
    with pytest.raises(ModelError, match="training mode"):
        trust(training, PICTURES)
    broken = model(4)
    with torch.no_grad():
        broken.module[3].bias.fill_(torch.nan)  # type: ignore[index]
    with pytest.raises(NumberError, match=f"layer '{LAYER}' gives NaN .* for the image '"):
        trust(broken, PICTURES)


def test_means_leave_out_what_is_not_defined() -> None:
    pairs = [Similarity(0.2, float("nan"), 0.5), None, Similarity(0.6, 0.4, float("nan"))]
    found = likeness_of(pairs)
    assert (found.rank, found.absolute, found.ssim, found.spread) == pytest.approx((0.4, 0.4, 0.5, 0.2))
    assert (found.pairs, found.empty) == (2, 1)
    nothing = likeness_of([None, None])
    assert (nothing.pairs, nothing.empty) == (0, 2)
    assert math.isnan(nothing.rank)


def test_settings_have_the_documented_defaults() -> None:
    asked = Settings()
    assert (asked.method, asked.count, asked.units, asked.steps) == ("all", 4, 5, 4)
    assert (asked.unpool, asked.seed, asked.device) == ("sum", 0, "cpu")
