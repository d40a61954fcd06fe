"""What would be done on the way down from a layer: known before any image is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from convscope.errors import CoverageError
from convscope.graph.opgraph import OpGraph, OpNode
from convscope.rules.kinds import Kind, kind_of
from convscope.rules.projection import METHODS, Rule

REFUSED = "refused"
_RULES = {rule.name: rule for method in METHODS.values() for rule in method.values()}


@dataclass(frozen=True)
class Use:
    """The rule that one op gets on the way down."""

    address: str
    op: str
    kind: str
    rule: str
    own: bool
    """True where the method has a rule of its own for the op, False for the plain transpose."""
    reason: str = ""
    """Why the op is refused; empty where it is not."""


@dataclass(frozen=True)
class Coverage:
    """All ops between the image and some layers, with the rule that each gets under one method."""

    method: str
    uses: tuple[Use, ...]
    switches: int
    """Number of max-pooling ops on the way; 0 means that a DeconvNet picture has nothing to take positions from."""

    @property
    def refused(self) -> tuple[Use, ...]:
        """The ops that have no rule."""
        return tuple(use for use in self.uses if use.rule == REFUSED)

    def summary(self) -> Mapping[tuple[str, str, str], int]:
        """How often each (op, kind, rule) occurs."""
        counts: dict[tuple[str, str, str], int] = {}
        for use in self.uses:
            key = (use.op, use.kind, use.rule)
            counts[key] = counts.get(key, 0) + 1
        return counts

    def check(self) -> None:
        """Raise CoverageError if any op is refused."""
        if self.refused:
            first = self.refused[0]
            raise CoverageError(
                f"{len(self.refused)} op(s) on the way down have no rule under {self.method!r}; the first is "
                f"{first.op!r} at {first.address!r}: {first.reason}"
            )


def coverage(graph: OpGraph, layers: Sequence[str], method: str = "auto") -> Coverage:
    """List the rule of every op below the nodes ``layers`` under ``method``, one of METHODS or ``auto``."""
    chosen = resolve_method(graph, layers, method)
    reached = set(layers)
    uses = []
    for node in reversed(graph.ancestors(*layers)):
        if node.name in reached and node.shape is not None:
            use = _use(graph, node, METHODS[chosen])
            uses.append(use)
            rule = _RULES.get(use.rule)
            reached.update(rule.reaches(node.inputs) if rule else node.inputs)
    return Coverage(chosen, tuple(reversed(uses)), count_switches(graph, layers))


def resolve_method(graph: OpGraph, layers: Sequence[str], method: str) -> str:
    """``auto`` is DeconvNet where there are switches, else guided backprop (Springenberg et al. 2014)."""
    if method != "auto":
        if method not in METHODS:
            raise CoverageError(f"unknown method {method!r}; choose one of: auto, {', '.join(METHODS)}")
        return method
    return "deconvnet" if count_switches(graph, layers) else "guided_backprop"


def count_switches(graph: OpGraph, layers: Sequence[str]) -> int:
    """Number of max-pooling ops below the nodes ``layers``."""
    return sum(_kind_or_none(graph, node) is Kind.SWITCHES for node in graph.ancestors(*layers))


def _kind_or_none(graph: OpGraph, node: OpNode) -> Kind | None:
    try:
        return kind_of(graph, node)
    except CoverageError:
        return None


def _use(graph: OpGraph, node: OpNode, method: Mapping[Kind, Rule]) -> Use:
    try:
        kind = kind_of(graph, node)
    except CoverageError as error:
        return Use(node.address, node.op, "unknown", REFUSED, False, str(error))
    rule = method.get(kind)
    if rule is None:
        reason = f"{kind.value}; write a rectifier as relu so that it can be recognised"
        return Use(node.address, node.op, kind.value, REFUSED, False, reason)
    return Use(node.address, node.op, kind.value, rule.name, rule.own)
