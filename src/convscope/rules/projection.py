"""The methods: for each kind of op, the rule by which a signal goes down through it.

A signal has shape (units, *shape of the value for one image). The rule that most kinds share is the op's own
vector-Jacobian product, ``transpose``; a method is the short list of where it differs:

- DECONVNET, Zeiler & Fergus 2013, section 2.1: rectify the signal itself, unpool by switches, leave contrast
  normalisation out (ECCV 2014 text).
- GUIDED_BACKPROP, Springenberg et al. 2014: rectify the signal and also apply the rectifier's own derivative.
- GRADIENT, Simonyan et al. 2013: the derivative, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from convscope.graph.opgraph import OpNode
from convscope.rules.kinds import Kind

Signals = Mapping[str, Tensor]
"""What reaches each input of an op, by the input's name."""


class Passage(Protocol):
    """An op with its recorded values, on whole maps or on windows of them."""

    @property
    def node(self) -> OpNode:
        """The op."""

    def transpose(self, signal: Tensor) -> Signals:
        """The op's own vector-Jacobian product."""


@dataclass(frozen=True)
class Step:
    """One op on the way down: its recorded values, the signal at its result, and the way back through its pooling."""

    tape: Passage
    signal: Tensor
    unpool: Callable[[Tensor], Signals]


def _all(inputs: Sequence[str]) -> Sequence[str]:
    return inputs


def _first(inputs: Sequence[str]) -> Sequence[str]:
    return inputs[:1]


def _none(inputs: Sequence[str]) -> Sequence[str]:
    return inputs[:0]


@dataclass(frozen=True)
class Rule:
    """A named way down through one op."""

    name: str
    apply: Callable[[Step], Signals]
    own: bool = True
    """False for the plain transpose, which every kind may use."""
    reaches: Callable[[Sequence[str]], Sequence[str]] = _all
    """Which of an op's inputs the signal goes on to."""


def _transpose(step: Step) -> Signals:
    return step.tape.transpose(step.signal)


def _rectify(step: Step) -> Signals:
    """Keep the positive part of the signal; where the forward pass was positive plays no part."""
    return {step.tape.node.inputs[0]: step.signal.clamp_min(0)}


def _rectify_and_transpose(step: Step) -> Signals:
    return step.tape.transpose(step.signal.clamp_min(0))


def _unpool(step: Step) -> Signals:
    return step.unpool(step.signal)


def _skip(step: Step) -> Signals:
    """Hand the signal to the normalised map unchanged; none of it goes through the normaliser."""
    return {step.tape.node.inputs[0]: step.signal}


def _nothing(step: Step) -> Signals:  # noqa: ARG001
    return {}


TRANSPOSE = Rule("plain transpose", _transpose, own=False)
RECTIFY = Rule("rectify the signal", _rectify)
GUIDED = Rule("rectify the signal, then transpose", _rectify_and_transpose)
UNPOOL = Rule("unpool by switches", _unpool)
SKIP = Rule("skipped", _skip, reaches=_first)
NOTHING = Rule("carries no signal", _nothing, own=False, reaches=_none)

_COMMON = {Kind.PLAIN: TRANSPOSE, Kind.SWITCHES: UNPOOL, Kind.SHAPE_ONLY: NOTHING, Kind.CONDITION: NOTHING}
DECONVNET = {**_COMMON, Kind.RECTIFIER: RECTIFY, Kind.SOFT_RECTIFIER: RECTIFY, Kind.CONTRAST: SKIP}
GUIDED_BACKPROP = {**_COMMON, Kind.RECTIFIER: GUIDED, Kind.SOFT_RECTIFIER: GUIDED, Kind.CONTRAST: TRANSPOSE}
GRADIENT = {
    **_COMMON,
    Kind.RECTIFIER: TRANSPOSE,
    Kind.SOFT_RECTIFIER: TRANSPOSE,
    Kind.CONTRAST: TRANSPOSE,
    Kind.SELECTION: TRANSPOSE,
}
METHODS: Mapping[str, Mapping[Kind, Rule]] = {
    "deconvnet": DECONVNET,
    "guided_backprop": GUIDED_BACKPROP,
    "gradient": GRADIENT,
}
