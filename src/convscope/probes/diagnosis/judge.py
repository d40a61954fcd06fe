"""From figures to findings: each number against its thresholds, and beside that of reference networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from convscope.probes.diagnosis.filters import RADIUS
from convscope.probes.diagnosis.finding import KINDS, NONE, SEVERITIES, Finding, Kind, Reference
from convscope.probes.diagnosis.result import ActivityLayer, FilterLayer, FirstLayer, ShiftConsistency, StridedOp

RARE = 0.001
"""Share of its values above zero below which a unit is rarely active."""
_NAMED = 5
"""Units that a sentence names, at most."""

Number = tuple[str, str, float, str]
"""Kind, layer, number, and the facts in words."""


def judged(numbers: Sequence[Number], references: Mapping[str, Reference]) -> tuple[Finding, ...]:
    """The findings, worst first: by severity, then by how far beyond the threshold, then in the order of layers."""
    found = [_finding(number, references.get(number[0])) for number in numbers]
    return tuple(sorted(found, key=lambda each: (SEVERITIES.index(each.severity), -_excess(each))))


def _excess(finding: Finding) -> float:
    """How many times a number is beyond what is strong, so that kinds can be put in one order."""
    kind = KINDS[finding.kind]
    ratio = finding.number / kind.strong
    return 1 / max(ratio, 1e-9) if kind.low_is_bad else ratio


def _finding(number: Number, reference: Reference | None) -> Finding:
    name, layer, value, facts = number
    kind = KINDS[name]
    severity = kind.severity(value)
    helped = severity != NONE
    return Finding(
        kind=name,
        layer=layer,
        severity=severity,
        number=value,
        what=f"{kind.written(value)} {kind.says}{facts}",
        against=_compared(kind, reference),
        advice=kind.advice if helped else "",
        source=kind.source,
        reference=reference,
    )


def _compared(kind: Kind, reference: Reference | None) -> str:
    if reference is None:
        return ""
    nets = f"{len(reference.nets)} reference net{'s' if len(reference.nets) > 1 else ''}: {', '.join(reference.nets)}"
    if reference.layers == 1:
        return f"{kind.written(reference.median)} in {nets}"
    low, median, high = (kind.written(value) for value in (reference.low, reference.median, reference.high))
    return f"{low} to {high}, median {median}, in {reference.layers} layers of {nets}"


def numbers_of_filters(layers: Sequence[FilterLayer]) -> Iterator[Number]:
    """Sizes and duplicates of each convolution."""
    for layer in layers:
        over = int((layer.sizes.rms > RADIUS).sum())
        largest = int(layer.sizes.ratio.argmax())
        beyond = f", filter {largest}; {over} of {layer.units} beyond the paper's RMS of {RADIUS}"
        yield "dominating filters", layer.address, layer.largest, beyond
        yield "vanishing filters", layer.address, float(layer.vanishing.mean()), _named(layer.vanishing)
        if layer.twins is not None:
            repeated = layer.twins.of >= 0
            least = f" (cosine from {layer.twins.least:.2f})"
            yield "duplicate filters", layer.address, float(repeated.mean()), least + _named(repeated)


def numbers_of_first(first: FirstLayer | None) -> Iterator[Number]:
    """Geometry and frequencies of the first layer."""
    if first is None:
        return
    rows, columns = first.filters.shape[1:3]
    yield "coarse first layer", first.address, float(max(first.stride)), f", filters {rows}x{columns}"
    if first.spectra is not None:
        low, mid, high = first.spectra.mean_shares
        facts = f"; power {low:.0%} low, {mid:.0%} mid, {high:.0%} high (of a flat spectrum: 5%, 15%, 80%)"
        yield "mid frequencies", first.address, first.spectra.covered, facts


def numbers_of_activity(layers: Sequence[ActivityLayer], images: int) -> Iterator[Number]:
    """Dead, rarely active and saturated units."""
    over = f" on {images} images"
    for layer in layers:
        if layer.can_saturate:
            yield "saturation", layer.address, float(layer.saturated.mean()), f" ({layer.op}){over}"
        if layer.gate:
            continue
        never = "" if layer.floor is not None else " (their values never changed)"
        yield "dead units", layer.address, float(layer.dead.mean()), never + over + _named(layer.dead)
        if layer.floor is not None:
            rare = ~layer.dead & (layer.density < RARE)
            yield "rarely active units", layer.address, float(rare.mean()), over + _named(rare)


def numbers_of_strided(ops: Sequence[StridedOp]) -> Iterator[Number]:
    """Aliasing and shift-consistency of each op that drops positions."""
    for op in ops:
        kernel, stride = ("x".join(map(str, sides)) for sides in (op.kernel, op.stride))
        facts = f" ({op.op} {kernel}, stride {stride}, of {op.size[0]}x{op.size[1]} positions)"
        yield "aliasing", op.address, op.above, facts
        if op.agreement is not None:
            yield "shift consistency", op.address, op.agreement, facts


def numbers_of_shifts(shifts: ShiftConsistency | None, images: int) -> Iterator[Number]:
    """The whole network under shifts."""
    if shifts is not None and shifts.classes > 1:
        worst = int(shifts.same.argmin())
        facts = f", 1 to {shifts.pixels[-1]}, on {images} images; least {shifts.same[worst]:.1%} at {worst + 1}"
        yield "class under shifts", "", shifts.mean, facts


def _named(which: NDArray[np.bool_]) -> str:
    numbers = np.flatnonzero(which)
    if not numbers.size:
        return ""
    more = f" and {numbers.size - _NAMED} more" if numbers.size > _NAMED else ""
    return f": {', '.join(map(str, numbers[:_NAMED]))}{more}"
