"""Layers: the feature maps of a graph that a person would want to look at, and how to address them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from convscope.errors import AddressError
from convscope.graph.opgraph import OpGraph, OpNode
from convscope.rules.windows import Sight, sights
from convscope.units import UnitAddress
from convscope.window import Field

_FOLLOWED = frozenset(
    """
    batch_norm group_norm instance_norm relu relu6 hardtanh clamp clamp_min threshold silu gelu hardswish mish elu celu
    selu leaky_relu prelu softplus add dropout feature_dropout clone""".split()
)
"""Ops that a feature map passes through on the way to being *the* map of its convolution."""


@dataclass(frozen=True)
class Layer:
    """A stack of feature maps: the result of ``node``, shape (units, height, width), and what its positions see."""

    address: str
    node: str
    op: str
    units: int
    height: int
    width: int
    rows: Field
    columns: Field
    gated: bool
    """True if values also depend on the whole image through gates or statistics; the fields leave these out."""


def layers(graph: OpGraph, *, all_maps: bool = False) -> tuple[Layer, ...]:
    """The default layers: each activation map that follows a convolution or a residual sum, from input to output.

    A convolution is followed through normalisation, rectifier and residual sum for as long as nothing else reads the
    map on the way. A rectifier with a ceiling (ReLU6) is not followed: at the ceiling all strong activations tie and
    the derivative is 0, so the map before it says more. Maps of one position (squeeze-excite, classifiers) are left
    out. ``all_maps`` lists every op whose result is shaped like a stack of feature maps instead.
    """
    seen = sights(graph)
    nodes = [n for n in graph.nodes if _is_map(n, seen)]
    if not all_maps:
        ends = {_follow(graph, n).name for n in nodes if n.op == "conv2d" or _is_residual_sum(graph, n)}
        nodes = [n for n in nodes if n.name in ends and n.shape is not None and n.shape[2:] != (1, 1)]
    return tuple(_layer(graph, n, seen) for n in nodes)


def find_layers(graph: OpGraph, addresses: Sequence[str] | None) -> tuple[Layer, ...]:
    """The layers with these addresses, in the graph's order; None means the default ones. Raises AddressError.

    The path of a module that holds several ops names the last of them, the module's result.
    """
    if addresses is None:
        found = layers(graph)
        if not found:
            raise AddressError(
                "this model has no convolution whose result is a feature map, so there is nothing to look at"
            )
        return found
    if not addresses:
        raise AddressError("no layer was named; leave the choice out for the default layers, or name at least one")
    wanted = {find_node(graph, address).name for address in addresses}
    seen = sights(graph)
    return tuple(_layer(graph, n, seen) for n in graph.nodes if n.name in wanted)


def check_inside(layer: Layer, address: UnitAddress) -> None:
    """Raise AddressError if a layer has no such unit, or no such position."""
    if not 0 <= address.unit < layer.units:
        raise AddressError(f"layer {layer.address!r} has units 0 to {layer.units - 1}, not {address.unit}")
    if address.position is None:
        return
    y, x = address.position
    if not (0 <= y < layer.height and 0 <= x < layer.width):
        raise AddressError(
            f"layer {layer.address!r} has {layer.height} rows and {layer.width} columns; {y},{x} is outside"
        )


def find_node(graph: OpGraph, address: str) -> OpNode:
    """The node that ``address`` names; raises AddressError, with close matches, if there is none or it is no map."""
    seen = sights(graph)
    exact = [n for n in graph.nodes if n.address == address]
    inside = [n for n in graph.nodes if address in n.modules and n.shape is not None]
    if not exact and not inside:
        known = [n.address for n in graph.nodes if _is_map(n, seen)]
        close = get_close_matches(address, known, n=4, cutoff=0.5) or known[:4]
        raise AddressError(
            f"no layer {address!r}. Close to it: {', '.join(close)}. `convscope layers MODEL --all` lists every layer"
        )
    node = (exact or inside)[-1]
    if not _is_map(node, seen):
        raise AddressError(f"{address!r} gives {node.shape}, not feature maps of shape (1, units, height, width)")
    return node


def _layer(graph: OpGraph, node: OpNode, seen: Mapping[str, Sight]) -> Layer:
    _, units, height, width = node.shape or ()
    sight = seen[node.name]
    # A field of stride 0 says it in the same form: whatever the position, the window is the whole image.
    whole = tuple(Field(size, 0, 0) for size in graph.input_shape[2:])
    rows, columns = sight.fields or whole
    return Layer(node.address, node.name, node.op, units, height, width, rows, columns, sight.gated)


def _is_map(node: OpNode, seen: Mapping[str, Sight]) -> bool:
    """Maps are (1, units, rows, columns); token grids (1, rows, columns, channels) are not."""
    shaped = node.shape is not None and len(node.shape) == 4 and node.shape[0] == 1
    sight = seen.get(node.name)
    if not shaped or sight is None:
        return False
    return node.op == "conv2d" or sight.axes == (2, 3)


def _is_residual_sum(graph: OpGraph, node: OpNode) -> bool:
    """A sum of two maps of the same shape, both made from the image."""
    shapes = [graph.by_name[name].shape for name in node.inputs if name in graph.by_name]
    return node.op == "add" and len(shapes) == 2 and shapes[0] == shapes[1] == node.shape


def _follow(graph: OpGraph, node: OpNode) -> OpNode:
    while len(readers := graph.readers.get(node.name, ())) == 1:
        reader = readers[0]
        if reader.op not in _FOLLOWED or reader.shape != node.shape or _saturates(reader):
            break
        node = reader
    return node


def _saturates(node: OpNode) -> bool:
    """True for a rectifier that also cuts off above, such as ReLU6."""
    if node.op == "clamp":
        return node.argument("max") is not None
    return node.op in ("relu6", "hardtanh")
