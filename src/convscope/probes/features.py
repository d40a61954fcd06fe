"""Feature vectors: any value of the graph that an image has one of, and which of them are looked at by default."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from convscope.engine.layers import Layer
from convscope.engine.layers import layers as default_layers
from convscope.errors import AddressError
from convscope.graph.opgraph import OpGraph, OpNode

_POOLS = frozenset("max_pool2d max_pool2d_with_indices".split())
_CEILINGS = frozenset("relu6 hardtanh clamp".split())
"""Rectifiers that default layers end before, because activations tie at the ceiling; a sign does not mind."""
_LINEAR = frozenset("linear addmm mm matmul".split())
_SAME_NUMBERS = frozenset(
    """
    view reshape flatten squeeze unsqueeze _unsafe_view alias clone contiguous dropout feature_dropout detach""".split()
)
_RECTIFIERS = frozenset(
    "relu relu6 hardtanh clamp leaky_relu prelu elu selu celu silu gelu hardswish mish tanh".split()
)
_COMPUTED = _RECTIFIERS | frozenset("conv2d add cat mul batch_norm layer_norm group_norm channel_shuffle".split())
"""Ops whose results say something new; padded, pooled or permuted maps are the same once more."""
_AFTER_THE_LAST = _SAME_NUMBERS | frozenset("softmax _softmax log_softmax _log_softmax sigmoid add".split())
"""Ops that may stand between the classifier and the output."""
MOST_LAYERS = 8
_NOTHING = (
    "this model has neither a convolution with a feature map nor a hidden layer before its last linear one; name a "
    "layer with layers"
)


@dataclass(frozen=True)
class Feature:
    """The value of ``node``, read as one vector of ``dimensions`` numbers for each image."""

    address: str
    node: str
    dimensions: int


def find_features(graph: OpGraph, addresses: Sequence[str] | None = None) -> tuple[Feature, ...]:
    """The values with these addresses, in the graph's order; None: the default. Raises AddressError.

    By default the top of the convolutions, rectified and, where nothing but a max pooling reads it, pooled (the paper's
    layer 5 ends with its pooling), and the last hidden vector, which the last linear layer reads; where that is the
    flattened top itself, or there is none, only the top.
    """
    if addresses is None:
        return tuple(_feature(node) for node in _default(graph))
    if not addresses:
        raise AddressError("no layer was named; leave the choice out for the default layers, or name at least one")
    wanted = {_find(graph, address).name for address in addresses}
    return tuple(_feature(node) for node in graph.nodes if node.name in wanted)


def stage_features(graph: OpGraph) -> tuple[Feature, ...]:
    """One value for each stage of the network, from input to output: its convolutions' ends, then its hidden vectors.

    Of at most ``MOST_LAYERS`` layers each counts; of more, at each map size the last map that all later ones depend on
    alone (a residual sum, a concatenation of branches). A layer ends behind its max pooling, as in the paper (55x55x96
    numbers of layer 1, 6x6x256 of layer 5). Raises AddressError if there is none.
    """
    found = default_layers(graph)
    if len(found) > MOST_LAYERS:
        found = _last_necks(graph, found[0])
    ends = [_end_of_layer(graph, graph.by_name[layer.node]) for layer in found]
    chosen = {node.name for node in (*ends, *_hidden_vectors(graph))}
    if not chosen:
        raise AddressError(_NOTHING)
    return tuple(_feature(node) for node in graph.nodes if node.name in chosen)


def _last_necks(graph: OpGraph, first: Layer) -> tuple[Layer, ...]:
    """At each map size, from layer ``first`` on, the last map through which everything later goes."""
    places = {node.name: place for place, node in enumerate(graph.nodes)}
    last = {name: max((places[reader.name] for reader in graph.readers.get(name, ())), default=-1) for name in places}
    furthest, necks = -1, set[str]()
    for place, node in enumerate(graph.nodes):
        if node.shape is None:
            continue
        if furthest <= place:
            necks.add(node.name)
        furthest = max(furthest, last[node.name])
    found = {
        (each.height, each.width): each
        for each in default_layers(graph, all_maps=True)
        if each.node in necks and each.op in _COMPUTED and places[each.node] >= places[first.node]
    }
    return tuple(each for size, each in found.items() if size != (1, 1))


def _hidden_vectors(graph: OpGraph) -> list[OpNode]:
    """What linear layers hand to one another in front of the output, the last first."""
    found: list[OpNode] = []
    node = last_hidden(graph)
    while node is not None:
        found.append(node)
        linear = _back(graph, node, _RECTIFIERS | _SAME_NUMBERS)
        node = None if linear is None else _read_by(graph, linear)
    return found


def _default(graph: OpGraph) -> list[OpNode]:
    found = default_layers(graph)
    top = _end_of_layer(graph, graph.by_name[found[-1].node]) if found else None
    hidden = last_hidden(graph)
    chosen = {node.name: node for node in (top, hidden) if node is not None}
    if not chosen:
        raise AddressError(_NOTHING)
    return list(chosen.values())


def _end_of_layer(graph: OpGraph, node: OpNode) -> OpNode:
    """On through a rectifier with a ceiling and a max pooling, where nothing else reads what comes before."""
    for ops in (_CEILINGS, _POOLS):
        readers = graph.readers.get(node.name, ())
        if len(readers) == 1 and readers[0].op in ops:
            node = readers[0]
    return node


def last_hidden(graph: OpGraph) -> OpNode | None:
    """The node whose value the last linear layer reads; None if there is none but the image or a flattened map."""
    last = _back(graph, graph.by_name[graph.output], _AFTER_THE_LAST)
    return None if last is None else _read_by(graph, last)


def _read_by(graph: OpGraph, node: OpNode) -> OpNode | None:
    """The vector that a linear layer reads; None for another op, the image, or a flattened map."""
    if node.op not in _LINEAR:
        return None
    source = _source(graph, node)
    hidden = None if source is None else _back(graph, source, _SAME_NUMBERS)
    if hidden is None or not _is_vector(hidden):
        return None
    return hidden


def _back(graph: OpGraph, node: OpNode, through: frozenset[str]) -> OpNode | None:
    """The first node on the way to the image that is none of these ops."""
    current: OpNode | None = node
    while current is not None and current.op in through:
        current = _source(graph, current)
    return current


def _source(graph: OpGraph, node: OpNode) -> OpNode | None:
    """The one computed tensor that a node reads; None if it reads the image, or several."""
    computed = [graph.by_name[name] for name in node.inputs if name in graph.by_name]
    tensors = [other for other in computed if other.shape is not None]
    return tensors[0] if len(tensors) == 1 else None


def _is_vector(node: OpNode) -> bool:
    """True for a value without positions: (1, units), or a map of one position."""
    shape = node.shape or ()
    return len(shape) >= 2 and all(side == 1 for side in shape[2:])


def _find(graph: OpGraph, address: str) -> OpNode:
    usable = [node for node in graph.nodes if _is_of_an_image(node)]
    exact = [node for node in usable if node.address == address]
    inside = [node for node in usable if address in node.modules]
    if exact or inside:
        return (exact or inside)[-1]
    known = [node.address for node in usable]
    close = get_close_matches(address, known, n=4, cutoff=0.5) or known[-4:]
    raise AddressError(
        f"no layer {address!r}. Close to it: {', '.join(close)}. `convscope layers MODEL --all` lists all feature maps"
    )


def _is_of_an_image(node: OpNode) -> bool:
    return node.shape is not None and len(node.shape) >= 2 and node.shape[0] == 1


def _feature(node: OpNode) -> Feature:
    count = 1
    for side in node.shape or ():
        count *= side
    return Feature(node.address, node.name, count)
