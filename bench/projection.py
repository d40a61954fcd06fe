"""Projection speed: nine units of one layer from one image, against captum and against hand-written autograd.

    python -m bench.projection [--device cpu] [--rounds 5] [vgg16 alexnet …]

``captum``: NeuronDeconvolution, one call per unit, which is how it is used. ``by hand``: a module whose ReLUs are
replaced by one that rectifies the gradient, one forward pass up to the layer, then one batched backward pass with nine
seeds or one pass for each, whichever is faster. Timed twice: the way down alone, the forward pass being made before,
and all that is done once per image with it. The pictures are compared before they are timed. ``bound`` is how many
times fewer multiply-adds the windows of these nine positions need than whole maps.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable
from functools import partial

import torch
from captum.attr import NeuronDeconvolution
from torch import Tensor, nn

from bench.bounds import projection_bound
from bench.by_hand import WAYS, ByHand, Place, module_path, strongest
from bench.timing import alternate, fastest, prepare_process, ratio
from convscope.engine.graphs import graph_of
from convscope.engine.layers import find_layers
from convscope.engine.project import Way, project_units
from convscope.engine.trace import Trace, trace
from convscope.models import load_model

CASES = {
    "vgg16": {"conv2_2": "features.8", "conv3_3": "features.15", "conv4_3": "features.22", "conv5_3": "features.29"},
    "alexnet": {"conv1": "features.1", "conv3": "features.7", "conv5": "features.11"},
    "resnet18": {"layer1": "layer1.1.relu#2", "layer3": "layer3.1.relu#2", "layer4": "layer4.1.relu#2"},
}
UNITS = 9


def bench(net: str, label: str, address: str, device: str, rounds: int) -> str:
    """One row of the table."""
    model = load_model(f"torchvision:{net}@none")
    graph = graph_of(model, device)
    (layer,) = find_layers(graph, [address])
    image = torch.randn(graph.input_shape, generator=torch.Generator().manual_seed(0)).to(device)
    path = module_path(address)
    recorded = trace(graph, image, layer.node)
    places = strongest(recorded.values[layer.node], UNITS)

    def down(made: Trace) -> Tensor:
        return torch.stack([torch.from_numpy(p) for p in project_units(made, layer, places, Way("deconvnet"))])

    def all_of_it() -> Tensor:
        return down(trace(graph, image, layer.node))

    kept, fresh = ByHand(model.module, [path], device), ByHand(model.module, [path], device)
    kept.forward(image)

    def all_by_hand() -> Tensor:
        fresh.forward(image)
        return fresh.down(path, places, way)

    way = fastest(WAYS, lambda way: kept.down(path, places, way))
    running: dict[str, Callable[[], Tensor]] = {
        "captum": with_captum(model.module, path, image, places),
        "hand down": partial(kept.down, path, places, way),
        "down": partial(down, recorded),
        "hand": all_by_hand,
        "ours": all_of_it,
    }
    mine, theirs = running["ours"]().permute(0, 3, 1, 2), running["hand"]().cpu()
    difference = float((mine - theirs).abs().max() / theirs.abs().max())
    times = alternate(running, rounds)
    speed = {name: f"{UNITS / taken.median:.1f}" for name, taken in times.items()}
    alone, included = ratio(times["hand down"], times["down"]), ratio(times["hand"], times["ours"])
    bound = projection_bound(graph, layer.node, [(y, x) for _, y, x in places])
    return (
        f"| {net} {label} | {speed['hand down']} ({way}) | {speed['down']} | {alone:.1f} | {speed['hand']} "
        f"| {speed['ours']} | {included:.1f} | {speed['captum']} | {ratio(times['captum'], times['ours']):.1f} "
        f"| {bound:.1f} | {difference:.0e} |"
    )


def with_captum(module: nn.Module, path: str, image: Tensor, places: list[Place]) -> Callable[[], Tensor]:
    plain = copy.deepcopy(module).eval().to(image.device)
    for child in plain.modules():
        if isinstance(child, nn.ReLU):
            child.inplace = False
    captum = NeuronDeconvolution(plain, dict(plain.named_modules())[path])
    return lambda: torch.cat([captum.attribute(image.clone().requires_grad_(), place) for place in places])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nets", nargs="*", default=list(CASES))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(prepare_process())
    print(
        "| layer | way down alone: by hand, projections/s | convscope | ratio | with the forward pass: by hand "
        "| convscope | ratio | captum | over captum | bound | largest difference |"
    )
    print("|" + "---|" * 11)
    for net in options.nets:
        for label, address in CASES[net].items():
            print(bench(net, label, address, options.device, options.rounds), flush=True)


if __name__ == "__main__":
    main()
