"""The walk down: carry the signals of a batch of units from a layer to the pixels, one op at a time, on windows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from torch import Tensor

from convscope.engine.gather import Axes, Spans, paste, positions_back, positions_first
from convscope.engine.spans import everything, hull, same
from convscope.engine.trace import Trace
from convscope.engine.unpool import unpool as unpool_windows
from convscope.engine.windowtape import WindowTape
from convscope.errors import CoverageError
from convscope.graph.opgraph import INPUT, OpNode
from convscope.rules.kinds import Kind, kind_of
from convscope.rules.projection import Rule, Signals, Step
from convscope.rules.unpooling import UNPOOLINGS


@dataclass(frozen=True)
class Signal:
    """What reaches a value, for each unit: ``values`` (units, …) at the windows ``spans``, zero outside.

    Without spans it is the whole of the value, (units, *shape for one image): the image's own axis stays.
    """

    values: Tensor
    axes: Axes = (2, 3)
    spans: Spans | None = None


def descend(trace: Trace, layer: str, start: Signal, method: Mapping[Kind, Rule], unpool: str = "sum") -> Signal:
    """Carry ``start``, the signal at the node ``layer``, down to the image, signed.

    Where branches meet, their signals add up. An op that mixes all positions, or has no rule for windows, is passed on
    the whole map. Raises CoverageError for an op that the method has no rule for.
    """
    reached = {layer: start}
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
        through = _on_windows if node.name in trace.local else _on_whole
        for name, share in through(trace, node, arriving, rule, unpool).items():
            reached[name] = _add(trace, name, reached[name], share) if name in reached else share
    image: Tensor = trace.values[INPUT]
    return reached.get(INPUT, Signal(image.new_zeros(len(start.values), *image.shape)))


def _on_whole(trace: Trace, node: OpNode, arriving: Signal, rule: Rule, unpool: str) -> dict[str, Signal]:
    tape = trace.tape(node)
    step = Step(tape, whole(trace, node.name, arriving).values, partial(UNPOOLINGS[unpool], tape))
    return {name: Signal(share) for name, share in rule.apply(step).items()}


def _on_windows(trace: Trace, node: OpNode, arriving: Signal, rule: Rule, unpool: str) -> dict[str, Signal]:
    values, spans = _as_windows(trace, node.name, arriving)
    tape = trace.window_tape(node, spans)

    def back(signal: Tensor) -> Signals:
        return unpool_windows(trace.taps(node, unpool), tape, signal)

    shares = rule.apply(Step(tape, values, back))
    return {name: _landed(tape, name, share) for name, share in shares.items()}


def _landed(tape: WindowTape, name: str, share: Tensor) -> Signal:
    """A share as it arrives at an operand, cut to the part of its windows that lies inside the map."""
    operand = tape.local.operands.get(name)
    if operand is None:
        return Signal(share.unsqueeze(1))
    lengths, arrival = tape.lengths(name), tape.arrival(name)
    spans = arrival[0].inside(lengths[0]), arrival[1].inside(lengths[1])
    if same(spans, arrival):
        return Signal(share, operand.axes, spans)
    part = positions_first(share, operand.axes)
    offsets = [inner.starts - outer.starts for inner, outer in zip(spans, arrival, strict=True)]
    fits = [(o >= 0).all() and (o + i.size <= a.size).all() for o, i, a in zip(offsets, spans, arrival, strict=True)]
    if all(fits) and not any(np.ptp(offset) for offset in offsets):
        # All windows hang over the border alike: what is inside is a view.
        part = part.narrow(1, int(offsets[0][0]), spans[0].size).narrow(2, int(offsets[1][0]), spans[1].size)
        return Signal(positions_back(part, operand.axes), operand.axes, spans)
    cut = part.new_zeros(len(part), spans[0].size, spans[1].size, *part.shape[3:])
    paste(cut, spans, part, arrival)
    return Signal(positions_back(cut, operand.axes), operand.axes, spans)


def _as_windows(trace: Trace, name: str, signal: Signal) -> tuple[Tensor, Spans]:
    """The values with spans: a whole map is a window as large as the map."""
    if signal.spans is not None:
        return signal.values, signal.spans
    values = signal.values.squeeze(1)
    rows, columns = (everything(len(values), values.shape[axis]) for axis in trace.local[name].axes)
    return values, (rows, columns)


def whole(trace: Trace, name: str, signal: Signal) -> Signal:
    """The same signal without spans."""
    if signal.spans is None:
        return signal
    part = positions_first(signal.values, signal.axes)
    maps = positions_first(trace.values[name], signal.axes)
    full = part.new_zeros(len(part), *maps.shape[1:])
    paste(full, (everything(len(part), maps.shape[1]), everything(len(part), maps.shape[2])), part, signal.spans)
    return Signal(positions_back(full, signal.axes).unsqueeze(1))


def _add(trace: Trace, name: str, one: Signal, other: Signal) -> Signal:
    if one.spans is None or other.spans is None:
        return Signal(whole(trace, name, one).values + whole(trace, name, other).values)
    if same(one.spans, other.spans):
        return Signal(one.values + other.values, one.axes, one.spans)
    rows, columns = (
        hull(a, b, trace.values[name].shape[axis]) for a, b, axis in zip(one.spans, other.spans, one.axes, strict=True)
    )
    first = positions_first(one.values, one.axes)
    both = first.new_zeros(len(first), rows.size, columns.size, *first.shape[3:])
    paste(both, (rows, columns), first, one.spans)
    paste(both, (rows, columns), positions_first(other.values, other.axes), other.spans, add=True)
    return Signal(positions_back(both, one.axes), one.axes, (rows, columns))
