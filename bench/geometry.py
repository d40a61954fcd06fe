"""Which rows and columns of a map an op reads, and how many multiply-adds it takes: plain integers.

Written without the rules of the package, which it is there to check. An op that is not in the tables mixes all
positions: everything after it counts as changed. The channels of a value share one window, also where they were
made by different ops. Both can only make a bound smaller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from convscope.graph.opgraph import INPUT, OpGraph, OpNode

Axes = tuple[int, int]
"""Which axes of a value are its rows and its columns."""


@dataclass(frozen=True)
class Slide:
    """A kernel that slides along one axis."""

    kernel: int = 1
    stride: int = 1
    padding: int = 0
    dilation: int = 1


Slides = tuple[Slide, Slide]
POINT: Slides = (Slide(), Slide())


@dataclass(frozen=True)
class Value:
    """A node's result: ``sources`` are the values that it is made of, with what is read of them (None: everything)."""

    name: str
    op: str
    axes: Axes | None
    size: tuple[int, int]
    """Rows and columns; one position where ``axes`` is None, which is read and changed as a whole."""
    sources: tuple[tuple[str, Slides | None], ...]
    cost: int
    """Multiply-adds of all of it."""

    @property
    def cost_of_position(self) -> int:
        return self.cost // prod(self.size)


def values(graph: OpGraph) -> Mapping[str, Value]:
    """All values that depend on the image, in execution order."""
    shapes = {INPUT: graph.input_shape} | {n.name: n.shape for n in graph.nodes if n.shape is not None}
    shapes |= {name: tuple(constant.shape) for name, constant in graph.constants.items()}
    found = {INPUT: Value(INPUT, "", (2, 3), (graph.input_shape[2], graph.input_shape[3]), (), 0)}
    for node in graph.nodes:
        names = [name for name in node.inputs if name in found]
        if names and node.shape is not None:
            found[node.name] = _value(node, names, found, shapes)
    return found


@dataclass(frozen=True)
class _Use:
    """One operand of an op."""

    node: OpNode
    axes: Axes
    before: tuple[int, ...]
    after: tuple[int, ...]
    shapes: Mapping[str, tuple[int, ...]]


_Step = tuple[Axes | None, Slides | None]
"""Where rows and columns are after an op, and what it reads of those before."""
_MIXED: _Step = (None, None)


def _value(node: OpNode, names: list[str], found: Mapping[str, Value], shapes: Mapping[str, tuple[int, ...]]) -> Value:
    after = shapes[node.name]
    steps = [_step(node, found[name].axes, shapes[name], shapes) for name in names]
    kept = {axes for axes, _ in steps if axes is not None}
    axes = kept.pop() if len(kept) == 1 else None
    sources = tuple((name, slides if axes else None) for name, (_, slides) in zip(names, steps, strict=True))
    size = (after[axes[0]], after[axes[1]]) if axes else (1, 1)
    return Value(node.name, node.op, axes, size, sources, multiply_adds(node, shapes))


def _step(node: OpNode, axes: Axes | None, before: tuple[int, ...], shapes: Mapping[str, tuple[int, ...]]) -> _Step:
    rule = _RULES.get(node.op)
    return _MIXED if rule is None or axes is None else rule(_Use(node, axes, before, shapes[node.name], shapes))


def _point(use: _Use) -> _Step:
    """Position by position; an operand of another size (a gate) is broadcast, so that all of it is read."""
    same = len(use.before) == len(use.after) and all(use.before[axis] == use.after[axis] for axis in use.axes)
    return (use.axes, POINT) if same else _MIXED


def _kernel(use: _Use) -> _Step:
    if use.axes != (len(use.before) - 2, len(use.before) - 1):
        return _MIXED
    conv = use.node.op == "conv2d"
    kernel = list(use.shapes[use.node.argument("weight").name][2:]) if conv else _two(use.node.argument("kernel_size"))
    strides = _two(use.node.argument("stride") or ([1] if conv else kernel))
    padding, dilation = _two(use.node.argument("padding", 0)), _two(use.node.argument("dilation", 1))
    rows, columns = (Slide(*numbers) for numbers in zip(kernel, strides, padding, dilation, strict=True))
    return use.axes, (rows, columns)


def _adaptive(use: _Use) -> _Step:
    """Plain pooling where the sizes divide; everything is read elsewhere."""
    if any(use.before[axis] % use.after[axis] for axis in use.axes):
        return use.axes, None
    rows, columns = (Slide(n, n) for n in (use.before[axis] // use.after[axis] for axis in use.axes))
    return use.axes, (rows, columns)


def _beside(use: _Use) -> _Step:
    """An op along an axis that is neither rows nor columns, and that stays."""
    axis = use.node.argument("dim", 0) % len(use.before)
    return _MIXED if axis in use.axes else _point(use)


def _fewer(use: _Use) -> _Step:
    gone = use.node.argument("dim", 0) % len(use.before)
    rows, columns = (axis - (gone < axis) for axis in use.axes)
    return _MIXED if gone in use.axes else ((rows, columns), POINT)


def _more(use: _Use) -> _Step:
    new = use.node.argument("dim") % len(use.after)
    rows, columns = (axis + (new <= axis) for axis in use.axes)
    return (rows, columns), POINT


def _permute(use: _Use) -> _Step:
    order = [axis % len(use.before) for axis in use.node.argument("dims")]
    return (order.index(use.axes[0]), order.index(use.axes[1])), POINT


def _transpose(use: _Use) -> _Step:
    one, other = (use.node.argument(name) % len(use.before) for name in ("dim0", "dim1"))
    rows, columns = ({one: other, other: one}.get(axis, axis) for axis in use.axes)
    return (rows, columns), POINT


def _view(use: _Use) -> _Step:
    """Rows and columns survive where each is an axis of the result with as much behind it."""
    places = []
    for axis in use.axes:
        inner = (use.before[axis], prod(use.before[axis + 1 :]))
        places += [i for i in range(len(use.after)) if (use.after[i], prod(use.after[i + 1 :])) == inner][:1]
    return ((places[0], places[1]), POINT) if len(places) == 2 else _MIXED


def _last_axes(use: _Use) -> _Step:
    """``linear`` and ``layer_norm`` mix along the last axes."""
    mixed = len(use.node.argument("normalized_shape", [0]))
    return _point(use) if max(use.axes) < len(use.before) - mixed else _MIXED


def _two(value: Any) -> list[int]:
    numbers = [value] if isinstance(value, int) else list(value)
    return numbers * 2 if len(numbers) == 1 else numbers


_RULES: Mapping[str, Callable[[_Use], _Step]] = {
    **dict.fromkeys("conv2d max_pool2d avg_pool2d".split(), _kernel),
    "adaptive_avg_pool2d": _adaptive,
    **dict.fromkeys("cat split slice".split(), _beside),
    "select": _fewer,
    "unsqueeze": _more,
    "permute": _permute,
    "transpose": _transpose,
    **dict.fromkeys("view _unsafe_view".split(), _view),
    **dict.fromkeys("linear layer_norm".split(), _last_axes),
    **dict.fromkeys(
        """add sub mul div relu relu6 hardtanh hardswish hardsigmoid sigmoid silu gelu tanh clone dropout
        batch_norm""".split(),
        _point,
    ),
}


def multiply_adds(node: OpNode, shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Multiply-adds of one op for one image; 0 for ops without products of two operands' sums."""
    inner = _INNER.get(node.op)
    if node.op == "einsum":
        return _einsum(node, shapes)
    return inner(node, shapes) * prod(shapes[node.name]) if inner else 0


def _einsum(node: OpNode, shapes: Mapping[str, tuple[int, ...]]) -> int:
    letters = node.argument("equation").split("->")[0].replace(" ", "").split(",")
    operands = (shapes[ref.name] for ref in node.argument("tensors"))
    sizes = {
        a: size for names, shape in zip(letters, operands, strict=True) for a, size in zip(names, shape, strict=True)
    }
    return prod(sizes.values())


def _attention(node: OpNode, shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Scores, then their mixture of values, per number of the result (as many queries, as long as a value)."""
    query, key, value = (shapes[node.argument(name).name] for name in ("query", "key", "value"))
    return key[-2] + key[-2] * query[-1] // value[-1]


_INNER: Mapping[str, Callable[[OpNode, Mapping[str, tuple[int, ...]]], int]] = {
    "conv2d": lambda node, shapes: prod(shapes[node.argument("weight").name][1:]),
    "linear": lambda node, shapes: shapes[node.argument("weight").name][1],
    **dict.fromkeys(["matmul", "mm", "bmm"], lambda node, shapes: shapes[node.args[0].name][-1]),
    "addmm": lambda node, shapes: shapes[node.argument("mat1").name][-1],
    "scaled_dot_product_attention": _attention,
}
"""Multiply-adds for each number of the result."""
