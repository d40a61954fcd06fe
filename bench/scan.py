"""Scan speed: all default layers with value, position and image, against the bare forward pass and plain hooks.

    python -m bench.scan [--device cpu] [--rounds 7] [alexnet resnet18 …]

Random weights and noise images; nothing is decoded, so that only the network and the bookkeeping are compared. Every
round is a new batch of 32 images, as in a real scan. The first three batches, in which nearly every image enters, are
given apart (``first``): they are what a set of 96 images would cost.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
from torch import Tensor, nn

from bench.timing import alternate, prepare_process, ratio
from convscope.engine.forward import prepare
from convscope.engine.graphs import graph_of
from convscope.engine.layers import layers
from convscope.engine.tally import Tally
from convscope.models import load_model

BATCH = 32
NETS = ("alexnet", "resnet18", "resnet50", "vgg16")


class Bare:
    """The eager forward pass."""

    def __init__(self, module: nn.Module, device: str, layout: torch.memory_format) -> None:
        import copy

        self.module = copy.deepcopy(module).eval().to(device).to(memory_format=layout)
        self.device, self.layout = device, layout

    def __call__(self, images: Tensor) -> None:
        with torch.inference_mode():
            self.module(images.to(self.device).contiguous(memory_format=self.layout))


class Hooks(Bare):
    """What one writes by hand: a hook per convolution that keeps maxima, and looks positions up for the best nine."""

    def __init__(self, module: nn.Module, device: str) -> None:
        super().__init__(module, device, torch.channels_last)
        self.best: dict[str, Tensor] = {}
        for name, child in self.module.named_modules():
            if isinstance(child, nn.Conv2d):
                child.register_forward_hook(self._hook(name))

    def _hook(self, name: str) -> Callable[[nn.Module, object, Tensor], None]:
        def hook(module: nn.Module, inputs: object, maps: Tensor) -> None:
            peaks = maps.amax((2, 3))
            seen = torch.cat((self.best[name], peaks)) if name in self.best else peaks
            value, row = seen.topk(min(9, len(seen)), 0)
            new = row >= len(seen) - len(peaks)
            rows, units = (row[new] - (len(seen) - len(peaks))), new.nonzero()[:, 1]
            for some in range(0, len(rows), 256):
                maps[rows[some : some + 256], units[some : some + 256]].flatten(1).argmax(1)
            self.best[name] = value

        return hook


class Ours:
    """The engine of ``scan``."""

    def __init__(self, name: str, device: str) -> None:
        graph = graph_of(load_model(f"torchvision:{name}@none"), device)
        chosen = layers(graph)
        self.forward = prepare(graph, [layer.node for layer in chosen], device)
        self.tallies = {layer.node: Tally.empty(layer.units, 9) for layer in chosen}
        self.units = sum(layer.units for layer in chosen)
        self.seen = 0

    def __call__(self, images: Tensor) -> None:
        index = torch.arange(self.seen, self.seen + len(images))
        classes = torch.full((len(images),), -1)
        self.seen += len(images)

        def visit(node: str, maps: Tensor) -> None:
            self.tallies[node] = self.tallies[node].after(maps, index, classes)

        self.forward(images, visit)


def bench(name: str, device: str, rounds: int, seen: int) -> str:
    """One row of the table."""
    module = load_model(f"torchvision:{name}@none").module
    generator = torch.Generator().manual_seed(0)
    batch = [torch.empty(0)]
    ours = Ours(name, device)
    running: dict[str, Callable[[Tensor], None]] = {
        "default": Bare(module, device, torch.contiguous_format),
        "channels_last": Bare(module, device, torch.channels_last),
        "hooks": Hooks(module, device),
        "convscope": ours,
    }

    def fresh() -> None:
        batch[0] = torch.randn(BATCH, 3, 224, 224, generator=generator)

    turns = {"": fresh} | {n: (lambda run=run: run(batch[0])) for n, run in running.items()}
    first = alternate(turns, rounds=3, warmup=0)
    for _ in range(seen // BATCH - 3):
        fresh()
        running["hooks"](batch[0])
        running["convscope"](batch[0])
    times = alternate(turns, rounds, warmup=0)
    speed = " | ".join(f"{BATCH / times[n].median:.1f}" for n in running)
    best = min((times["default"], times["channels_last"]), key=lambda t: t.median)
    against = f"{ratio(best, times['convscope']):.2f} | {ratio(times['default'], times['convscope']):.2f}"
    early = ratio(first["channels_last"], first["convscope"])
    return f"| {name} | {ours.units} | {speed} | {against} | {ratio(best, times['hooks']):.2f} | {early:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nets", nargs="*", default=NETS)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seen", type=int, default=96, help="images scanned before the first timed round")
    options = parser.parse_args()
    print(prepare_process())
    print(
        "| net | units | bare, default layout | bare, channels_last | plain hooks | convscope, images/s | "
        "convscope / best bare | convscope / default bare | hooks / best bare | first: convscope / channels_last |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name in options.nets:
        print(bench(name, options.device, options.rounds, options.seen), flush=True)


if __name__ == "__main__":
    main()
