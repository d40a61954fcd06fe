"""A whole atlas of projections: the top nine of all feature maps, against hand-written autograd, from a sample.

    python -m bench.atlas_projection [--net vgg16] [--images 2] [--units 9] [--rounds 3]

Both sides make one forward pass per image, shared by all layers, and go down from ``--units`` units of each layer
(by hand: one batched backward pass or one for each, whichever is faster at that layer). Per layer, the seconds of a
projection are weighted by its number of units times nine. What is done once per image (the forward pass, and
whatever the first way down prepares) is what a fresh image takes beyond its ways down; an atlas has as many images as
it takes at ``--units`` projections per layer of each. Memory: of a process each that projects from one image, the peak
resident set beyond what is resident with the network loaded.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean

import torch
from torch import Tensor, nn

from bench.by_hand import WAYS, ByHand, Place, module_path, strongest
from bench.timing import Timing, alternate, fastest, prepare_process
from convscope.engine.graphs import graph_of
from convscope.engine.layers import Layer, layers
from convscope.engine.memory import keep_freed_memory
from convscope.engine.project import Way, project_units
from convscope.engine.trace import Trace, trace
from convscope.graph.opgraph import OpGraph
from convscope.models import load_model

TOP = 9
SIDES = ("hand", "ours")
Places = Mapping[str, Sequence[Place]]
"""Where to project from, by layer address."""


@dataclass(frozen=True)
class Network:
    """A network that both sides can use, and its default layers."""

    module: nn.Module
    graph: OpGraph
    chosen: tuple[Layer, ...]


class Ours:
    """The engine: a trace per image, walks down from it."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.recorded: Trace | None = None

    def forward(self, image: Tensor) -> None:
        self.recorded = trace(self.network.graph, image, *(layer.node for layer in self.network.chosen))

    def down(self, layer: Layer, places: Sequence[Place]) -> Tensor:
        assert self.recorded is not None
        pictures = project_units(self.recorded, layer, places, Way("deconvnet"))
        return torch.stack([torch.from_numpy(picture) for picture in pictures]).permute(0, 3, 1, 2)


class Hand:
    """Autograd: the graph of one forward pass per image, kept for all layers."""

    def __init__(self, network: Network) -> None:
        self.made = ByHand(network.module, [module_path(layer.address) for layer in network.chosen])
        self.ways = dict.fromkeys((layer.address for layer in network.chosen), WAYS[0])

    def forward(self, image: Tensor) -> None:
        self.made.forward(image)

    def down(self, layer: Layer, places: Sequence[Place]) -> Tensor:
        return self.made.down(module_path(layer.address), places, self.ways[layer.address])

    def choose_ways(self, chosen: Sequence[Layer], places: Places) -> None:
        """The faster way at each layer, by a short probe."""
        for layer in chosen:
            path = module_path(layer.address)
            self.ways[layer.address] = fastest(WAYS, partial(self.made.down, path, places[layer.address]))


Side = Ours | Hand


def load(net: str) -> Network:
    model = load_model(f"torchvision:{net}@none")
    graph = graph_of(model)
    return Network(model.module, graph, layers(graph))


def noise(network: Network, seed: int) -> Tensor:
    return torch.randn(network.graph.input_shape, generator=torch.Generator().manual_seed(seed))


def places_in(network: Network, recorded: Trace, units: int) -> Places:
    return {layer.address: strongest(recorded.values[layer.node], units) for layer in network.chosen}


def fresh(side: Side, network: Network, image: Tensor, places: Places) -> None:
    """All that one image costs."""
    side.forward(image)
    for layer in network.chosen:
        side.down(layer, places[layer.address])


@dataclass(frozen=True)
class Cost:
    """Seconds of one side: of one projection by layer, and of what is done once per image."""

    projection: Mapping[str, float]
    image: float

    def total(self, chosen: Sequence[Layer], images: float) -> float:
        return images * self.image + sum(TOP * layer.units * self.projection[layer.address] for layer in chosen)


def measure(network: Network, images: int, units: int, rounds: int) -> tuple[Mapping[str, Cost], float]:
    """The costs of both sides, and the largest difference of their pictures, relative to the largest value."""
    ours, hand = Ours(network), Hand(network)
    sides: Mapping[str, Side] = {"hand": hand, "ours": ours}
    found: list[Mapping[str, Cost]] = []
    difference = 0.0
    for number in range(images):
        image = noise(network, number)
        for side in sides.values():
            side.forward(image)
        assert ours.recorded is not None
        places = places_in(network, ours.recorded, units)
        if not number:
            hand.choose_ways(network.chosen, places)
        taken: dict[str, Mapping[str, Timing]] = {}
        for layer in network.chosen:
            at = places[layer.address]
            mine, theirs = ours.down(layer, at), hand.down(layer, at)
            difference = max(difference, float((mine - theirs).abs().max() / theirs.abs().max()))
            taken[layer.address] = alternate({n: partial(side.down, layer, at) for n, side in sides.items()}, rounds)
        alone = alternate({name: partial(side.forward, image) for name, side in sides.items()}, rounds)
        all_of_it = alternate({n: partial(fresh, side, network, image, places) for n, side in sides.items()}, rounds)
        found.append({name: _cost(taken, alone[name], all_of_it[name], units) for name in sides})
    return {name: _mean([costs[name] for costs in found]) for name in sides}, difference


def _cost(taken: Mapping[str, Mapping[str, Timing]], alone: Timing, all_of_it: Timing, units: int) -> Cost:
    seconds = {address: timings[alone.name].median for address, timings in taken.items()}
    # A difference of two timings; where it drowns in noise, at least the forward pass is certain.
    once = max(alone.median, all_of_it.median - sum(seconds.values()))
    return Cost({address: each / units for address, each in seconds.items()}, once)


def _mean(costs: Sequence[Cost]) -> Cost:
    addresses = costs[0].projection
    each = {address: mean(cost.projection[address] for cost in costs) for address in addresses}
    return Cost(each, mean(cost.image for cost in costs))


def peak(net: str, side: str, units: int) -> int:
    """MB that a process of its own needs beyond the loaded network."""
    command = [sys.executable, "-m", "bench.atlas_projection", "--run", side, "--net", net, "--units", str(units)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def run_alone(net: str, side: str, units: int) -> int:
    """One image; the peak so far, which comes from loading, is forgotten first (Linux)."""
    network = load(net)
    contender: Side = Ours(network) if side == "ours" else Hand(network)
    image = noise(network, 0)
    # Where both project from does not matter here, so it is not worked out, which would take memory.
    centre = {
        layer.address: [(unit, layer.height // 2, layer.width // 2) for unit in range(units)]
        for layer in network.chosen
    }
    Path("/proc/self/clear_refs").write_text("5")
    before = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 1024
    keep_freed_memory()
    fresh(contender, network, image, centre)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024


def report(network: Network, costs: Mapping[str, Cost], units: int) -> None:
    print("| layer | units | by hand, ms a projection | convscope | ratio |\n|---|---|---|---|---|")
    for layer in network.chosen:
        one, other = (costs[side].projection[layer.address] for side in SIDES)
        print(f"| {layer.address} | {layer.units} | {1e3 * one:.1f} | {1e3 * other:.1f} | {one / other:.1f} |")
    one, other = (costs[side].image for side in SIDES)
    print(f"| once per image | | {1e3 * one:.0f} | {1e3 * other:.0f} | {one / other:.1f} |")
    projections = TOP * sum(layer.units for layer in network.chosen)
    images = projections / (units * len(network.chosen))
    one, other = (costs[side].total(network.chosen, images) / 3600 for side in SIDES)
    print(
        f"| all {projections} projections of {images:.0f} images, hours | "
        f"| {one:.2f} | {other:.2f} | {one / other:.2f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--net", default="vgg16")
    parser.add_argument("--images", type=int, default=2)
    parser.add_argument("--units", type=int, default=9)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--run", choices=SIDES, help="only this side, for its memory")
    options = parser.parse_args()
    if options.run:
        print(run_alone(options.net, options.run, options.units))
        return
    print(prepare_process())
    network = load(options.net)
    costs, difference = measure(network, options.images, options.units, options.rounds)
    report(network, costs, options.units)
    print(f"\nlargest difference of the pictures: {difference:.0e}")
    for side in SIDES:
        print(f"memory beyond the loaded network, {side}: {peak(options.net, side, options.units)} MB", flush=True)


if __name__ == "__main__":
    main()
