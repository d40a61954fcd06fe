"""What the literature found, found again on networks that were really trained.

Adebayo et al. 2018: the gradient changes as soon as the weights on top do, guided backprop hardly does. Mahendran &
Vedaldi 2016, Nie et al. 2018: the DeconvNet and guided backprop draw much the same whatever neuron is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import pytest
from torch import nn

from convscope.probes.trust.measure import trust
from convscope.probes.trust.result import Trust
from convscope.probes.trust.verdicts import FAILS, NOT, PASSES, READS, UNIT, WEIGHT
from tests.faces import faces, model, random_net, trained_net

LAYER = "10"
"""The rectified map of the fourth and last convolution."""
NETS: dict[str, Callable[[], nn.Module]] = {"trained": trained_net, "random": random_net}


@lru_cache
def found(net: str = "trained", seed: int = 0) -> Trust:
    return trust(model(NETS[net]()), list(faces(6, 5).pictures), [LAYER], seed=seed)


def cascade(method: str, seed: int = 0) -> list[float]:
    return [step.likeness.rank for step in found(seed=seed).of(method, LAYER).cascade]


@pytest.mark.parametrize("seed", [0, 1])
def test_the_gradient_passes_the_weight_test_and_guided_backprop_fails_it(seed: int) -> None:
    gradient, guided = (found(seed=seed).of(method, LAYER) for method in ("gradient", "guided_backprop"))
    assert (gradient.verdict(WEIGHT), guided.verdict(WEIGHT)) == (PASSES, FAILS)
    assert abs(gradient.of(WEIGHT).rank) < 0.1
    assert guided.of(WEIGHT).rank > 0.6


def test_guided_pictures_change_only_as_the_lowest_weights_do() -> None:
    assert all(abs(rank) < 0.1 for rank in cascade("gradient"))
    for method in ("guided_backprop", "deconvnet"):
        ranks = cascade(method)
        assert ranks == sorted(ranks, reverse=True)
        assert ranks[0] > 0.5
        assert ranks[-1] < 0.35


def test_rectified_pictures_are_much_the_same_for_any_unit() -> None:
    ranks = {row.method: row.of(UNIT).rank for row in found().rows}
    assert ranks["guided_backprop"] > 0.6
    assert ranks["deconvnet"] > 0.6
    assert ranks["gradient"] < 0.35
    assert [found().of(method, LAYER).badge for method in ("guided_backprop", "deconvnet")] == [NOT, NOT]
    assert found().of("gradient", LAYER).badge == READS


def test_absolute_values_would_have_misled() -> None:
    """Adebayo et al.: the same pixels are lit; with signs thrown away even the gradient seems to stay."""
    for row in found().rows:
        assert row.of(WEIGHT).absolute > 0.3
    assert found().of("gradient", LAYER).of(WEIGHT).absolute > 4 * found().of("gradient", LAYER).of(WEIGHT).rank


def test_a_network_that_learned_nothing_has_such_pictures_too() -> None:
    row = found("random").of("guided_backprop", LAYER)
    assert row.of(WEIGHT).rank > 0.55
    assert row.of(UNIT).rank > 0.55
