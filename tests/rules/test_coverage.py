"""Coverage: the ops that a signal really meets, what becomes of them, and what is refused beforehand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from convscope.errors import CoverageError
from convscope.rules.coverage import REFUSED, coverage, resolve_method
from convscope.rules.projection import METHODS
from tests.nets import Net, carried_down, exported, picture, run, seeds_for

CNN = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 1), nn.ReLU6(), nn.Conv2d(4, 2, 1))


def test_every_op_on_the_way_is_listed_with_its_rule() -> None:
    graph = exported(CNN, (3, 8, 8))
    report = coverage(graph, [graph.output], "deconvnet")
    assert [(use.address, use.rule, use.own) for use in report.uses] == [
        ("0", "plain transpose", False),
        ("1", "rectify the signal", True),
        ("2", "unpool by switches", True),
        ("3", "plain transpose", False),
        ("4", "rectify the signal", True),
        ("5", "plain transpose", False),
    ]
    counts = {(op, rule): count for (op, _, rule), count in report.summary().items()}
    assert counts["conv2d", "plain transpose"] == 3
    assert sum(counts.values()) == len(report.uses)
    assert (report.method, report.switches, report.refused) == ("deconvnet", 1, ())
    report.check()


def test_only_what_lies_below_the_layers_counts() -> None:
    graph = exported(CNN, (3, 8, 8))
    first = next(node.name for node in graph.nodes if node.address == "1")
    report = coverage(graph, [first], "deconvnet")
    assert [use.address for use in report.uses] == ["0", "1"]
    assert report.switches == 0


def test_the_divisor_that_deconvnet_skips_is_not_on_the_way() -> None:
    graph = exported(nn.Sequential(nn.Conv2d(3, 4, 3), nn.LocalResponseNorm(3)), (3, 8, 8))
    assert [(use.op, use.rule) for use in coverage(graph, [graph.output], "deconvnet").uses] == [
        ("conv2d", "plain transpose"),
        ("div", "skipped"),
    ]
    assert {"avg_pool3d", "pow"} <= {use.op for use in coverage(graph, [graph.output], "gradient").uses}


def test_a_condition_carries_no_signal_so_gradient_passes_a_selection() -> None:
    graph = exported(Net(lambda m, x: torch.where(x > 0, x * 2, x)), (3, 4, 4))
    report = coverage(graph, [graph.output], "gradient")
    assert report.refused == ()
    assert {use.op: use.rule for use in report.uses}["gt"] == "carries no signal"


@pytest.mark.parametrize("method", ["deconvnet", "guided_backprop"])
def test_a_refusal_says_how_many_which_and_why(method: str) -> None:
    graph = exported(Net(lambda m, x: torch.where(x > 0, x, 0.0).cumprod(1)), (3, 4, 4))
    report = coverage(graph, [graph.output], method)
    assert [(use.op, use.rule) for use in report.refused] == [("where", REFUSED), ("cumprod", REFUSED)]
    with pytest.raises(CoverageError, match=rf"^2 op.s. .*under '{method}'; the first is 'where' at 'where': chooses"):
        report.check()
    assert "no rule for op 'cumprod'" in report.refused[1].reason


FUNCTIONS: list[Callable[[Any, Tensor], Tensor]] = [
    lambda m, x: F.relu(x),
    lambda m, x: F.silu(x),
    lambda m, x: x.cumprod(1),
    lambda m, x: torch.maximum(x, torch.zeros_like(x)),
]


@pytest.mark.parametrize("method", METHODS)
def test_what_is_covered_goes_down_and_what_is_refused_does_not(method: str) -> None:
    for function in FUNCTIONS:
        graph = exported(Net(function), (3, 4, 4))
        image = picture((3, 4, 4)).float()
        seeds = seeds_for(run(graph, image)[graph.output])
        if coverage(graph, [graph.output], method).refused:
            with pytest.raises(CoverageError):
                carried_down(graph, image, seeds, method)
        else:
            assert carried_down(graph, image, seeds, method).shape == (2, 3, 4, 4)


def test_auto_needs_switches_for_deconvnet() -> None:
    graph = exported(CNN, (3, 8, 8))
    names = {node.address: node.name for node in graph.nodes}
    assert resolve_method(graph, [names["5"]], "auto") == "deconvnet"
    assert resolve_method(graph, [names["1"]], "auto") == "guided_backprop"
    assert resolve_method(graph, [names["1"]], "gradient") == "gradient"
    with pytest.raises(CoverageError, match="unknown method 'lrp'; choose one of: auto, deconvnet"):
        coverage(graph, [graph.output], "lrp")
