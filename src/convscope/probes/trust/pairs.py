"""The pictures that are compared, image by image: each is made once, and what is left of it is small."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations

import torch
from torch import Tensor

from convscope.engine.layers import Layer
from convscope.engine.project import Way, project_signals, window_of
from convscope.engine.trace import Trace, retrace, trace
from convscope.graph.opgraph import OpGraph
from convscope.probes.trust.cascade import Cascade
from convscope.probes.trust.randomise import depending_on, randomised
from convscope.probes.trust.similarity import Sample, Similarity, sample, similarity
from convscope.probes.trust.spots import Spot
from convscope.probes.trust.verdicts import IMAGE, SIGNAL, UNIT
from convscope.probes.trust.weights import fresh_weights

Progress = Callable[[int, int], None]
Pairs = dict[tuple[str, str, str | int], list[Similarity | None]]
"""By method, layer, and test or network of the cascade: how alike each pair is; None where one of it is empty."""

COMPARED = 2
"""Units at a place, the strongest, whose pictures are made again by other networks and from other images."""


@dataclass(frozen=True, eq=False)
class Bench:
    """All that decides the tests: ``images`` float (n, channels, height, width), ``ways`` and ``spots`` by layer."""

    graph: OpGraph
    images: Tensor
    layers: tuple[Layer, ...]
    ways: Mapping[str, tuple[Way, ...]]
    spots: Mapping[str, tuple[Spot, ...]]
    cascade: Cascade
    seed: int

    def each(self) -> Iterator[tuple[Layer, Way]]:
        """Every layer with every way down from it."""
        return ((layer, way) for layer in self.layers for way in self.ways[layer.address])


@dataclass(frozen=True)
class _Network:
    """A re-initialised network, the nodes that differ for it, and the layers whose cascade it is a step of."""

    step: int
    graph: OpGraph
    changed: frozenset[str]
    layers: tuple[Layer, ...]


@dataclass(frozen=True, eq=False)
class _Found:
    pairs: Pairs = field(default_factory=dict)
    own: dict[tuple[str, str, int], list[Sample]] = field(default_factory=dict)
    """By method, layer and image: the units' pictures at that image's spot."""
    abroad: dict[tuple[str, str, int], dict[int, Sample]] = field(default_factory=dict)
    """The same pictures from another image, by place of the unit in the spot."""

    def add(self, method: str, layer: str, test: str | int, one: Sample, other: Sample) -> None:
        """Compare two pictures under a test, or a network of the cascade."""
        self.pairs.setdefault((method, layer, test), []).append(similarity(one, other))


def collect(bench: Bench, report: Progress) -> Pairs:
    """All pairs of all tests; those of the weight test by network."""
    networks = _networks(bench)
    found = _Found()
    total = len(bench.images) * (1 + len(networks))
    for number in range(len(bench.images)):
        recorded = trace(bench.graph, bench.images[number][None], *(layer.node for layer in bench.layers))
        for layer, way in bench.each():
            _compare_here(bench, found, recorded, layer, way, number)
            _look_for_others(bench, found, recorded, layer, way, number)
        report(number * (1 + len(networks)) + 1, total)
        for done, network in enumerate(networks):
            _compare_weights(bench, found, recorded, number, network)
            report(number * (1 + len(networks)) + done + 2, total)
    for key, others in found.abroad.items():
        for place, other in others.items():
            found.add(*key[:2], IMAGE, found.own[key][place], other)
    return found.pairs


def _networks(bench: Bench) -> list[_Network]:
    # The first begins lowest, so what it makes new is all that any of them does.
    fresh = fresh_weights(bench.graph, [node for nodes in bench.cascade.networks[:1] for node in nodes], bench.seed)
    made = []
    for number, nodes in enumerate(bench.cascade.networks):
        steps = zip(bench.layers, bench.cascade.steps, strict=True)
        layers = tuple(layer for layer, own in steps if any(step.network == number for step in own))
        if layers:
            graph = randomised(bench.graph, nodes, bench.images, fresh)
            made.append(_Network(number, graph, depending_on(graph, {node.name for node in nodes}), layers))
    return made


def _compare_here(bench: Bench, found: _Found, recorded: Trace, layer: Layer, way: Way, number: int) -> None:
    """Units with each other, and each with a random mixture of all units, at the spot of one image."""
    spot = bench.spots[layer.address][number]
    if not spot.units:
        return
    signals = torch.cat((_one_hot(spot.units, layer), _mixture(layer, bench.seed)))
    *own, mixed = _samples(recorded, layer, way, spot, signals)
    found.own[way.method, layer.address, number] = own
    for one, other in combinations(own, 2):
        found.add(way.method, layer.address, UNIT, one, other)
    for one in own:
        found.add(way.method, layer.address, SIGNAL, one, mixed)


def _look_for_others(bench: Bench, found: _Found, recorded: Trace, layer: Layer, way: Way, number: int) -> None:
    """The pictures, from this image, of units at the spots of other images that are active there too."""
    for origin, spot in enumerate(bench.spots[layer.address]):
        places = [place for place, image in enumerate(spot.elsewhere[:COMPARED]) if image == number]
        if places:
            signals = _one_hot([spot.units[place] for place in places], layer)
            made = _samples(recorded, layer, way, spot, signals)
            abroad = found.abroad.setdefault((way.method, layer.address, origin), {})
            abroad.update(zip(places, made, strict=True))


def _compare_weights(bench: Bench, found: _Found, recorded: Trace, number: int, network: _Network) -> None:
    """Units of the trained network with the same of a re-initialised one, in one image."""
    again = retrace(recorded, network.graph, network.changed, *(layer.node for layer in network.layers))
    for layer in network.layers:
        spot = bench.spots[layer.address][number]
        signals = _one_hot(spot.units[:COMPARED], layer)
        for way in bench.ways[layer.address] if spot.units else ():
            trained = found.own[way.method, layer.address, number]
            for one, other in zip(trained, _samples(again, layer, way, spot, signals), strict=False):
                found.add(way.method, layer.address, network.step, one, other)


def _samples(recorded: Trace, layer: Layer, way: Way, spot: Spot, signals: Tensor) -> list[Sample]:
    value = recorded.values[layer.node]
    pictures = project_signals(recorded, layer, signals.to(value), (spot.y, spot.x), way)
    size = recorded.graph.input_shape[2], recorded.graph.input_shape[3]
    box = (0, 0, *size) if layer.gated else window_of(layer, spot.y, spot.x, size)
    return [sample(picture, box) for picture in pictures]


def _one_hot(units: tuple[int, ...] | list[int], layer: Layer) -> Tensor:
    """A signal of 1 for each of the units, float (n, units of the layer)."""
    return torch.nn.functional.one_hot(torch.tensor(units, dtype=torch.int64), layer.units).float()


def _mixture(layer: Layer, seed: int) -> Tensor:
    """A random positive signal in all units, the absolute values of normal numbers, float (1, units of the layer)."""
    number = int.from_bytes(hashlib.sha256(f"{seed} {layer.address}".encode()).digest()[:7])
    return torch.randn(1, layer.units, generator=torch.Generator().manual_seed(number)).abs()
