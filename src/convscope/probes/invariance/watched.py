"""Which features are watched: layers of feature maps, and vectors such as those of a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from convscope.engine.layers import Layer, find_layers
from convscope.engine.layers import layers as default_layers
from convscope.errors import AddressError
from convscope.graph.opgraph import OpGraph, OpNode
from convscope.probes.invariance.transform import Size
from convscope.window import Field

_FOLLOWED = frozenset(
    """
    batch_norm layer_norm relu relu6 hardtanh clamp clamp_min threshold silu gelu hardswish mish elu celu selu
    leaky_relu prelu softplus tanh sigmoid""".split()
)
"""Ops that a vector passes through on the way to being *the* vector of its linear layer."""


@dataclass(frozen=True)
class Places:
    """Where the positions of a map lie in the view: position ``p`` is centred at ``first + p * stride`` pixels."""

    size: Size
    first: tuple[float, float]
    stride: tuple[float, float]


@dataclass(frozen=True)
class Watched:
    """A feature vector: all values of a node for one image; ``places`` is None where it has no positions."""

    address: str
    node: str
    units: int
    places: Places | None


def watched_layers(graph: OpGraph, addresses: Sequence[str] | None) -> tuple[Watched, ...]:
    """The layers of these addresses, of maps or vectors, in the graph's order; raises AddressError.

    None means the default layers, and behind them the classifier: the result of each linear layer with its rectifier,
    and what the last linear layer reads.
    """
    if addresses is None:
        found = [_of_map(graph, layer) for layer in default_layers(graph)]
        found += [_of_vector(node) for node in classifier(graph)]
        if not found:
            raise AddressError("this model has neither feature maps of a convolution nor linear layers to compare")
    elif not addresses:
        raise AddressError("no layer was named; leave the choice out for the default layers, or name at least one")
    else:
        found = [_named(graph, address) for address in addresses]
    place = {node.name: number for number, node in enumerate(graph.nodes)}
    unique = {each.node: each for each in found}
    return tuple(sorted(unique.values(), key=lambda each: place[each.node]))


def classifier(graph: OpGraph) -> tuple[OpNode, ...]:
    """The vectors of the linear layers behind all maps; those of gates, which feed a map again, are not among them."""
    linear = [
        node for node in graph.nodes if node.op == "linear" and _is_vector(node) and not _feeds_a_map(graph, node)
    ]
    if not linear:
        return ()
    found = {followed.name: followed for followed in (_follow(graph, node) for node in linear)}
    hidden = _behind_dropout(graph, linear[-1].inputs[0])
    if hidden is not None and not _is_reshaped_map(graph, hidden):
        found[hidden.name] = hidden
    return tuple(node for node in graph.nodes if node.name in found)


def _named(graph: OpGraph, address: str) -> Watched:
    exact = [node for node in graph.nodes if node.address == address]
    inside = [node for node in graph.nodes if address in node.modules and node.shape is not None]
    named = exact or inside
    if named and _is_vector(named[-1]):
        return _of_vector(named[-1])
    (layer,) = find_layers(graph, [address])
    return _of_map(graph, layer)


def _of_vector(node: OpNode) -> Watched:
    return Watched(node.address, node.name, (node.shape or ())[1], None)


def _of_map(graph: OpGraph, layer: Layer) -> Watched:
    size = (layer.height, layer.width)
    if size == (1, 1):
        return Watched(layer.address, layer.node, layer.units, None)
    axes = [_axis(*axis) for axis in zip((layer.rows, layer.columns), size, graph.input_shape[2:], strict=True)]
    (first_row, down), (first_column, across) = axes
    return Watched(layer.address, layer.node, layer.units, Places(size, (first_row, first_column), (down, across)))


def _axis(field: Field, positions: int, pixels: int) -> tuple[float, float]:
    """Centre of the first position, and pixels between two, along one axis.

    Where each position sees the whole image, the map is taken to cover it evenly.
    """
    if field.stride:
        return field.start + field.size / 2, float(field.stride)
    return pixels / positions / 2, pixels / positions


def _is_vector(node: OpNode) -> bool:
    return node.shape is not None and len(node.shape) == 2 and node.shape[0] == 1


def _feeds_a_map(graph: OpGraph, node: OpNode) -> bool:
    waiting, seen = [node], {node.name}
    while waiting:
        for reader in graph.readers.get(waiting.pop().name, ()):
            if reader.shape is not None and len(reader.shape) == 4 and max(reader.shape[2:]) > 1:
                return True
            if reader.name not in seen:
                seen.add(reader.name)
                waiting.append(reader)
    return False


def _follow(graph: OpGraph, node: OpNode) -> OpNode:
    while len(readers := graph.readers.get(node.name, ())) == 1:
        if readers[0].op not in _FOLLOWED or readers[0].shape != node.shape:
            break
        node = readers[0]
    return node


def _behind_dropout(graph: OpGraph, name: str) -> OpNode | None:
    node = graph.by_name.get(name)
    while node is not None and node.op == "dropout":
        node = graph.by_name.get(node.inputs[0])
    return node if node is not None and _is_vector(node) else None


def _is_reshaped_map(graph: OpGraph, node: OpNode) -> bool:
    """Whether a vector is a whole map written as one row: its values are those of the map before it."""
    source = graph.by_name.get(node.inputs[0]) if node.inputs else None
    shape = source.shape if source is not None else None
    return shape is not None and len(shape) == 4 and max(shape[2:]) > 1 and shape[1] != (node.shape or ())[1]
