"""Occlusion speed: ours against the best batched loop over whole images and against captum, per place.

    python -m bench.occlusion [--rounds 3] [--sample 96] [vgg16 alexnet …]
    python -m bench.occlusion --all --side 224 --stride 32 --sample 8 --without-captum

A grey square of 16 pixels at every 8, at the network's own input size or at ``--side``. ``bare``: the eager module in
inference mode on a random sample of the places, at the fastest layout and batch size of a short probe. ``captum``:
its Occlusion at 8 x 8 places, at the best ``perturbations_per_eval`` of a short probe; it takes no stride larger than
its patch, so the patch is as large, which costs it nothing: it runs whole images. Ours runs all places, since it
gains from neighbours. All are given as milliseconds per place and take turns.
"""

from __future__ import annotations

import argparse
import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from captum.attr import Occlusion
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from bench.bounds import occlusion_cost, whole_cost
from bench.compat import stir
from bench.timing import Timing, alternate, fastest, prepare_process, ratio
from convscope.engine.changed import whole
from convscope.engine.graphs import graph_of
from convscope.engine.occluders import Occluders
from convscope.engine.sweep import sweep
from convscope.errors import ConvscopeError
from convscope.graph.opgraph import OpGraph
from convscope.models import Model, load_model

NETS = ("vgg16", "googlenet", "alexnet", "resnet18", "resnet50", "densenet121", "mobilenet_v2")
BATCHES = (8, 16, 32)
CAPTUM_ACROSS = 8
"""A grid of 64 places, which all batch sizes divide."""
LAYOUTS = (torch.contiguous_format, torch.channels_last)


@dataclass(frozen=True)
class Task:
    """One network, one image, all places of one occluder; the contenders that are slow run ``sample`` of them."""

    module: nn.Module
    graph: OpGraph
    image: Tensor
    occluders: Occluders
    patch: int
    stride: int
    sample: tuple[int, ...]


@dataclass(frozen=True)
class Contender:
    """``run`` goes over ``places`` places."""

    run: Callable[[], object]
    places: int
    setting: str = ""

    def milliseconds(self, timing: Timing) -> float:
        return 1e3 * timing.median / self.places


def task_of(model: Model, patch: int, stride: int, sample: int) -> Task:
    graph = graph_of(model)
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(graph.input_shape, generator=generator)
    steps = tuple(range(0, image.shape[2] - patch + 1, stride))
    occluders = Occluders(steps, steps, torch.ones(patch, patch, dtype=torch.bool), torch.zeros_like(image))
    some = torch.randperm(len(occluders), generator=generator)[:sample].tolist()
    return Task(model.module, graph, image, occluders, patch, stride, tuple(some))


def outputs(module: nn.Module, images: Tensor) -> Tensor:
    """The module's answer; some give it inside a tuple."""
    found: Tensor = tree_leaves(module(images))[0]
    return found


def bare(task: Task) -> Contender:
    """The batched loop, at its best layout and batch size."""
    moved = copy.deepcopy(task.module).to(memory_format=torch.channels_last)
    modules = {torch.contiguous_format: task.module, torch.channels_last: moved}

    def loop(layout: torch.memory_format, batch: int, places: Sequence[int]) -> Tensor:
        with torch.inference_mode():
            found = []
            for start in range(0, len(places), batch):
                images = task.occluders.covered(task.image, places[start : start + batch])
                found.append(outputs(modules[layout], images.contiguous(memory_format=layout)))
            return torch.cat(found)

    layout, batch = fastest(
        [(layout, batch) for layout in LAYOUTS for batch in BATCHES],
        lambda setting: loop(*setting, task.sample[: max(BATCHES)]),
    )
    name = str(layout).removeprefix("torch.")
    return Contender(lambda: loop(layout, batch, task.sample), len(task.sample), f"{name}, {batch}")


def captum(task: Task) -> Contender:
    """Captum over a coarse grid, at its best number of places per pass."""
    occlusion = Occlusion(lambda images: outputs(task.module, images))
    channels, side = task.image.shape[1:3]
    across = min(CAPTUM_ACROSS, math.isqrt(len(task.sample)))
    step = math.ceil(side / across)

    def run(batch: int) -> Tensor:
        with torch.inference_mode():
            found: Tensor = occlusion.attribute(
                task.image,
                (channels, step, step),
                (channels, step, step),
                baselines=0,
                target=0,
                perturbations_per_eval=batch,
            )
            return found

    batch = fastest(BATCHES, run)
    return Contender(lambda: run(batch), (math.ceil((side - step) / step) + 1) ** 2, str(batch))


def ours(task: Task) -> Contender:
    return Contender(lambda: answers(task), len(task.occluders))


def answers(task: Task) -> Tensor:
    """The outputs at all places, in order."""
    found: list[tuple[int, Tensor]] = []
    for some in sweep(task.graph, task.image, task.occluders, {"output": (task.graph.output, whole)}):
        found += zip(some.places, some.values["output"], strict=True)
    return torch.stack([output for _, output in sorted(found, key=lambda pair: pair[0])])


def convolution_peak(rounds: int) -> float:
    """Multiply-adds per second, in thousands of millions, of one large convolution in its best layout."""
    conv = nn.Conv2d(256, 256, 3, padding=1).to(memory_format=torch.channels_last)
    images = torch.randn(32, 256, 56, 56).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        times = alternate({"peak": lambda: conv(images)}, rounds)
    return 32 * 56 * 56 * 256 * 256 * 9 / min(times["peak"].seconds) / 1e9


def at_side(model: Model, side: int | None) -> Model:
    """The model with square inputs of ``side`` pixels."""
    if side is None:
        return model
    return replace(model, preprocessing=replace(model.preprocessing, height=side, width=side, resize=None))


def bench(name: str, options: argparse.Namespace) -> str:
    """One row of the table."""
    model = at_side(load_model(f"torchvision:{name}@none"), options.side)
    # As made, some networks answer the same to every picture, and a difference could not show.
    torch.manual_seed(0)
    stir(model.module, model.preprocessing.height)
    task = task_of(model, options.patch, options.stride, options.sample)
    running = {"bare": bare(task), "ours": ours(task)} | ({} if options.without_captum else {"captum": captum(task)})
    with torch.inference_mode():
        theirs = torch.cat([outputs(task.module, task.occluders.covered(task.image, [p])) for p in task.sample])
        plain = outputs(task.module, task.image)
    difference = largest_difference(answers(task)[list(task.sample)], theirs, plain)
    times = alternate({key: contender.run for key, contender in running.items()}, options.rounds)
    each = {key: contender.milliseconds(times[key]) for key, contender in running.items()}
    over = {key: ratio(times[key], times["ours"]) * running["ours"].places / running[key].places for key in running}
    inside = occlusion_cost(task.graph, options.patch, options.stride)
    bound = whole_cost(task.graph) / inside
    reached = inside / (each["ours"] / 1e3) / 1e9
    share = reached / convolution_peak(options.rounds)
    captum_each, captum_over = ("", "")
    if "captum" in running:
        captum_each, captum_over = f"{each['captum']:.2f} ({running['captum'].setting})", f"{over['captum']:.2f}"
    return (
        f"| {name} | {len(task.occluders)} | {each['bare']:.2f} ({running['bare'].setting}) "
        f"| {captum_each} | {each['ours']:.2f} | {over['bare']:.2f} | {bound:.2f} "
        f"| {over['bare'] / bound:.0%} | {captum_over} | {difference} | {reached:.1f} ({share:.0%}) |"
    )


def largest_difference(mine: Tensor, theirs: Tensor, plain: Tensor) -> str:
    """Of the logits, relative to the largest change that an occluder makes, and of the probabilities."""
    logits = float((mine - theirs).abs().max() / (theirs - plain).abs().max())
    chances = float((F.softmax(mine, 1) - F.softmax(theirs, 1)).abs().max())
    return f"{logits:.0e}, {chances:.0e}"


def every_classifier() -> list[str]:
    import torchvision

    return list(torchvision.models.list_models(torchvision.models))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nets", nargs="*", default=NETS)
    parser.add_argument("--all", action="store_true", help="all classifiers of torchvision")
    parser.add_argument("--patch", type=int, default=16)
    parser.add_argument("--stride", type=int, default=8)
    parser.add_argument("--sample", type=int, default=96, help="places of the slow contenders")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", type=int, help="of the square input, in pixels; left out, the network's own")
    parser.add_argument("--without-captum", action="store_true", help="the two others only")
    options = parser.parse_args()
    print(prepare_process())
    print(f"convolution peak: {convolution_peak(options.rounds):.0f} thousand million multiply-adds a second")
    print(
        "| net | places | bare, ms a place | captum | convscope | over bare | bound | share of bound | over captum "
        "| largest difference of logits (of the largest change), of probabilities "
        "| 10^9 multiply-adds/s inside windows (of peak) |"
    )
    print("|" + "---|" * 11)
    for name in every_classifier() if options.all else options.nets:
        try:
            print(bench(name, options), flush=True)
        except ConvscopeError as error:
            print(f"| {name} | {type(error).__name__}: {error} |", flush=True)


if __name__ == "__main__":
    main()
