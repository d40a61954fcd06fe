"""How a window passes through an op: one entry per op, and one walk from the pixels up.

For every value the walk knows its ``Sight``: which two axes are rows and columns, which pixels a position can see
along each, and whether it also depends on the whole image through a gate or a statistic. ``None`` in place of the
fields means that positions are mixed: each sees the whole image. A superset of what is seen is still exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import prod

from convscope.graph.fuse import SUMMED
from convscope.graph.opgraph import INPUT, OpGraph, OpNode
from convscope.window import IDENTITY, Field

Fields = tuple[Field, Field]


@dataclass(frozen=True)
class Sight:
    """What positions of a value see: ``fields`` for (rows, columns), which lie at ``axes``; None: everything."""

    fields: Fields | None
    axes: tuple[int, int] = (2, 3)
    gated: bool = False


WHOLE = Sight(None)
Operands = Mapping[str, tuple[Sight, tuple[int, ...]]]
"""For each operand that depends on the image, its sight and its shape for one image."""


@dataclass(frozen=True)
class Place:
    """An op whose main operand keeps positions: what a window rule needs to know."""

    graph: OpGraph
    node: OpNode
    sight: Sight
    fields: Fields
    shape: tuple[int, ...]
    """Shape of the main operand for one image."""

    def seen_as(self, rows: Field, columns: Field) -> Sight:
        """The same axes with other fields."""
        return replace(self.sight, fields=(rows, columns))


def sights(graph: OpGraph) -> Mapping[str, Sight]:
    """The sight of every value that depends on the image, by node name."""
    found: dict[str, Sight] = {INPUT: Sight((IDENTITY, IDENTITY))}
    shapes = {INPUT: graph.input_shape} | {n.name: n.shape for n in graph.nodes if n.shape is not None}
    for node in graph.nodes:
        operands = {name: (found[name], shapes[name]) for name in node.inputs if name in found}
        if node.shape is not None and operands:
            found[node.name] = _sight(graph, node, operands)
            if node.op == "expand" and found[node.name] == WHOLE:
                # One value for the whole image, written out for every position, is still one value: a gate.
                shapes[node.name] = shapes[node.inputs[0]]
    return found


def reach(graph: OpGraph, node: OpNode, axes: tuple[int, int], shape: tuple[int, ...]) -> Sight:
    """What a position of the op's result sees of its main operand, of this shape, in positions of that operand."""
    rule = _RULES.get(node.op)
    single = (IDENTITY, IDENTITY)
    return WHOLE if rule is None else rule(Place(graph, node, Sight(single, axes), single, shape))


def first_unknown(graph: OpGraph) -> OpNode | None:
    """The first op that a map with positions reaches and that no table here names: nothing is known to stay local."""
    seen = sights(graph)
    for node in graph.nodes:
        reached = any(seen[name].fields is not None for name in node.inputs if name in seen)
        if reached and node.shape is not None and not is_known(node):
            return node
    return None


def is_known(node: OpNode) -> bool:
    """Whether a table here names the op."""
    return node.op in _KNOWN


def _sight(graph: OpGraph, node: OpNode, operands: Operands) -> Sight:
    if node.op == "stack":
        return _stacked(node, operands)
    if node.op == SUMMED:
        # What is added is a shortcut around the convolution: its field is part of the convolution's.
        operands = {name: operands[name] for name in operands if name == node.argument("input").name}
    return _merge(node, operands) if len(operands) > 1 else _pass(graph, node, operands)


def _pass(graph: OpGraph, node: OpNode, operands: Operands) -> Sight:
    ((sight, shape),) = operands.values()
    rule = _RULES.get(node.op)
    if sight.fields is None or rule is None:
        return WHOLE
    return rule(Place(graph, node, sight, sight.fields, shape))


def _merge(node: OpNode, operands: Operands) -> Sight:
    """Several operands: the hull of those that keep positions; one that sees everything is a gate beside them."""
    local = [sight for sight, shape in operands.values() if keeps_places(sight, shape, node.shape or ())]
    if node.op not in _MERGING or not local:
        return WHOLE
    rank = len(node.shape or ())
    others = [shape for sight, shape in operands.values() if not keeps_places(sight, shape, node.shape or ())]
    if not all(node.op not in _JOINING and is_gate(shape, rank, local[0]) for shape in others):
        return WHOLE
    merged = local[0]
    for other in local[1:]:
        merged = _hull(merged, other)
    return merged if merged.fields is None else replace(merged, gated=merged.gated or len(local) < len(operands))


def is_gate(shape: tuple[int, ...], rank: int, beside: Sight) -> bool:
    """True if a value of this shape is the same at every position of the map ``beside`` it, of ``rank`` axes."""
    behind = (axis - rank for axis in beside.axes)
    return all(shape[place] == 1 for place in behind if -place <= len(shape))


def _stacked(node: OpNode, operands: Operands) -> Sight:
    """A new axis: those behind it move back."""
    first, *rest = (sight for sight, _ in operands.values())
    for other in rest:
        first = _hull(first, other)
    new = node.argument("dim", 0) % len(node.shape or ())
    rows, columns = (axis + (axis >= new) for axis in first.axes)
    return WHOLE if first.fields is None else replace(first, axes=(rows, columns))


def keeps_places(sight: Sight, before: tuple[int, ...], after: tuple[int, ...]) -> bool:
    """False where positions move or multiply: concatenation along rows or columns, a broadcast of one position."""
    same_rank = sight.fields is not None and len(before) == len(after)
    return same_rank and all(before[axis] == after[axis] for axis in sight.axes)


def _hull(one: Sight, other: Sight) -> Sight:
    if one.fields is None or other.fields is None or one.axes != other.axes:
        return WHOLE
    pairs = list(zip(one.fields, other.fields, strict=True))
    if any(a.stride != b.stride for a, b in pairs):
        return WHOLE
    rows, columns = (a.hull(b) for a, b in pairs)
    return Sight((rows, columns), one.axes, one.gated or other.gated)


def _point(place: Place) -> Sight:
    """Position by position."""
    return place.sight if keeps_places(place.sight, place.shape, place.node.shape or ()) else WHOLE


def _gate(place: Place) -> Sight:
    """Normalised by statistics of the whole map: position by position, yet dependent on all."""
    return replace(place.sight, gated=True)


def _convolution(place: Place) -> Sight:
    weight = place.graph.constants.get(place.node.argument("weight").name)
    return WHOLE if weight is None else _kernel(place, list(weight.shape[2:]), default_stride=[1, 1])


def _pooling(place: Place) -> Sight:
    kernel = _rows_columns(place.node.argument("kernel_size"))
    return _kernel(place, kernel, default_stride=kernel)


def _kernel(place: Place, kernel: list[int], default_stride: list[int]) -> Sight:
    """A kernel that slides over the last two axes, rows and columns; mixing along an earlier one is no matter."""
    if place.sight.axes != (len(place.shape) - 2, len(place.shape) - 1) or len(kernel) != 2:
        return WHOLE
    strides = _rows_columns(place.node.argument("stride") or default_stride)
    dilation = _rows_columns(place.node.argument("dilation", 1))
    padding = _padding(place.node.argument("padding", 0), kernel, dilation)
    steps = zip(place.fields, kernel, strides, padding, dilation, strict=True)
    rows, columns = (field.after(k, s, p, d) for field, k, s, p, d in steps)
    return place.seen_as(rows, columns)


def _padding(value: int | str | list[int], kernel: list[int], dilation: list[int]) -> list[int]:
    """Padding before the first position; ``same`` puts the odd pixel behind, as torch does."""
    if isinstance(value, str):
        same = [d * (k - 1) // 2 for k, d in zip(kernel, dilation, strict=True)]
        return same if value == "same" else [0, 0]
    return _rows_columns(value)


def _adaptive(place: Place) -> Sight:
    """Adaptive pooling is plain pooling where the sizes divide; elsewhere windows vary, so every position sees all."""
    if place.sight.axes != (2, 3) or place.node.shape is None:
        return WHOLE
    pairs = list(zip(place.shape[2:], place.node.shape[2:], strict=True))
    if any(size % result for size, result in pairs) or all(result == 1 < size for size, result in pairs):
        return WHOLE
    kernels = [size // result for size, result in pairs]
    rows, columns = (field.after(k, k, 0, 1) for field, k in zip(place.fields, kernels, strict=True))
    return place.seen_as(rows, columns)


def _pad(place: Place) -> Sight:
    """Padding shifts positions; reflected or wrapped borders see further in, which a wider field contains."""
    amounts = place.node.argument("pad", place.node.argument("padding"))
    mode = place.node.argument("mode", "constant" if "pad" in place.node.parameters else "reflect")
    fields = list(place.fields)
    for which, axis in enumerate(place.sight.axes):
        back = 2 * (len(place.shape) - 1 - axis)
        before, after = amounts[back : back + 2] if back + 1 < len(amounts) else (0, 0)
        far = 2 * max(before, after) if mode != "constant" else 0
        field = fields[which]
        fields[which] = Field(
            field.size + 2 * far * field.stride, field.stride, field.start - (before + far) * field.stride
        )
    return WHOLE if mode == "circular" else place.seen_as(fields[0], fields[1])


def _slice(place: Place) -> Sight:
    """A slice of rows or columns shifts and thins positions; of anything else it changes nothing."""
    axis = place.node.argument("dim", 0) % len(place.shape)
    if axis not in place.sight.axes:
        return place.sight
    start = place.node.argument("start") or 0
    step = place.node.argument("step", 1)
    if not isinstance(start, int) or not isinstance(step, int):
        return WHOLE
    start = min(max(start if start >= 0 else start + place.shape[axis], 0), place.shape[axis])
    which = place.sight.axes.index(axis)
    fields = list(place.fields)
    field = fields[which]
    fields[which] = Field(field.size, field.stride * step, field.start + start * field.stride)
    return place.seen_as(fields[0], fields[1])


def _upsampling(place: Place) -> Sight:
    """Nearest neighbours: positions that share a source share its window, so one field for all is a little wider."""
    if place.sight.axes != (2, 3) or place.node.shape is None:
        return WHOLE
    fields = []
    for field, before, after in zip(place.fields, place.shape[2:], place.node.shape[2:], strict=True):
        factor = after // before
        if after % before or field.stride % factor:
            return WHOLE
        spare = field.stride - field.stride // factor
        fields.append(Field(field.size + spare, field.stride // factor, field.start - spare))
    return place.seen_as(fields[0], fields[1])


def _select(place: Place) -> Sight:
    return _without(place, [place.node.argument("dim", 0) % len(place.shape)])


def _without(place: Place, gone: list[int]) -> Sight:
    """Some axes are left out; those behind them move up."""
    if set(gone) & set(place.sight.axes):
        return WHOLE
    rows, columns = (axis - sum(other < axis for other in gone) for axis in place.sight.axes)
    return replace(place.sight, axes=(rows, columns))


def _permute(place: Place) -> Sight:
    order = [axis % len(place.shape) for axis in place.node.argument("dims")]
    return replace(place.sight, axes=(order.index(place.sight.axes[0]), order.index(place.sight.axes[1])))


def _transpose(place: Place) -> Sight:
    rank = len(place.shape)
    one, other = place.node.argument("dim0") % rank, place.node.argument("dim1") % rank
    swap = {one: other, other: one}
    rows, columns = (swap.get(axis, axis) for axis in place.sight.axes)
    return replace(place.sight, axes=(rows, columns))


def _reshape(place: Place) -> Sight:
    """Rows and columns survive a reshape that leaves both whole, e.g. a channel shuffle."""
    if place.node.shape is None:
        return WHOLE
    one, other = place.sight.axes
    rows = _same_axis(place.shape, place.node.shape, one)
    # Axes of size 1 look alike: columns lie behind rows as they did, or before.
    taken = -1 if rows is None or one > other else rows
    columns = _same_axis(place.shape, place.node.shape, other, behind=taken)
    return WHOLE if rows is None or columns is None else replace(place.sight, axes=(rows, columns))


def _same_axis(before: tuple[int, ...], after: tuple[int, ...], axis: int, behind: int = -1) -> int | None:
    """The axis of ``after`` that runs over the same numbers in the same order as ``axis`` of ``before``."""
    for other, size in enumerate(after):
        if other > behind and size == before[axis] and prod(after[other + 1 :]) == prod(before[axis + 1 :]):
            return other
    return None


def _over_channels(*names: str) -> Callable[[Place], Sight]:
    """An op that mixes along the axes in argument ``names`` only: harmless unless rows or columns are among them."""

    def rule(place: Place) -> Sight:
        value = next((place.node.argument(name) for name in names if place.node.argument(name) is not None), None)
        mixed = [value] if isinstance(value, int) else list(value or range(len(place.shape)))
        gone = [axis % len(place.shape) for axis in mixed]
        if set(gone) & set(place.sight.axes):
            return WHOLE
        return place.sight if len(place.node.shape or ()) == len(place.shape) else _without(place, gone)

    return rule


def _last_axes(place: Place) -> Sight:
    """``linear`` and ``layer_norm`` work along the last axes: position by position where these are channels."""
    count = len(place.node.argument("normalized_shape", [0]))
    return place.sight if max(place.sight.axes) < len(place.shape) - count else WHOLE


def _rows_columns(value: int | list[int]) -> list[int]:
    """The last two of an op's numbers per axis; a single one stands for all."""
    values = [value] if isinstance(value, int) else list(value)
    return values * 2 if len(values) == 1 else values[-2:]


_RULES: Mapping[str, Callable[[Place], Sight]] = {
    **dict.fromkeys(["conv2d", SUMMED], _convolution),
    **dict.fromkeys("max_pool2d avg_pool2d avg_pool3d max_pool2d_with_indices".split(), _pooling),
    **dict.fromkeys("adaptive_avg_pool2d adaptive_max_pool2d".split(), _adaptive),
    **dict.fromkeys("pad constant_pad_nd reflection_pad2d replication_pad2d".split(), _pad),
    "slice": _slice,
    "upsample_nearest2d": _upsampling,
    **dict.fromkeys("select unbind".split(), _select),
    "permute": _permute,
    "transpose": _transpose,
    **dict.fromkeys("view _unsafe_view reshape unsqueeze squeeze flatten".split(), _reshape),
    **dict.fromkeys(
        "mean sum softmax _softmax log_softmax linalg_vector_norm amax amin".split(), _over_channels("dim")
    ),
    **dict.fromkeys("split split_with_sizes chunk cumsum".split(), _over_channels("dim")),
    **dict.fromkeys("linear layer_norm rms_norm _fused_rms_norm".split(), _last_axes),
    **dict.fromkeys("group_norm instance_norm native_group_norm".split(), _gate),
    **dict.fromkeys(
        """
        relu relu6 hardtanh clamp clamp_min clamp_max threshold silu gelu hardswish mish elu celu selu leaky_relu prelu
        softplus log_sigmoid hardshrink softshrink sigmoid hardsigmoid tanh batch_norm dropout feature_dropout clone
        contiguous alias detach to _to_copy lift_fresh_copy add sub rsub mul div neg pow sqrt rsqrt square exp log
        log1p abs reciprocal erf sin cos masked_fill channel_shuffle cat gt ge lt le eq ne expand maximum
        minimum where type_as""".split(),
        _point,
    ),
}
_JOINING = frozenset(["cat", "slice_scatter"])
"""Merging ops that put their operands beside each other, so that none of them can be a gate."""
_MERGING = frozenset(
    "add sub mul div cat addcmul maximum minimum where masked_fill lerp slice_scatter gt ge lt le eq ne".split()
)
_MIXING = frozenset("matmul mm bmm addmm baddbmm scaled_dot_product_attention".split())
"""Ops of which every position of the result sees the whole of its operands: attention, and products in general."""
_KNOWN = _RULES.keys() | _MERGING | _MIXING | {"stack"}
