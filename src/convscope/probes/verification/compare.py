"""The comparisons, on one image each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from convscope.engine.changed import whole
from convscope.engine.layers import Layer
from convscope.engine.occluders import Occluders
from convscope.engine.project import Place, Way, project_units
from convscope.engine.sweep import sweep
from convscope.engine.trace import Trace
from convscope.graph.opgraph import INPUT, OpGraph, OpNode
from convscope.models import Model
from convscope.probes.verification.eager import Given, first_tensor
from convscope.probes.verification.reference import Reference
from convscope.probes.verification.result import OUTPUT, Check, Untested
from convscope.rules.coverage import coverage

Result = Check | Untested
Places = Mapping[str, tuple[Place, ...]]
"""By a layer's address, the activations that are carried down."""

PATCH = 8
"""The occluder's sides are those of the image by this."""
PLACES = 5
"""Places of the occluder."""
SILENT = "no unit answers to this image"
HIDDEN = "no module of its own gives this map; the network's result stands for it"


@dataclass(frozen=True)
class Seen:
    """An image, and its recorded pass through the graph as far as the layers and the result."""

    name: str
    graph: OpGraph
    recorded: Trace


def apart(found: Tensor, expected: Tensor) -> float:
    """The largest absolute difference in parts of the largest absolute expected value; NaN where one is not finite."""
    found, expected = found.detach().double().cpu(), expected.detach().double().cpu()
    largest = float(expected.abs().max())
    difference = float((found - expected).abs().max())
    return difference / largest if largest > 0 else (0.0 if difference == 0 else difference * float("inf"))


def answering(recorded: Trace, layer: Layer, count: int, rng: np.random.Generator) -> tuple[Place, ...]:
    """The strongest activation of a layer's strongest unit, and of ``count - 1`` others that answer at all."""
    value = recorded.values[layer.node][0]
    peaks = value.amax((1, 2))
    live = (peaks > 0).nonzero()[:, 0].tolist()
    if not live:
        return ()
    best = int(peaks.argmax())
    others = [unit for unit in live if unit != best]
    drawn = rng.choice(others, min(count - 1, len(others)), replace=False).tolist() if others else []
    return tuple((unit, *divmod(int(value[unit].argmax()), layer.width)) for unit in (best, *drawn))


def compare_graph(seen: Seen, layers: Sequence[Layer], result: Tensor, given: Given) -> Iterator[Result]:
    """Recorded values against those of the network's modules; a module that is called often counts by its best call."""
    for layer in layers:
        node = seen.graph.by_name[layer.node]
        value = seen.recorded.values[layer.node]
        others = given.get(node.module, ()) if _is_result(seen.graph, node) else ()
        same = [apart(value, other) for other in others if other.shape == value.shape]
        if same:
            yield Check(layer.address, "graph", seen.name, min(same))
        else:
            yield Untested(layer.address, "graph", HIDDEN)
    yield Check(OUTPUT, "graph", seen.name, apart(seen.recorded.values[seen.graph.output], result))


def _is_result(graph: OpGraph, node: OpNode) -> bool:
    """Whether a node is what its innermost module gives: the last op inside, or the only one of each call."""
    inside = [other for other in graph.nodes if node.module in (other.module, *other.modules)]
    return inside[-1] is node or all(other.op == node.op for other in inside)


def compare_method(seen: Seen, layers: Sequence[Layer], places: Places, method: str) -> Iterator[Result]:
    """Projections on windows against autograd."""
    refused = {layer.address: coverage(seen.graph, [layer.node], method).refused for layer in layers}
    tested = [layer for layer in layers if places[layer.address] and not refused[layer.address]]
    image = seen.recorded.values[INPUT]
    reference = Reference(seen.graph, image, tuple(layer.node for layer in tested), method) if tested else None
    for layer in layers:
        if refused[layer.address]:
            first = refused[layer.address][0]
            yield Untested(layer.address, method, f"{first.op} at {first.address} has no rule: {first.reason}")
        elif reference is None or not places[layer.address]:
            yield Untested(layer.address, method, SILENT)
        else:
            at = places[layer.address]
            expected = [reference.projection(layer.node, *place).permute(1, 2, 0) for place in at]
            yield _projections(seen, layer, at, method, method, expected)


def compare_windows(seen: Seen, layers: Sequence[Layer], places: Places) -> Iterator[Result]:
    """Projections on windows against the same walk on whole maps."""
    everywhere = replace(seen.recorded, local={})
    for layer in layers:
        covered = coverage(seen.graph, [layer.node], "auto")
        if covered.refused or not places[layer.address]:
            continue  # said already, method by method
        at = places[layer.address]
        expected = [torch.from_numpy(one) for one in project_units(everywhere, layer, at, Way(covered.method))]
        yield _projections(seen, layer, at, covered.method, "windows", expected)


def _projections(
    seen: Seen, layer: Layer, places: Sequence[Place], method: str, check: str, expected: Sequence[Tensor]
) -> Check:
    found = project_units(seen.recorded, layer, places, Way(method))
    differences = [apart(torch.from_numpy(one), other) for one, other in zip(found, expected, strict=True)]
    return Check(layer.address, check, seen.name, float(np.max(differences)), tuple(unit for unit, _, _ in places))


def device_of(module: nn.Module, otherwise: torch.device) -> torch.device:
    """Where a module's parameters are; ``otherwise`` if it has none."""
    return next((value.device for value in module.parameters()), otherwise)


def compare_occluders(seen: Seen, model: Model, rng: np.random.Generator) -> Iterator[Result]:
    """Answers at some places of an occluder against the network's own on whole occluded images."""
    image = seen.recorded.values[INPUT].contiguous()
    height, width = image.shape[2:]
    sides = max(1, height // PATCH), max(1, width // PATCH)
    rows, columns = (tuple(range(0, size - side + 1, side)) for size, side in zip((height, width), sides, strict=True))
    fill = image.mean((2, 3), keepdim=True).expand_as(image)
    occluders = Occluders(rows, columns, torch.ones(sides, dtype=torch.bool, device=image.device), fill)
    drawn = sorted(rng.choice(len(occluders), min(PLACES, len(occluders)), replace=False).tolist())
    device = device_of(model.module, image.device)
    with torch.no_grad():
        expected = first_tensor(model.module(occluders.covered(image, drawn).to(device)))
    found: dict[int, Tensor] = {}
    for answers in sweep(seen.graph, image, occluders, {OUTPUT: (seen.graph.output, whole)}, drawn, windows=True):
        found.update(zip(answers.places, answers.values[OUTPUT], strict=True))
    difference = apart(torch.stack([found[place] for place in drawn]), expected)
    yield Check(OUTPUT, "occlusion", seen.name, difference)
