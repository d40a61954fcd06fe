"""A network whose upper weights are re-initialised, everything below left as it was trained (Adebayo et al. 2018)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from convscope.graph.fold import replace_nodes
from convscope.graph.opgraph import INPUT, OpGraph, OpNode, Ref, evaluate
from convscope.probes.trust.weights import Weights, bias_name, has_weights, weight_name

_ANEW = {"weight": torch.ones_like, "bias": torch.zeros_like}
"""What a normalisation's gain and shift are before any training."""
_AFFINE = frozenset(["batch_norm", "instance_norm", "group_norm", "layer_norm"])


def randomised(graph: OpGraph, nodes: Collection[OpNode], images: Tensor, fresh: Weights) -> OpGraph:
    """A copy of ``graph`` whose ``nodes`` have ``fresh`` weights; the graph itself stays as it is.

    A normalisation that reads one of them, with no other weights between, begins anew too: gain 1, shift 0. Each batch
    normalisation above takes its mean and variance from ``images``, float (n, channels, height, width): with those of
    the trained network the rectifiers behind it would be shut or open everywhere.
    """
    names = {node.name for node in nodes}
    changed = {name(graph, node) for node in nodes for name in (weight_name, bias_name)}
    constants = {**graph.constants, **{name: fresh[name] for name in changed if name is not None}}
    renewed: dict[str, OpNode] = {}
    for node in _reading_from(graph, names):
        if node.op in _AFFINE:
            renewed[node.name], affine = _begun_anew(graph, node)
            constants |= affine
    copy = OpGraph(_with(graph, renewed), constants, graph.output, graph.input_shape)
    return _settled(copy, depending_on(graph, names), images)


def depending_on(graph: OpGraph, names: Collection[str]) -> frozenset[str]:
    """The nodes that depend on nodes or constants ``names``; those of them that are nodes included."""
    reached = set(names)
    for node in graph.nodes:
        if reached.intersection(node.inputs):
            reached.add(node.name)
    return frozenset(reached.intersection(graph.by_name))


def _reading_from(graph: OpGraph, names: Collection[str]) -> list[OpNode]:
    """The nodes that depend on ``names`` without another op with weights between."""
    reached, found = set(names), []
    for node in graph.nodes:
        if not has_weights(graph, node) and reached.intersection(node.inputs):
            reached.add(node.name)
            found.append(node)
    return found


def _begun_anew(graph: OpGraph, node: OpNode) -> tuple[OpNode, dict[str, Tensor]]:
    """A normalisation with a gain and a shift of its own, where it has them, and these constants."""
    own, constants = {}, {}
    for key, fill in _ANEW.items():
        ref = node.argument(key)
        if isinstance(ref, Ref) and ref.name in graph.constants:
            own[key] = f"{node.name}.{key}"
            constants[own[key]] = fill(graph.constants[ref.name])
    return _reading(node, own), constants


def _reading(node: OpNode, names: Mapping[str, str]) -> OpNode:
    """The same op with some arguments, by the schema's names, read from elsewhere."""
    args, kwargs = list(node.args), dict(node.kwargs)
    for argument, name in names.items():
        place = node.parameters.index(argument)
        if place < len(args):
            args[place] = Ref(name)
        else:
            kwargs[argument] = Ref(name)
    return replace(node, args=tuple(args), kwargs=kwargs)


def _with(graph: OpGraph, renewed: Mapping[str, OpNode]) -> tuple[OpNode, ...]:
    return tuple(renewed.get(node.name, node) for node in graph.nodes)


def _settled(graph: OpGraph, above: Collection[str], images: Tensor) -> OpGraph:
    """The graph with the statistics of the batch normalisations in ``above`` measured on ``images``, from below up."""
    measured = {node.name for node in graph.nodes if node.name in above and _has_statistics(graph, node)}
    walked = graph.ancestors(*measured)
    last = {name: node.name for node in walked for name in node.inputs}
    constants, renewed = dict(graph.constants), {}
    values: dict[str, Any] = {INPUT: images.to(graph.device or images.device)}
    with torch.no_grad():
        for node in walked:
            if node.name in measured:
                own = {key: f"{node.name}.{key}" for key in ("running_mean", "running_var")}
                constants |= dict(zip(own.values(), _statistics(values[node.inputs[0]]), strict=True))
                renewed[node.name] = _reading(node, own)
            here = renewed.get(node.name, node)
            values[node.name] = evaluate(here, {**{n: constants[n] for n in here.inputs if n in constants}, **values})
            for name in node.inputs:
                if last[name] == node.name:
                    values.pop(name, None)
    return replace_nodes(OpGraph(graph.nodes, constants, graph.output, graph.input_shape), _with(graph, renewed))


def _has_statistics(graph: OpGraph, node: OpNode) -> bool:
    mean = node.argument("running_mean") if node.op == "batch_norm" else None
    return isinstance(mean, Ref) and mean.name in graph.constants


def _statistics(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of each channel of (n, channels, …); a channel that never varies is not divided by nothing."""
    rows = values.double().transpose(0, 1).flatten(1)
    variance = rows.var(1, correction=0)
    return rows.mean(1).to(values), torch.where(variance > 0, variance, 1).to(values)
