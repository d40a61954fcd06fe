"""The walk down: carry signals from a layer to the pixels, one op at a time."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from convscope.engine.trace import Trace
from convscope.errors import CoverageError
from convscope.graph.opgraph import INPUT
from convscope.rules.kinds import Kind, kind_of
from convscope.rules.projection import Rule, Step


def descend(trace: Trace, layer: str, signal: Tensor, method: Mapping[Kind, Rule], unpool: str = "sum") -> Tensor:
    """Carry ``signal``, shape (units, 1, channels, height, width) of the node ``layer``, down to the image.

    Where branches meet, their signals add up. Returns (units, image channels, image height, image width), signed.
    Raises CoverageError for an op that the method has no rule for.
    """
    reached = {layer: signal}
    for node in reversed(trace.graph.ancestors(layer)):
        arriving = reached.pop(node.name, None)
        if arriving is None:
            continue
        kind = kind_of(trace.graph, node)
        rule = method.get(kind)
        if rule is None:
            raise CoverageError(
                f"{node.where()} {kind.value}: this method has no rule for it; see `convscope coverage`"
            )
        for name, share in rule.apply(Step(trace.tape(node), arriving, unpool)).items():
            reached[name] = reached[name] + share if name in reached else share
    image: Tensor = trace.values[INPUT]
    at_pixels = reached.get(INPUT)
    if at_pixels is None:
        return image.new_zeros(signal.shape[0], *image.shape[1:])
    return at_pixels[:, 0]
