"""Which ops run on windows and which on whole maps, for an occluder at every place of a grid.

Windows only grow on the way up, relative to the map. So there is one cut in the order of the ops: windows before it,
whole maps after. Places are grouped so that the windows of a group are nearly equal: by how they lie on the strides of
the network, and by how much of their windows the border cuts off. Cut and grouping are those with the least predicted
time; with the cut before the first op, the sweep is a plain loop over whole images.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

from convscope.engine.allowance import allowed
from convscope.engine.cost import FLOAT_BYTES, Machine, Work, is_convolution, multiply_adds, weight_bytes
from convscope.engine.gather import Axes, Spans
from convscope.engine.network import Network
from convscope.engine.spans import Extent, Starts, changed_by
from convscope.graph.opgraph import INPUT, OpNode
from convscope.window import Field

MOST_PLACES = 96
"""Places of one batch, at most."""
_BANDS = (1, 3, 5, 8)
"""Numbers of classes that the border is tried to be told apart in."""
_USUAL_BANDS = 5
"""The number for which the stride is chosen: mostly the best one."""

Numbers = NDArray[np.float64]
Lines = tuple[Mapping[str, Extent], Mapping[str, Extent]]
"""For each value that changes in a window, its exact extents for each row, and for each column, of the grid."""
Classes = tuple[list[Starts], list[Starts]]
"""The rows of the grid, and its columns, in classes."""


@dataclass(frozen=True)
class Group:
    """Places that go together: those at ``rows`` x ``columns`` of the grid, with a window per row and per column."""

    rows: Starts
    columns: Starts
    spans: Mapping[str, Spans]
    batch: int


@dataclass(frozen=True)
class Route:
    """How a sweep goes through a network; ``seconds`` are predicted, for each op and all places together."""

    groups: tuple[Group, ...]
    windowed: frozenset[str]
    batch: int
    """Places that go through the whole-map part at once."""
    seconds: Mapping[str, float]
    whole_seconds: Mapping[str, float]
    """What each op would take if all were run on whole maps."""


def find_route(
    net: Network,
    rows: Sequence[int],
    columns: Sequence[int],
    mask: tuple[int, int],
    machine: Machine,
    windows: bool | None = None,
    wanted: NDArray[np.bool_] | None = None,
) -> Route:
    """The fastest way, by prediction, for a mask of this size at every crossing of ``rows`` and ``columns``.

    ``windows``: True puts the cut behind the last op that can run on windows, False before the first. ``wanted``, bool
    (rows, columns): only these places are asked for.
    """
    asked = np.ones((len(rows), len(columns)), np.bool_) if wanted is None else wanted
    lines = _extents(net, rows, mask[0], 0), _extents(net, columns, mask[1], 1)
    strides = {f.stride for s in net.sights.values() if s.fields is not None for f in s.fields}

    def best(questions: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], _Candidate]:
        tried = {q: _Candidate(net, lines, _classes(lines, *q), asked, machine) for q in questions}
        return min(tried.items(), key=lambda item: item[1].total(windows))

    (stride, _), _ = best((stride, _USUAL_BANDS) for stride in sorted(strides))
    _, candidate = best((stride, bands) for bands in _BANDS)
    return candidate.route(windows)


def _extents(net: Network, starts: Sequence[int], size: int, axis: int) -> dict[str, Extent]:
    first = np.asarray(starts, np.int64)
    found = {INPUT: Extent(first, first + size)}
    for node in net.graph.nodes:
        if node.name in net.windowable:
            op = net.ops[node.name]
            seen = [(found[name], operand.reach[axis]) for name, operand in op.operands.items() if name in found]
            found[node.name] = changed_by(seen, net.shapes[node.name][op.axes[axis]])
    return found


def _classes(lines: Lines, stride: int, bands: int) -> Classes:
    """Lines of the same alignment to ``stride`` and of about the same sizes, as indices."""
    found: list[list[Starts]] = []
    for along in lines:
        total = np.sum([extent.sizes for extent in along.values()], axis=0)
        band = np.minimum((total - total.min()) * bands // max(int(np.ptp(total)), 1), bands - 1)
        key = along[INPUT].first % stride * bands + band
        found.append([np.flatnonzero(key == each) for each in np.unique(key)])
    return found[0], found[1]


@dataclass(frozen=True)
class _Candidate:
    """One way of grouping, and what it costs for each cut."""

    net: Network
    lines: Lines
    classes: Classes
    wanted: NDArray[np.bool_]
    machine: Machine

    def total(self, windows: bool | None) -> float:
        """Predicted seconds with the best cut."""
        return float(self._costs[self._cut(windows)])

    def _cut(self, windows: bool | None) -> int:
        if windows is None:
            return int(self._costs.argmin())
        return len(self._costs) - 1 if windows else 0

    @cached_property
    def _windows_seconds(self) -> Mapping[str, float]:
        """Of each node on windows, or on whole maps where it can run on nothing else."""
        return {node.name: self._on_windows(node) for node in self.net.graph.nodes}

    @cached_property
    def _maps_seconds(self) -> Mapping[str, float]:
        return {node.name: self._on_maps(node) for node in self.net.graph.nodes}

    @cached_property
    def _costs(self) -> Numbers:
        """Predicted seconds for each cut: 0 to the number of nodes."""
        net = self.net
        on_windows, on_maps = (np.array([*of.values()]) for of in (self._windows_seconds, self._maps_seconds))
        total: Numbers = np.append(0, on_windows.cumsum()) + np.append(on_maps[::-1].cumsum()[::-1], 0)
        place = {INPUT: -1} | {node.name: number for number, node in enumerate(net.graph.nodes)}
        for name in net.windowable:
            # Pasted into whole maps wherever a reader that wants them comes after the cut.
            readers = [reader for reader in net.graph.readers.get(name, ()) if reader.shape is not None]
            last = max((len(place) if r.name not in net.windowable else place[r.name] for r in readers), default=-1)
            total[place[name] + 1 : last + 1] += self._seconds(Work(0, 2 * FLOAT_BYTES * prod(net.shapes[name]), 0))
        return total

    @property
    def _places(self) -> int:
        return int(self.wanted.sum())

    @cached_property
    def _counts(self) -> Numbers:
        """Places of each group."""
        rows, columns = self.classes
        return np.array([[self.wanted[np.ix_(r, c)].sum() for c in columns] for r in rows], np.float64)

    def _seconds(self, each: Work) -> float:
        return self.machine.seconds(each) * self._places

    def _on_maps(self, node: OpNode) -> float:
        net = self.net
        shape = net.shapes.get(node.name, ())
        values = prod(shape) + sum(prod(net.shapes[name]) for name in node.inputs if name in net.live)
        each = Work(multiply_adds(net.graph, node, shape), FLOAT_BYTES * values, 0)
        return self._seconds(each) + self._calls(node, self._places, 1)

    def _calls(self, node: OpNode, places: Numbers | int, calls: int) -> float:
        """What ``calls`` for each batch cost by themselves, where ``places`` go together; batches come in two sizes."""
        batches = np.ceil(np.asarray(places) / MOST_PLACES)
        shapes = float(np.minimum(batches, 2).sum()) if is_convolution(node) else 0.0
        each = Work(0, 2 * weight_bytes(self.net.graph, node), calls)
        return self.machine.seconds(each) * float(batches.sum()) + self.machine.seconds(Work(shapes=shapes))

    def _on_windows(self, node: OpNode) -> float:
        if node.name not in self.net.windowable or node.shape is None:
            return self._on_maps(node)
        op = self.net.ops[node.name]
        heights, widths = (self._sizes(node.name, axis) for axis in (0, 1))
        area = np.outer(heights, widths)
        position = op.shape(1, (1, 1))
        values = area * prod(position)
        for name, operand in op.operands.items():
            values = values + self._operand_values(name, operand.reach, operand.axes, heights, widths)
        each = multiply_adds(self.net.graph, node, position) * area / self.machine.multiply_adds_per_second
        each = each + FLOAT_BYTES * values / self.machine.bytes_per_second
        return float((each * self._counts).sum()) + self._calls(node, self._counts, 1 + 4 * len(op.operands))

    def _operand_values(
        self, name: str, reach: tuple[Field, Field], axes: Axes, heights: Numbers, widths: Numbers
    ) -> Numbers:
        """Numbers read of an operand, and moved to put its windows together, for one place of each group."""
        position = _per_position(self.net, name, axes)
        tall, wide = ((n - 1) * r.stride + r.size for n, r in zip((heights, widths), reach, strict=True))
        needed = np.outer(tall, wide) * position
        if name not in self.net.windowable:
            return 3 * needed
        own = [self._sizes(name, axis) for axis in (0, 1)]
        as_it_is = reach[0].size == reach[1].size == 1 and (own[0] == tall).all() and (own[1] == wide).all()
        return needed if as_it_is else 3 * needed + 2 * np.outer(*own) * position

    def _sizes(self, name: str, axis: int) -> Numbers:
        sizes = self.lines[axis][name].sizes
        return np.array([sizes[which].max() for which in self.classes[axis]], np.float64)

    def route(self, windows: bool | None) -> Route:
        """The route with the best cut."""
        net = self.net
        cut = self._cut(windows)
        before = {node.name for node in net.graph.nodes[:cut]} & net.windowable
        kept = frozenset(before | ({INPUT} if cut else set()))
        maps = self._maps_seconds
        chosen = {name: self._windows_seconds[name] if name in kept else maps[name] for name in maps}
        widest = max((prod(net.shapes.get(n.name, ())) for n in net.graph.nodes if n.name not in kept), default=1)
        return Route(tuple(self._groups(kept)), kept, _batch(widest), chosen, maps)

    def _groups(self, kept: frozenset[str]) -> Iterator[Group]:
        net = self.net
        for rows, columns in product(*self.classes):
            if not self.wanted[np.ix_(rows, columns)].any():
                continue
            spans = {}
            for name in kept:
                axes = (2, 3) if name == INPUT else net.ops[name].axes
                down, across = (net.shapes[name][axis] for axis in axes)
                spans[name] = (
                    self.lines[0][name][rows].fitted(down),
                    self.lines[1][name][columns].fitted(across),
                )
            yield Group(rows, columns, spans, _batch(max((_numbers(net, name, spans) for name in kept), default=1)))


def _numbers(net: Network, name: str, spans: Mapping[str, Spans]) -> int:
    """The most numbers that an op handles at once for one place."""
    if name == INPUT:
        return 0
    op = net.ops[name]
    found = [prod(op.shape(1, (spans[name][0].size, spans[name][1].size)))]
    for source, operand in op.operands.items():
        needed = [span.seen_by(reach).size for span, reach in zip(spans[name], operand.reach, strict=True)]
        found.append(prod(needed) * _per_position(net, source, operand.axes))
    return max(found)


def _per_position(net: Network, name: str, axes: Axes) -> int:
    """Numbers that a value has at each position."""
    shape = net.shapes[name]
    return prod(shape) // max(1, prod(shape[axis] for axis in axes))


def _batch(numbers: int) -> int:
    return max(1, min(MOST_PLACES, allowed().places // max(FLOAT_BYTES * numbers, 1)))
