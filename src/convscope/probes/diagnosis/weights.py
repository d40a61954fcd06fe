"""The filters of a network's convolutions, as they act: with the batch normalisation behind them folded in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convscope.errors import NumberError
from convscope.graph.fold import fold_batch_norm
from convscope.graph.geometry import pair
from convscope.graph.opgraph import OpGraph, OpNode, Ref
from convscope.probes.diagnosis.bands import spectra
from convscope.probes.diagnosis.result import FirstLayer, LeftOut

_OTHERS = frozenset(["conv1d", "conv3d", "conv_transpose2d"])


@dataclass(frozen=True)
class Convolution:
    """A convolution of maps; ``weights`` is float32 (units, maps, rows, columns)."""

    node: str
    address: str
    weights: NDArray[np.float32]
    stride: tuple[int, int]
    groups: int


def convolutions(graph: OpGraph) -> tuple[tuple[Convolution, ...], tuple[LeftOut, ...]]:
    """All convolutions in the order of execution, and those that cannot be looked at, with the reason."""
    folded = fold_batch_norm(graph, ())
    found, left_out = [], []
    for node in folded.nodes:
        if node.op in _OTHERS:
            left_out.append(LeftOut(f"filters of {node.address}", f"{node.op} is no convolution of maps"))
        elif node.op == "conv2d" and _weight_of(folded, node) is None:
            left_out.append(LeftOut(f"filters of {node.address}", "its weights are computed from the image"))
        elif node.op == "conv2d":
            found.append(_convolution(folded, node))
    return tuple(found), tuple(left_out)


def _weight_of(graph: OpGraph, node: OpNode) -> str | None:
    weight = node.argument("weight")
    return weight.name if isinstance(weight, Ref) and weight.name in graph.constants else None


def _convolution(graph: OpGraph, node: OpNode) -> Convolution:
    weights = graph.constants[_weight_of(graph, node) or ""].float().cpu().numpy()
    if not np.isfinite(weights).all():
        raise NumberError(
            f"the weights of {node.address!r}, with the norm behind them, hold NaN or infinity in "
            f"{int((~np.isfinite(weights)).flatten().sum())} of {weights.size} places: training diverged, or the file "
            "is damaged. Take an earlier checkpoint"
        )
    down, across = pair(node.argument("stride", 1))
    return Convolution(node.name, node.address, weights, (down, across), int(node.argument("groups", 1)))


def first_layer(found: tuple[Convolution, ...], graph: OpGraph) -> tuple[FirstLayer | None, tuple[LeftOut, ...]]:
    """The first convolution in the order of execution, if it reads the image's channels; with its spectra."""
    if not found:
        return None, (LeftOut("first layer", "the network has no convolution"),)
    first = found[0]
    if first.weights.shape[1] * first.groups != graph.input_shape[1]:
        maps = first.weights.shape[1] * first.groups
        reason = f"{first.address}, the first convolution, reads {maps} maps, not the image's channels"
        return None, (LeftOut("first layer", reason),)
    pixels = max(first.weights.shape[2:]) == 1
    missing = (LeftOut("spectra of the first layer", f"the filters of {first.address} are single pixels"),)
    return (
        FirstLayer(
            address=first.address,
            filters=np.ascontiguousarray(first.weights.transpose(0, 2, 3, 1)),
            stride=first.stride,
            spectra=None if pixels else spectra(first.weights),
        ),
        missing if pixels else (),
    )
