"""From weights and sums to the figures of a layer."""

from __future__ import annotations

import numpy as np

from convscope.graph.opgraph import OpGraph
from convscope.probes.diagnosis.filters import sizes, twins
from convscope.probes.diagnosis.observe import Seen
from convscope.probes.diagnosis.result import FilterLayer, LeftOut, StridedOp
from convscope.probes.diagnosis.sites import Site, site_behind
from convscope.probes.diagnosis.strided import Strided
from convscope.probes.diagnosis.weights import Convolution


def filter_layer(graph: OpGraph, found: Convolution, sites: tuple[Site, ...]) -> FilterLayer:
    """Sizes and duplicates of a convolution's filters; ``sites`` may hold the units that they make."""
    units, inputs, rows, columns = found.weights.shape
    return FilterLayer(
        address=found.address,
        units=units,
        inputs=inputs,
        kernel=(rows, columns),
        stride=found.stride,
        groups=found.groups,
        sizes=sizes(found.weights),
        twins=twins(found.weights, found.groups),
        activity=site_behind(graph, found.node, sites),
    )


def strided_op(op: Strided, seen: Seen) -> StridedOp | None:
    """What was measured of an op that drops positions; None if nothing could be."""
    energy = seen.energy[op.node]
    if energy.share is None:
        return None
    with np.errstate(invalid="ignore"):
        per_unit = energy.above.numpy() / energy.total.numpy()
    return StridedOp(
        address=op.address,
        op=op.op,
        kernel=op.kernel,
        stride=op.stride,
        units=op.units,
        measured=op.channels,
        size=seen.sizes[op.node],
        above=energy.share,
        per_unit=per_unit.astype(np.float32),
        agreement=energy.agreement,
    )


def unmeasured(strided: tuple[Strided, ...], seen: Seen) -> tuple[LeftOut, ...]:
    """The ops that drop positions of which nothing could be measured, with the reason."""
    left_out = []
    for op in strided:
        if seen.energy[op.node].share is None:
            rows, columns = seen.sizes[op.node]
            stride = "x".join(map(str, op.stride))
            reason = f"{rows}x{columns} positions are too few for stride {stride}, or all are equal"
            left_out.append(LeftOut(f"aliasing of {op.address}", reason))
    return tuple(left_out)
