"""Peak memory of a scan, against the forward pass alone, at growing numbers of images.

    python -m bench.memory [--net alexnet] [--images 1000 10000]

Each figure is the peak resident set of a process of its own.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys

import numpy as np
import torch
from numpy.typing import NDArray

from convscope.engine.memory import keep_freed_memory

BATCH = 32


class Noise:
    """A data set object of ``count`` different grey pictures, made when asked for."""

    classes = ("noise",)

    def __init__(self, count: int) -> None:
        self.targets = [0] * count

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], int]:
        generator = np.random.default_rng(index)
        return generator.integers(0, 256, (64, 64, 3), np.uint8), 0


def bare(net: str, count: int) -> None:
    """The forward pass over as many images as one batch holds, a few times."""
    from convscope.models import load_model

    module = load_model(f"torchvision:{net}@none").module.to(memory_format=torch.channels_last)
    images = torch.randn(BATCH, 3, 224, 224).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        for _ in range(-(-count // BATCH)):
            module(images)


def scanned(net: str, count: int) -> None:
    """A scan of all default layers."""
    from convscope.engine.scan import scan
    from convscope.images import ImageSet
    from convscope.models import load_model

    scan(load_model(f"torchvision:{net}@none"), ImageSet.open(Noise(count)), batch_size=BATCH)


def peak(kind: str, net: str, count: int) -> int:
    """Peak resident set in MB of a process that does this and nothing else."""
    command = [sys.executable, "-m", "bench.memory", "--run", kind, "--net", net, "--images", str(count)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--net", default="alexnet")
    parser.add_argument("--images", type=int, nargs="+", default=[1000, 10000])
    parser.add_argument("--run", choices=["bare", "scan"])
    options = parser.parse_args()
    if options.run:
        keep_freed_memory()
        {"bare": bare, "scan": scanned}[options.run](options.net, options.images[0])
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
        return
    alone = peak("bare", options.net, 4 * BATCH)
    print("| net | images | forward alone, MB | scan, MB | more, MB |\n|---|---|---|---|---|")
    for count in options.images:
        used = peak("scan", options.net, count)
        print(f"| {options.net} | {count} | {alone} | {used} | {used - alone} |", flush=True)


if __name__ == "__main__":
    main()
