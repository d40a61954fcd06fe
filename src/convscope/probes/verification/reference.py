"""Projections by autograd: a second derivation that shares neither walk nor windows nor tapes with the engine.

Ops are run one after another with autograd on; where a method departs from the derivative, the op is wrapped in a
function whose backward is written out here, from the papers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from convscope.errors import CoverageError
from convscope.graph.opgraph import INPUT, OpGraph, OpNode, evaluate
from convscope.rules.kinds import Kind, kind_of

Back = Callable[[Tensor], Tensor]
Departure = Callable[[OpNode, Mapping[str, Any]], Back]
"""From an op and the values around it to another way back."""


class _Departing(torch.autograd.Function):
    """An op's own result, with another way back."""

    @staticmethod
    def forward(ctx: Any, live: Tensor, result: Tensor, back: Back) -> Tensor:  # noqa: ARG004
        """The result as it was computed without autograd."""
        ctx.back = back
        return result.clone()

    @staticmethod
    def backward(ctx: Any, *signals: Tensor) -> tuple[Tensor, None, None]:
        """The signal for ``live`` alone."""
        return ctx.back(signals[0]), None, None


def _rectified(node: OpNode, values: Mapping[str, Any]) -> Back:  # noqa: ARG001
    """Zeiler & Fergus 2013, section 2.1: the signal itself is rectified, whatever the forward pass was."""
    return lambda signal: signal.clamp_min(0)


def _guided(node: OpNode, values: Mapping[str, Any]) -> Back:
    """Springenberg et al. 2014: the signal is rectified, and goes where the forward pass let something through."""

    def back(signal: Tensor) -> Tensor:
        with torch.enable_grad():
            leaf = values[node.inputs[0]].detach().requires_grad_()
            result = evaluate(node, {**values, node.inputs[0]: leaf})
            down: Tensor = torch.autograd.grad(result, leaf, signal.clamp_min(0))[0]
        return down

    return back


def _unchanged(node: OpNode, values: Mapping[str, Any]) -> Back:  # noqa: ARG001
    """Contrast normalisation has no part in the way down (ECCV 2014 text, section 2.1)."""
    return lambda signal: signal


DEPARTURES: Mapping[str, Mapping[Kind, Departure]] = {
    "deconvnet": {Kind.RECTIFIER: _rectified, Kind.SOFT_RECTIFIER: _rectified, Kind.CONTRAST: _unchanged},
    "guided_backprop": {Kind.RECTIFIER: _guided, Kind.SOFT_RECTIFIER: _guided},
    "gradient": {},
}
"""By method, the kinds of op whose signal does not follow the derivative."""


def _departure(graph: OpGraph, node: OpNode, method: str) -> Departure | None:
    try:
        return DEPARTURES[method].get(kind_of(graph, node))
    except CoverageError:  # such as a size: it is on no way down, or the coverage of the layer would refuse it
        return None


class Reference:
    """One image's pass with autograd on, for any number of projections by one method."""

    def __init__(self, graph: OpGraph, image: Tensor, nodes: tuple[str, ...], method: str) -> None:
        self.leaf = image.detach().clone().requires_grad_()
        self.values: dict[str, Any] = {**graph.constants, INPUT: self.leaf}
        with torch.inference_mode(False), torch.enable_grad():
            for node in graph.ancestors(*nodes):
                depart = _departure(graph, node, method)
                self.values[node.name] = self._departing(node, depart) if depart else evaluate(node, self.values)

    def _departing(self, node: OpNode, depart: Departure) -> Tensor:
        with torch.no_grad():
            result = evaluate(node, self.values)
        made: Tensor = _Departing.apply(self.values[node.inputs[0]], result, depart(node, dict(self.values)))
        return made

    def projection(self, node: str, unit: int, y: int, x: int) -> Tensor:
        """One activation carried down with its value: (channels, height, width)."""
        value = self.values[node]
        seed = torch.zeros_like(value)
        seed[0, unit, y, x] = value[0, unit, y, x].detach()
        (down,) = torch.autograd.grad(value, self.leaf, seed, retain_graph=True, allow_unused=True)
        return torch.zeros_like(self.leaf[0]) if down is None else down[0]
