"""Ops that can be run on windows: what a window of the result needs of each operand, and the op without its borders.

A window comes with its own border: positions outside the map hold what the op itself would put there. So an op on
windows is the op without padding. Where positions matter beyond that (an average that leaves the border out), the
difference is a factor per position.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.nn import functional as F

from convscope.graph.fuse import SUMMED
from convscope.graph.geometry import pair
from convscope.graph.opgraph import INPUT, OpGraph, OpNode, Ref, evaluate
from convscope.rules.windows import Fields, Sight, is_gate, keeps_places, reach, sights
from convscope.window import IDENTITY

POINT: Fields = (IDENTITY, IDENTITY)


@dataclass(frozen=True)
class Operand:
    """An operand with positions: what one position of the result sees of it, where its rows and columns lie."""

    reach: Fields
    axes: tuple[int, int]
    outside: float = 0.0
    """What stands beyond the border of the map."""


@dataclass(frozen=True)
class Local:
    """An op that works on windows; ``node`` is the op as it is run on windows that hold their own border."""

    node: OpNode
    operands: Mapping[str, Operand]
    axes: tuple[int, int]
    factor: Tensor | None = None
    """A factor for each position of the result, (1, 1, rows, columns)."""
    sized: bool = False
    """The call states the size of its result, which for a window is another one."""

    def run(self, values: Mapping[str, Any], size: tuple[int, int]) -> Tensor:
        """The result's windows, without ``factor``, from those of the operands; ``size`` in rows and columns."""
        if not self.sized:
            result: Tensor = evaluate(self.node, values)
            return result
        (name,) = self.operands
        shape = self.shape(len(values[name]), size)
        value: Tensor = values[name]
        return value.expand(shape) if self.node.op == "expand" else value.reshape(shape)

    def shape(self, count: int, size: tuple[int, int]) -> tuple[int, ...]:
        """Shape of ``count`` windows of the result."""
        whole = list(self.node.shape or ())
        whole[0] = count
        for axis, length in zip(self.axes, size, strict=True):
            whole[axis] = length
        return tuple(whole)


def local_ops(graph: OpGraph) -> Mapping[str, Local]:
    """The ops of a graph that can be run on windows, by node name; all others need whole maps."""
    if graph not in _known:
        _known[graph] = _find(graph)
    return _known[graph]


_known: WeakKeyDictionary[OpGraph, Mapping[str, Local]] = WeakKeyDictionary()


def _find(graph: OpGraph) -> dict[str, Local]:
    seen = sights(graph)
    shapes = {INPUT: graph.input_shape} | {n.name: n.shape for n in graph.nodes if n.shape is not None}
    found = {}
    for node in graph.nodes:
        sight = seen.get(node.name)
        made = None if sight is None or sight.fields is None else _local(_Site(graph, node, sight, seen, shapes))
        if made is not None and _is_batch_first(graph, made, shapes):
            found[node.name] = made
    return found


def _is_batch_first(graph: OpGraph, op: Local, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """True if the first axis of all that has positions runs over images, so that it can run over windows instead."""
    sizes = {name: shapes[name] if name in shapes else tuple(graph.constants[name].shape) for name in op.operands}
    places = [(sizes[name], operand.axes) for name, operand in op.operands.items()]
    return all(shape[0] == 1 and min(axes) > 0 for shape, axes in [(op.node.shape or (0,), op.axes), *places])


@dataclass(frozen=True)
class _Site:
    graph: OpGraph
    node: OpNode
    sight: Sight
    seen: Mapping[str, Sight]
    shapes: Mapping[str, tuple[int, ...]]

    def keeping(self, names: tuple[str, ...]) -> dict[str, Operand] | None:
        """Operands with a position for each of the result's; None where positions cannot be told."""
        shape = self.node.shape or ()
        found = {}
        for name in names:
            sight, constant = self.seen.get(name), self.graph.constants.get(name)
            if sight is not None and keeps_places(sight, self.shapes[name], shape):
                found[name] = Operand(POINT, sight.axes)
            elif constant is not None and (axes := _axes_of(constant, self.sight, shape)) is not None:
                if constant.dim() != len(shape) or any(constant.shape[axis] != shape[axis] for axis in axes):
                    return None
                found[name] = Operand(POINT, axes)
            elif sight is not None and not is_gate(self.shapes[name], len(shape), self.sight):
                return None  # a gate that is written out for every position
            elif sight is None and constant is None and name in self.shapes and self.shapes[name]:
                return None
        return found


def _axes_of(constant: Tensor, sight: Sight, shape: tuple[int, ...]) -> tuple[int, int] | None:
    """Where a constant has the rows and columns of the result; None: it is the same at all positions."""
    rows, columns = (axis - len(shape) + constant.dim() for axis in sight.axes)
    sizes = [constant.shape[axis] if axis >= 0 else 1 for axis in (rows, columns)]
    return (rows, columns) if sizes[0] > 1 or sizes[1] > 1 else None


def _local(site: _Site) -> Local | None:
    live = tuple(name for name in site.node.inputs if name in site.seen)
    kernel = _KERNELS.get(site.node.op)
    if kernel is not None:
        return kernel(site)
    if site.node.op in _ELSEWHERE:
        return None
    if site.node.op in _SIZED and len(live) == 1:
        return Local(site.node, {live[0]: Operand(POINT, site.seen[live[0]].axes)}, site.sight.axes, sized=True)
    if len(live) == 1:
        own = reach(site.graph, site.node, site.seen[live[0]].axes, site.shapes[live[0]])
        if own.fields != POINT or own.gated:
            return None
        if site.node.op not in _BESIDE:
            return Local(site.node, {live[0]: Operand(POINT, site.seen[live[0]].axes)}, site.sight.axes)
    operands = site.keeping(site.node.inputs)
    return Local(site.node, operands, site.sight.axes) if operands else None


def _main(site: _Site, name: str) -> tuple[str, Fields] | None:
    """The operand that a kernel slides over, and what a position sees of it."""
    source = site.node.argument(name)
    if not isinstance(source, Ref) or source.name not in site.seen:
        return None
    own = reach(site.graph, site.node, site.seen[source.name].axes, site.shapes[source.name]).fields
    return None if own is None else (source.name, own)


def _convolution(site: _Site) -> Local | None:
    main = _main(site, "input")
    if main is None or any(name in site.seen for name in (site.node.argument("weight").name,)):
        return None
    name, own = main
    operands = {name: Operand(own, site.seen[name].axes)}
    other = site.node.argument("other") if "other" in site.node.parameters else None
    if other is not None:
        operands[other.name] = Operand(POINT, site.seen[other.name].axes)
    padding = site.node.argument("padding")
    # Left out, it is none in either form of the op: numbers or words.
    none = {} if padding is None else {"padding": "valid" if isinstance(padding, str) else [0, 0]}
    return Local(_with(site.node, **none), operands, site.sight.axes)


def _max_pooling(site: _Site) -> Local | None:
    main = _main(site, site.node.parameters[0])
    if main is None or site.node.select not in (None, 0):
        return None
    name, own = main
    return Local(
        _with(site.node, padding=[0, 0], ceil_mode=False), {name: Operand(own, site.seen[name].axes, -math.inf)}, (2, 3)
    )


def _average_pooling(site: _Site) -> Local | None:
    main = _main(site, site.node.parameters[0])
    if main is None:
        return None
    name, own = main
    area = math.prod(pair(site.node.argument("kernel_size")))
    plain = _with(site.node, padding=[0, 0], ceil_mode=False, count_include_pad=True, divisor_override=area)
    ones = torch.ones(1, 1, *site.shapes[name][2:], dtype=torch.float64)
    # What the op makes of ones, by what the plain one does: both divide the same sum, so the sum drops out.
    border = _with(site.node, divisor_override=area)
    factor = evaluate(site.node, {name: ones}) / evaluate(border, {name: ones})
    same = bool((factor == 1).all())
    return Local(plain, {name: Operand(own, site.seen[name].axes)}, (2, 3), None if same else factor)


def _adaptive(pool: Callable[..., Any], outside: float) -> Callable[[_Site], Local | None]:
    """Adaptive pooling where the sizes divide: plain pooling."""

    def rule(site: _Site) -> Local | None:
        main = _main(site, site.node.parameters[0])
        if main is None or site.node.select not in (None, 0):
            return None
        name, own = main
        kernel = [field.size for field in own]
        node = replace(site.node, target=pool, args=(Ref(name), kernel), kwargs={}, select=None)
        return Local(node, {name: Operand(own, site.seen[name].axes, outside)}, (2, 3))

    return rule


def _padding(site: _Site) -> Local | None:
    """Padding by a constant: what lies outside the map is that constant, and the op itself is done."""
    main = _main(site, site.node.parameters[0])
    amounts = site.node.argument("pad")
    if main is None or amounts is None or site.node.argument("mode", "constant") != "constant":
        return None
    name, own = main
    rank = len(site.node.shape or ())
    places = [n for i, n in enumerate(amounts) if rank - 1 - i // 2 in site.sight.axes]
    elsewhere = [n for i, n in enumerate(amounts) if rank - 1 - i // 2 not in site.sight.axes]
    if not any(places):
        return Local(site.node, {name: Operand(POINT, site.seen[name].axes)}, site.sight.axes)
    value = site.node.argument("value")
    done = replace(site.node, target=_same, args=(Ref(name),), kwargs={})
    operand = Operand(own, site.seen[name].axes, 0.0 if value is None else float(value))
    return None if any(elsewhere) else Local(done, {name: operand}, site.sight.axes)


def _slice(site: _Site) -> Local | None:
    """A slice of rows or columns: the window starts elsewhere and is thinned."""
    main = _main(site, site.node.parameters[0])
    if main is None:
        return None
    name, own = main
    operand = {name: Operand(own, site.seen[name].axes)}
    if own == POINT and site.node.argument("dim", 0) % len(site.node.shape or ()) not in site.sight.axes:
        return Local(site.node, operand, site.sight.axes)
    every = [slice(None)] * len(site.node.shape or ())
    for axis, field in zip(site.sight.axes, own, strict=True):
        every[axis] = slice(None, None, field.stride)
    done = replace(site.node, target=_index, args=(Ref(name), tuple(every)), kwargs={})
    return Local(done, operand, site.sight.axes)


def _same(x: Tensor) -> Tensor:
    return x


def _index(x: Tensor, places: tuple[slice, ...]) -> Tensor:
    return x[places]


def _with(node: OpNode, **settings: Any) -> OpNode:
    """The same call with other settings, for those that the op has."""
    args, kwargs = list(node.args), dict(node.kwargs)
    for name, value in settings.items():
        place = node.parameters.index(name) if name in node.parameters else None
        if place is not None and place < len(args):
            args[place] = value
        elif place is not None:
            kwargs[name] = value
    return replace(node, args=tuple(args), kwargs=kwargs)


_KERNELS: Mapping[str, Callable[[_Site], Local | None]] = {
    **dict.fromkeys(["conv2d", SUMMED], _convolution),
    **dict.fromkeys("max_pool2d max_pool2d_with_indices".split(), _max_pooling),
    "avg_pool2d": _average_pooling,
    "adaptive_avg_pool2d": _adaptive(F.avg_pool2d, 0.0),
    "adaptive_max_pool2d": _adaptive(F.max_pool2d, -math.inf),
    **dict.fromkeys("pad constant_pad_nd".split(), _padding),
    "slice": _slice,
}
_SIZED = frozenset("view _unsafe_view reshape unsqueeze squeeze flatten expand".split())
_ELSEWHERE = frozenset(["upsample_nearest2d"])
"""Ops that state the size of their result in another way: even where they change nothing, not on windows."""
_BESIDE = frozenset(
    """
    add sub rsub mul div pow addcmul maximum minimum clamp clamp_min clamp_max where masked_fill lerp cat gt ge lt le eq
    ne""".split()
)
"""Ops that can meet a constant with positions of its own."""
