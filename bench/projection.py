"""Projection speed: nine units of one layer from one image, against captum and against hand-written autograd.

    python -m bench.projection [--device cpu] [--rounds 5]

``captum``: NeuronDeconvolution, one call per unit, which is how it is used. ``by hand``: a module whose ReLUs are
replaced by one that rectifies the gradient, one forward pass, nine seeds in one batched backward pass. All three
include what they do once per image (convscope: the trace); the pictures are compared before they are timed.
"""

from __future__ import annotations

import argparse
import copy
from typing import Any

import torch
from captum.attr import NeuronDeconvolution
from torch import Tensor, nn

from bench.timing import alternate, prepare_process, ratio
from convscope.engine.graphs import graph_of
from convscope.engine.layers import find_layers
from convscope.engine.project import Way, project_units
from convscope.engine.trace import trace
from convscope.models import load_model

CASES = {
    "vgg16": {"conv1_2": "features.3", "conv3_3": "features.15", "conv5_3": "features.29"},
    "alexnet": {"conv1": "features.1", "conv3": "features.7", "conv5": "features.11"},
    "resnet18": {"layer1": "layer1.1.relu#2", "layer3": "layer3.1.relu#2", "layer4": "layer4.1.relu#2"},
}
UNITS = 9


class RectifiedGradient(torch.autograd.Function):
    """ReLU whose backward pass keeps the positive part of the gradient, whatever the forward pass was."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.clamp_min(0)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient.clamp_min(0)

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Tensor) -> tuple[Tensor, int | None]:
        return RectifiedGradient.apply(x), in_dims[0]


class DeconvReLU(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return RectifiedGradient.apply(x)  # type: ignore[no-any-return]


def rewritten(module: nn.Module) -> nn.Module:
    """A copy with every nn.ReLU replaced."""
    module = copy.deepcopy(module)
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.ReLU):
                setattr(parent, name, DeconvReLU())
    return module


def bench(net: str, label: str, address: str, device: str, rounds: int) -> str:
    model = load_model(f"torchvision:{net}@none")
    graph = graph_of(model, device)
    (layer,) = find_layers(graph, [address])
    image = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0)).to(device)
    path, _, call = address.partition("#")
    places = _places(trace(graph, image, layer.node).values[layer.node])

    def ours() -> Tensor:
        recorded = trace(graph, image, layer.node)
        return torch.stack([torch.from_numpy(p) for p in project_units(recorded, layer, places, Way("deconvnet"))])

    plain = copy.deepcopy(model.module).to(device)
    for child in plain.modules():
        if isinstance(child, nn.ReLU):
            child.inplace = False
    by_path = dict(plain.named_modules())
    captum = NeuronDeconvolution(plain, by_path[path.rpartition(".")[0]] if call else by_path[path])

    def with_captum() -> Tensor:
        return torch.cat([captum.attribute(image.clone().requires_grad_(), place) for place in places])

    hand = rewritten(model.module).to(device)
    kept: list[Tensor] = []
    target = dict(hand.named_modules())[path.rpartition(".")[0] if call else path]
    target.register_forward_hook(lambda module, inputs, output: kept.append(output))

    def by_hand() -> Tensor:
        kept.clear()
        source = image.clone().requires_grad_()
        hand(source)
        seeds = torch.zeros(len(places), *kept[-1].shape, device=device)
        for row, (unit, y, x) in enumerate(places):
            seeds[row, 0, unit, y, x] = kept[-1][0, unit, y, x].detach()
        return torch.autograd.grad(kept[-1], source, seeds, is_grads_batched=True)[0]

    mine, theirs = ours().permute(0, 3, 1, 2), by_hand()[:, 0].cpu()
    difference = float((mine - theirs).abs().max() / theirs.abs().max())
    times = alternate({"captum": with_captum, "hand": by_hand, "ours": ours}, rounds)
    speeds = " | ".join(f"{UNITS / times[n].median:.1f}" for n in ("captum", "hand", "ours"))
    gains = f"{ratio(times['captum'], times['ours']):.1f} | {ratio(times['hand'], times['ours']):.1f}"
    return f"| {net} {label} | {speeds} | {gains} | {difference:.0e} |"


def _places(maps: Tensor) -> list[tuple[int, int, int]]:
    """The strongest position of the nine units with the strongest peaks."""
    units = maps[0].amax((1, 2)).topk(UNITS).indices.tolist()
    return [(unit, *divmod(int(maps[0, unit].argmax()), maps.shape[3])) for unit in units]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(prepare_process())
    print("| layer | captum | by hand | convscope, projections/s | over captum | over by hand | largest difference |")
    print("|---|---|---|---|---|---|---|")
    for net, cases in CASES.items():
        for label, address in cases.items():
            print(bench(net, label, address, options.device, options.rounds), flush=True)


if __name__ == "__main__":
    main()
