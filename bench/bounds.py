"""What exact windows can save: multiply-adds of a whole pass over those inside windows, in plain integers.

    python -m bench.bounds [--patch 16] [--stride 8] [vgg16 alexnet …]

Occlusion: for a patch at every place, each op only has to be run where its result can change. Projection: each op
only has to be gone through where the unit's receptive field is. Everything is clipped to the maps. An op that mixes
all positions makes everything after it (occlusion) or before it (projection) whole.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.geometry import Slide, Value, values
from convscope.engine.graphs import graph_of
from convscope.engine.layers import layers
from convscope.graph.opgraph import INPUT, OpGraph
from convscope.models import load_model

NETS = ("vgg16", "alexnet", "googlenet", "squeezenet1_1", "resnet18", "resnet50", "densenet121", "mobilenet_v2")
PROJECTED = {"vgg16": ("features.8", "features.15", "features.22", "features.29")}

Spans = NDArray[np.int64]
"""(places, 2, 2): for rows and columns, the first that is in the window and the one after the last."""
_NOTHING = (2**31, 0)
"""An empty span: neutral where two are joined."""


def changed(graph: OpGraph, corners: Sequence[tuple[int, int]], patch: tuple[int, int]) -> Mapping[str, Spans]:
    """Where each value can change when a patch (height, width) is laid over the image at ``corners``."""
    starts = np.array(corners, np.int64).reshape(-1, 2)
    found = {INPUT: np.stack([starts, starts + patch], 2)}
    for value in values(graph).values():
        if value.sources:
            parts = (_upwards(found[name], slides, value) for name, slides in value.sources)
            found[value.name] = _hull(parts)
    return found


def _upwards(spans: Spans, slides: tuple[Slide, Slide] | None, value: Value) -> Spans:
    if slides is None:
        return np.where(_area(spans)[:, None, None] > 0, _whole(value), np.array(_NOTHING))
    axes = [reached(spans[:, axis], slides[axis], value.size[axis]) for axis in range(2)]
    return _emptied(np.stack(axes, 1))


def reached(spans: Spans, slide: Slide, size: int) -> Spans:
    """Positions of which any tap falls on the span, tap by tap: for positions p, p * stride - padding + tap."""
    found = np.tile(np.array(_NOTHING, np.int64), (len(spans), 1))
    for tap in range(0, slide.kernel * slide.dilation, slide.dilation):
        shift = slide.padding - tap
        first = -(-(spans[:, 0] + shift) // slide.stride)
        stop = (spans[:, 1] - 1 + shift) // slide.stride + 1
        first, stop = np.maximum(first, 0), np.minimum(stop, size)
        hit = first < stop
        found[hit, 0] = np.minimum(found[hit, 0], first[hit])
        found[hit, 1] = np.maximum(found[hit, 1], stop[hit])
    return found


def received(graph: OpGraph, node: str, positions: Sequence[tuple[int, int]]) -> Mapping[str, Spans]:
    """Where each value below ``node`` has an influence on ``positions`` (row, column) of it."""
    known = values(graph)
    starts = np.array(positions, np.int64).reshape(-1, 2)
    found = {node: np.stack([starts, starts + 1], 2)}
    for value in reversed(list(known.values())):
        for name, slides in value.sources if value.name in found else ():
            part = _downwards(found[value.name], slides, known[name])
            found[name] = _hull([part, found[name]] if name in found else [part])
    return found


def _downwards(spans: Spans, slides: tuple[Slide, Slide] | None, source: Value) -> Spans:
    if slides is None:
        return np.broadcast_to(_whole(source), spans.shape).copy()
    parts = []
    for axis, slide in enumerate(slides):
        parts.append(read(spans[:, axis], slide, source.size[axis]))
    return _emptied(np.stack(parts, 1))


def read(spans: Spans, slide: Slide, size: int) -> Spans:
    """From the first tap of the first position to the last tap of the last, inside a map of ``size``."""
    first = spans[:, 0] * slide.stride - slide.padding
    stop = (spans[:, 1] - 1) * slide.stride - slide.padding + (slide.kernel - 1) * slide.dilation + 1
    return np.stack([np.maximum(first, 0), np.minimum(stop, size)], 1)


def _whole(value: Value) -> Spans:
    return np.array([[0, value.size[0]], [0, value.size[1]]], np.int64)


def _area(spans: Spans) -> NDArray[np.int64]:
    sizes = np.maximum(spans[..., 1] - spans[..., 0], 0)
    area: NDArray[np.int64] = sizes[:, 0] * sizes[:, 1]
    return area


def _emptied(spans: Spans) -> Spans:
    spans[_area(spans) == 0] = _NOTHING
    return spans


def _hull(parts: Iterable[Spans]) -> Spans:
    stacked = np.stack(list(parts))
    return np.stack([stacked[..., 0].min(0), stacked[..., 1].max(0)], -1)


def corners(side: int, patch: int, stride: int) -> list[tuple[int, int]]:
    """Top left corners of a square patch at all places."""
    steps = range(0, side - patch + 1, stride)
    return [(y, x) for y in steps for x in steps]


def whole_cost(graph: OpGraph) -> int:
    """Multiply-adds of one image."""
    return sum(value.cost for value in values(graph).values())


def occlusion_cost(graph: OpGraph, patch: int, stride: int) -> float:
    """Multiply-adds inside windows, mean over all places."""
    spans = changed(graph, corners(graph.input_shape[2], patch, stride), (patch, patch))
    return _inside(values(graph).values(), spans)


def occlusion_bound(graph: OpGraph, patch: int, stride: int) -> float:
    """How many times fewer multiply-adds windows need."""
    return whole_cost(graph) / occlusion_cost(graph, patch, stride)


def projection_bound(graph: OpGraph, node: str, positions: Sequence[tuple[int, int]]) -> float:
    """Multiply-adds of a way down from ``node`` over whole maps, over those inside windows (mean over positions).

    The convolution that makes the layer counts on both sides, though from one channel it is a copy of its weights.
    """
    spans = received(graph, node, positions)
    below = [value for value in values(graph).values() if value.name in spans]
    return sum(value.cost for value in below) / _inside(below, spans)


def _inside(some: Iterable[Value], spans: Mapping[str, Spans]) -> float:
    parts = (value.cost_of_position * float(_area(spans[value.name]).mean()) for value in some if value.cost)
    return sum(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nets", nargs="*", default=NETS)
    parser.add_argument("--patch", type=int, nargs="+", default=[8, 16, 32])
    parser.add_argument("--stride", type=int, nargs="+", default=[4, 8, 16])
    options = parser.parse_args()
    cases = list(zip(options.patch, options.stride, strict=True))
    print("| net | multiply-adds, millions | " + " | ".join(f"bound {p}/{s}" for p, s in cases) + " |")
    print("|" + "---|" * (len(cases) + 2))
    graphs = {name: graph_of(load_model(f"torchvision:{name}@none")) for name in options.nets}
    for name, graph in graphs.items():
        bounds = " | ".join(f"{occlusion_bound(graph, patch, stride):.2f}x" for patch, stride in cases)
        print(f"| {name} | {whole_cost(graph) / 1e6:.0f} | {bounds} |", flush=True)
    print("\n| layer | way down, centre | mean over positions |\n|---|---|---|")
    for name, graph in graphs.items():
        for layer in layers(graph):
            if layer.address in PROJECTED.get(name, ()):
                every = [(y, x) for y in range(layer.height) for x in range(layer.width)]
                centre = projection_bound(graph, layer.node, [(layer.height // 2, layer.width // 2)])
                mean = projection_bound(graph, layer.node, every)
                print(f"| {name} {layer.address} | {centre:.1f}x | {mean:.1f}x |", flush=True)


if __name__ == "__main__":
    main()
