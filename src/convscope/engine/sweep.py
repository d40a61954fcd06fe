"""A sweep: the network's answers for an occluder at every place, computed where they differ from the bare image's."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from convscope.engine.allowance import allowed
from convscope.engine.changed import Changed, Read, wholes
from convscope.engine.cost import MACHINES
from convscope.engine.gather import Spans, cut_out, paste, positions_back, positions_first, with_border
from convscope.engine.network import Network, network_of
from convscope.engine.occluders import Occluders
from convscope.engine.route import Group, Route, find_route
from convscope.engine.spans import same
from convscope.graph.fuse import SUMMED
from convscope.graph.opgraph import INPUT, OpGraph, OpNode, evaluate
from convscope.rules.local import Local, Operand

Reads = Mapping[str, tuple[str, Read]]
"""For each name of an answer, a node and what is wanted of it."""
Clock = MutableMapping[str, float]
"""Seconds spent on each op so far."""


@dataclass(frozen=True)
class Answers:
    """What was read at some of the places: each tensor's first axis runs over ``places``."""

    places: tuple[int, ...]
    values: Mapping[str, Tensor]


def plan(
    graph: OpGraph,
    occluders: Occluders,
    shown: Collection[str],
    windows: bool | None = None,
    places: Collection[int] | None = None,
) -> Route:
    """The way that a sweep of these occluders will take to the nodes ``shown``; found once for all places."""
    net = network_of(graph, frozenset(shown))
    size = (occluders.mask.shape[0], occluders.mask.shape[1])
    machine = MACHINES.get(net.device.type, MACHINES["cpu"])
    wanted = np.isin(np.arange(len(occluders)), list(places)) if places is not None else np.ones(len(occluders), bool)
    if not wanted.all():
        asked = wanted.reshape(len(occluders.rows), len(occluders.columns))
        return find_route(net, occluders.rows, occluders.columns, size, machine, windows, asked)
    question = (occluders.rows, occluders.columns, size, windows, allowed().places)
    if question not in net.plans:
        net.plans[question] = find_route(net, occluders.rows, occluders.columns, size, machine, windows)
    found: Route = net.plans[question]
    return found


def sweep(
    graph: OpGraph,
    image: Tensor,
    occluders: Occluders,
    reads: Reads,
    places: Sequence[int] | None = None,
    *,
    windows: bool | None = None,
    clock: Clock | None = None,
) -> Iterator[Answers]:
    """Answers for ``places`` (None: all), in any order, some at a time.

    ``image`` is (1, channels, height, width) as the network takes it. ``windows`` forces windows or whole maps; left
    out, whichever is predicted to be faster is used op by op. Within rounding the answers are those of the network run
    on whole occluded images.
    """
    shown = frozenset(node for node, _ in reads.values())
    net, route = network_of(graph, shown), plan(graph, occluders, shown, windows, places)
    with torch.inference_mode():
        base = net.values_of(image, _compared(net, route))
        run = _Run(net, route, base, occluders, reads, {} if clock is None else clock)
    return _answers(run, None if places is None else frozenset(places))


def _compared(net: Network, route: Route) -> Collection[str]:
    """The values that are wanted of the bare image: whatever is cut out of, or pasted into. Whole maps need none."""
    windowed = [node for node in net.graph.nodes if node.name in route.windowed]
    operands = {name for node in windowed for name in node.inputs}
    return (operands | {node.name for node in windowed}) & net.plain.by_name.keys()


@torch.inference_mode()  # as a decorator it is on only while the generator runs, not while its reader does
def _answers(run: _Run, wanted: Collection[int] | None) -> Iterator[Answers]:
    waiting: list[_Part] = []
    for part in run.windows(wanted):
        waiting.append(part)
        if sum(len(each.places) for each in waiting) >= run.route.batch:
            yield run.maps(waiting)
            waiting = []
    if waiting:
        yield run.maps(waiting)


@dataclass(frozen=True)
class _Part:
    """Some places on their way: what was read on windows, and the windows that the rest of the way needs."""

    places: tuple[int, ...]
    found: Mapping[str, Tensor]
    values: Mapping[str, Changed]


@dataclass(frozen=True)
class _Run:
    """One image on its way; ``base`` holds the values for it without an occluder that windows are compared with."""

    net: Network
    route: Route
    base: Mapping[str, Any]
    occluders: Occluders
    reads: Reads
    clock: Clock

    def windows(self, wanted: Collection[int] | None) -> Iterator[_Part]:
        """The part of the way that is run on windows, group by group."""
        for group in self.route.groups:
            places = group.rows[:, None] * len(self.occluders.columns) + group.columns
            down, across = np.meshgrid(range(len(group.rows)), range(len(group.columns)), indexing="ij")
            if wanted is not None:
                kept = np.isin(places, list(wanted))
                places, down, across = places[kept], down[kept], across[kept]
            lines = np.stack([places.ravel(), down.ravel(), across.ravel()])
            # Whole maps take a part at once, so it is no larger than they allow; equal parts leave no small rest.
            count = -(-lines.shape[1] // min(group.batch, self.route.batch))
            for some in np.array_split(lines, count, axis=1) if count else ():
                yield self._part(group, *some)

    def _part(self, group: Group, places: Any, down: Any, across: Any) -> _Part:
        spans = {name: (rows[down], columns[across]) for name, (rows, columns) in group.spans.items()}
        numbers = tuple(places.tolist())
        values = {INPUT: self._pixels(numbers, spans.get(INPUT))}
        found = {}
        for node in self.net.graph.nodes:
            if node.name not in self.route.windowed:
                continue
            started = time.perf_counter()
            values[node.name] = self._on_windows(node, spans, values)
            self._count(node, started)
            found.update(self._read(node.name, values))
            for name in self._done_after[node.name]:
                values.pop(name, None)  # a number, such as the size of the batch, is not needed on windows
        return _Part(numbers, found, values)

    @cached_property
    def _done_after(self) -> Mapping[str, Sequence[str]]:
        """For each node, the values that nobody needs once it has run; windows that whole maps need are kept."""
        nodes, windowed = self.net.graph.nodes, self.route.windowed
        last: dict[str, str] = {}
        for node in nodes:
            last[node.name] = node.name
            if node.shape is not None:
                last.update({name: node.name for name in node.inputs if name not in self.net.graph.constants})
        done: dict[str, list[str]] = {node.name: [] for node in nodes}
        for name, reader in last.items():
            readers = (each for each in self.net.graph.readers.get(name, ()) if each.shape is not None)
            stays = name in windowed and any(each.name not in windowed for each in readers)
            done[reader].extend([] if stays else [name])
        return done

    def maps(self, parts: list[_Part]) -> Answers:
        """The rest of the way, on whole maps, for several batches of windows at once."""
        places = tuple(place for part in parts for place in part.places)
        found = {name: torch.cat([part.found[name] for part in parts]) for name in parts[0].found}
        values: dict[str, Any] = {}
        for node in self.net.graph.nodes:
            if node.name in self.route.windowed:
                continue
            started = time.perf_counter()
            if node.shape is None:
                sizes = {name: self._as_large(name, len(places)) for name in _live(node, self.net)}
                values[node.name] = evaluate(node, {**values, **sizes})
                continue
            for name in node.inputs:
                if name not in values:
                    windows = [part.values[name] for part in parts] if name in parts[0].values else None
                    values[name] = self.base[name] if windows is None else wholes(self.base[name], windows)
            values[node.name] = evaluate(node, values)
            self._count(node, started)
            found.update(self._read(node.name, {node.name: Changed(values[node.name])}))
            for name in self._done_after[node.name]:
                values.pop(name, None)
        return Answers(places, found)

    def _as_large(self, name: str, count: int) -> Tensor:
        """A number depends on the shapes of values alone: something of the shape that this value has for ``count``."""
        return torch.empty((), device=self.net.device).expand(count, *self.net.shapes[name][1:])

    def _count(self, node: OpNode, started: float) -> None:
        self.clock[node.name] = self.clock.get(node.name, 0.0) + time.perf_counter() - started

    def _read(self, name: str, values: Mapping[str, Changed]) -> dict[str, Tensor]:
        wanted = {key: read for key, (node, read) in self.reads.items() if node == name}
        made = {key: read(self.base.get(name), values[name]) for key, read in wanted.items()}
        # A later op may write over the value, and an answer can be a view of it.
        shared = values[name].values.untyped_storage().data_ptr() if made else 0
        return {k: v.clone() if v.untyped_storage().data_ptr() == shared else v for k, v in made.items()}

    def _pixels(self, places: Sequence[int], spans: Spans | None) -> Changed:
        image, fill = self.base[INPUT], self.occluders.fill.to(self.base[INPUT])
        if spans is None:
            return Changed(self.occluders.covered(image, places).contiguous(memory_format=torch.channels_last))
        behind, front = (cut_out(positions_first(picture, (2, 3)).contiguous(), spans) for picture in (image, fill))
        mask = self.occluders.mask.to(image.device)[None, :, :, None]
        return Changed(positions_back(torch.where(mask, front, behind), (2, 3)), (2, 3), spans)

    def _on_windows(self, node: OpNode, spans: Mapping[str, Spans], values: Mapping[str, Changed]) -> Changed:
        op, mine = self.net.ops[node.name], spans[node.name]
        if node.op == "cat" and all(name in values for name in op.operands):
            return self._joined(node, op, mine, values)
        operands = {name: self.base[name] for name in node.inputs if name in self.net.graph.constants}
        for name, operand in op.operands.items():
            needed = mine[0].seen_by(operand.reach[0]), mine[1].seen_by(operand.reach[1])
            operands[name] = _window(self.base[name], operand, values.get(name), needed)
        if node.op == SUMMED:
            other = node.argument("other").name
            if other not in self._done_after[node.name]:
                # The sum is written over it, but whole maps, which come after all windows, still want it.
                operands[other] = operands[other].clone()
        result = op.run(operands, (mine[0].size, mine[1].size))
        if op.factor is not None:
            factor = cut_out(positions_first(op.factor.to(result), (2, 3)), mine)
            result = result * positions_back(factor, op.axes)
        return Changed(result, op.axes, mine)

    def _joined(self, node: OpNode, op: Local, mine: Spans, values: Mapping[str, Changed]) -> Changed:
        """Windows of maps beside each other: those of the bare image's result, each operand's change put in place."""
        window = cut_out(positions_first(self.base[node.name], op.axes), mine)
        along = node.argument("dim", 0) % len(node.shape or ())
        channels = window.movedim((1, 2), op.axes)
        start = 0
        for operand in node.argument("tensors"):
            changed = values[operand.name]
            size = changed.values.shape[along]
            part = positions_first(channels.narrow(along, start, size), op.axes)
            assert changed.spans is not None
            paste(part, mine, positions_first(changed.values, op.axes), changed.spans)
            start += size
        return Changed(channels, op.axes, mine)


def _window(base: Tensor, operand: Operand, changed: Changed | None, needed: Spans) -> Tensor:
    """The windows ``needed`` of an operand: of the bare image's value, with what changed put in."""
    if changed is not None and changed.spans is not None and same(changed.spans, needed):
        return changed.values
    maps, at = with_border(positions_first(base, operand.axes), needed, operand.outside)
    window = cut_out(maps, at)
    if changed is not None and changed.spans is not None:
        paste(window, needed, positions_first(changed.values, operand.axes), changed.spans)
    return positions_back(window, operand.axes)


def _live(node: OpNode, net: Network) -> list[str]:
    return [name for name in node.inputs if name in net.live]
