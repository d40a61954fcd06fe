"""The ops of a network that drop positions, each with the same op as it would be at every position.

Subsampling is split in two, as by Zhang (2019): the op at every position, and then leaving positions out. Only the
second step aliases, so the first one's maps are what is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from convscope.graph.fold import fold_batch_norm
from convscope.graph.geometry import pair
from convscope.graph.opgraph import INPUT, OpGraph, OpNode, Ref
from convscope.images.spread import spread
from convscope.probes.diagnosis.result import LeftOut
from convscope.rules.windows import Sight, sights

Sides = tuple[int, int]
Dense = Callable[[Tensor], Tensor]

CHANNELS = 64
"""Channels of an op that are measured, at most: evenly spaced ones."""
_SHRINKS = 0.75
"""A map of less than this part of the positions along an axis has been thinned, not only lost its border."""


@dataclass(frozen=True)
class Strided:
    """An op with a stride; ``dense`` gives some ``channels`` of its result at every position, from its input."""

    node: str
    address: str
    op: str
    source: str
    kernel: Sides
    stride: Sides
    units: int
    channels: tuple[int, ...]
    dense: Dense


Found = Strided | str | None
"""An op to measure, the reason why it cannot be, or None: it drops no positions."""


@dataclass(frozen=True)
class _Place:
    """An op where it stands; ``folded`` holds the weights that act."""

    graph: OpGraph
    folded: OpGraph
    node: OpNode
    most: int

    @property
    def source(self) -> str:
        """Name of the map that is thinned."""
        operand = self.node.args[0]
        return operand.name if isinstance(operand, Ref) else ""

    @property
    def size(self) -> Sides | None:
        """Rows and columns of that map."""
        shape = self.graph.input_shape if self.source == INPUT else _shape(self.graph, self.source)
        return None if shape is None or len(shape) != 4 else (shape[2], shape[3])


def _shape(graph: OpGraph, name: str) -> tuple[int, ...] | None:
    return graph.by_name[name].shape if name in graph.by_name else None


def find_strided(graph: OpGraph, most: int = CHANNELS) -> tuple[tuple[Strided, ...], tuple[LeftOut, ...]]:
    """The ops that drop positions, in the order of execution, and those that cannot be measured, with the reason."""
    folded, seen = fold_batch_norm(graph, ()), sights(graph)
    found, left_out = [], []
    for node in graph.nodes:
        place = _Place(graph, folded, node, most)
        if node.shape is None or len(node.shape) != 4 or place.size is None or node.select not in (None, 0):
            continue
        on_maps, from_maps = _on_maps(seen.get(node.name)), place.source == INPUT or _on_maps(seen.get(place.source))
        if _is_global(node):
            made = None
        elif node.op in _KINDS:
            made = _KINDS[node.op](place) if on_maps or node.op != "slice" else _on_tokens(place)
        else:
            made = _unknown(place) if from_maps and _keeps_axes(node) else None
        if isinstance(made, Strided):
            found.append(made)
        elif made is not None:
            left_out.append(LeftOut(f"aliasing of {node.address}", made))
    return tuple(found), tuple(left_out)


def _on_maps(sight: Sight | None) -> bool:
    # Behind attention positions see everything, and what an axis stands for is not known any more.
    return sight is not None and sight.fields is not None and sight.axes == (2, 3)


def _keeps_axes(node: OpNode) -> bool:
    return node.op not in "view _unsafe_view reshape permute transpose expand unsqueeze".split()


def _on_tokens(place: _Place) -> Found:
    if place.node.op == "slice" and int(place.node.argument("step", 1)) > 1:
        return "it thins tokens, whose axes are not known to be rows and columns"
    return None


def _is_global(node: OpNode) -> bool:
    """One position is left: it is a mean or maximum over all, and stands for nothing else."""
    return node.op != "conv2d" and (node.shape or ())[2:] == (1, 1)


def _made(place: _Place, kernel: Sides, stride: Sides, channels: tuple[int, ...], dense: Dense) -> Strided:
    node = place.node
    units = (node.shape or ())[1]
    return Strided(node.name, node.address, node.op, place.source, kernel, stride, units, channels, dense)


def _convolution(place: _Place) -> Found:
    node = place.folded.by_name[place.node.name]
    down, across = pair(node.argument("stride", 1))
    weight = node.argument("weight")
    if (down, across) == (1, 1):
        return None
    if not isinstance(weight, Ref) or weight.name not in place.folded.constants:
        return "its weights are computed from the image"
    filters, groups = place.folded.constants[weight.name], int(node.argument("groups", 1))
    own = len(filters) // groups
    chosen_groups = tuple(spread(groups, max(place.most // own, 1))) if groups > 1 else (0,)
    inside = tuple(spread(own, place.most))
    outputs = [group * own + number for group in chosen_groups for number in inside]
    wide = filters.shape[1]
    inputs = [group * wide + number for group in chosen_groups for number in range(wide)]
    padding = node.argument("padding", 0)
    dense = partial(
        _convolved,
        inputs=inputs if len(chosen_groups) < groups else None,
        weight=filters[outputs],
        padding=padding if isinstance(padding, str) else pair(padding),
        dilation=pair(node.argument("dilation", 1)),
        groups=len(chosen_groups),
    )
    return _made(place, (filters.shape[2], filters.shape[3]), (down, across), tuple(outputs), dense)


def _convolved(maps: Tensor, *, inputs: list[int] | None, weight: Tensor, **settings: Any) -> Tensor:
    # Without its bias: constants are no energy.
    return F.conv2d(maps if inputs is None else maps[:, inputs], weight, None, 1, **settings)


def _pooling(place: _Place) -> Found:
    node = place.node
    kernel = pair(node.argument("kernel_size"))
    stride = pair(node.argument("stride") or kernel)
    if stride == [1, 1]:
        return None
    channels = tuple(spread((node.shape or ())[1], place.most))
    padding = pair(node.argument("padding", 0))
    if node.op.startswith("max"):
        pool: Dense = partial(
            F.max_pool2d, kernel_size=kernel, stride=1, padding=padding, dilation=pair(node.argument("dilation", 1))
        )
    else:
        counted = bool(node.argument("count_include_pad", True))
        pool = partial(F.avg_pool2d, kernel_size=kernel, stride=1, padding=padding, count_include_pad=counted)
    return _made(place, _sides(kernel), _sides(stride), channels, partial(_of_some, channels=channels, act=pool))


def _of_some(maps: Tensor, *, channels: tuple[int, ...], act: Dense) -> Tensor:
    return act(maps if len(channels) == maps.shape[1] else maps[:, list(channels)])


def _sides(values: list[int]) -> Sides:
    return values[0], values[1]


def _adaptive(place: _Place) -> Found:
    rows, columns = (place.node.shape or ())[2:]
    assert place.size is not None
    if place.size == (rows, columns):
        return None
    if place.size[0] % rows or place.size[1] % columns:
        return f"adaptive pooling from {place.size} to {(rows, columns)} positions has windows of unequal size"
    window = (place.size[0] // rows, place.size[1] // columns)
    channels = tuple(spread((place.node.shape or ())[1], place.most))
    act = F.max_pool2d if "max" in place.node.op else F.avg_pool2d
    pool = partial(act, kernel_size=window, stride=1)
    return _made(place, window, window, channels, partial(_of_some, channels=channels, act=pool))


def _slice(place: _Place) -> Found:
    """``maps[:, :, ::2]``: nothing but leaving out."""
    node = place.node
    step, axis = int(node.argument("step", 1)), node.argument("dim", 0) % 4
    if step == 1 or axis not in (2, 3):
        return None
    channels = tuple(spread((node.shape or ())[1], place.most))
    begin = node.argument("start") or 0
    if begin < 0:
        return "it begins at a place counted from the end"
    every = [slice(None)] * 4
    every[axis] = slice(begin, None)
    stride = (step, 1) if axis == 2 else (1, step)
    cut = partial(_cut, at=tuple(every))
    return _made(place, (1, 1), stride, channels, partial(_of_some, channels=channels, act=cut))


def _cut(maps: Tensor, *, at: tuple[slice, ...]) -> Tensor:
    return maps[at]


def _unknown(place: _Place) -> Found:
    """An op that is in no table here: said, if it leaves far fewer positions."""
    rows, columns = (place.node.shape or ())[2:]
    assert place.size is not None
    if rows >= _SHRINKS * place.size[0] and columns >= _SHRINKS * place.size[1]:
        return None
    before = "x".join(map(str, place.size))
    return f"{place.node.op} makes {rows}x{columns} of {before} positions in a way not known here"


_KINDS: Mapping[str, Callable[[_Place], Found]] = {
    "conv2d": _convolution,
    **dict.fromkeys(["max_pool2d", "max_pool2d_with_indices", "avg_pool2d"], _pooling),
    **dict.fromkeys(["adaptive_avg_pool2d", "adaptive_max_pool2d"], _adaptive),
    "slice": _slice,
}
