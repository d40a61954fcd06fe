"""The feature vectors that are compared: any value of the graph that an image has one of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

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
_AFTER_THE_LAST = _SAME_NUMBERS | frozenset("softmax _softmax log_softmax _log_softmax sigmoid add".split())
"""Ops that may stand between the classifier and the output."""


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


def _default(graph: OpGraph) -> list[OpNode]:
    found = default_layers(graph)
    top = _end_of_layer(graph, graph.by_name[found[-1].node]) if found else None
    hidden = last_hidden(graph)
    chosen = {node.name: node for node in (top, hidden) if node is not None}
    if not chosen:
        raise AddressError(
            "this model has neither a convolution with a feature map nor a hidden layer before its last linear one; "
            "name a layer with layers"
        )
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
    node = _back(graph, graph.by_name[graph.output], _AFTER_THE_LAST)
    if node is None or node.op not in _LINEAR:
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
