"""Feature extraction: all stages of a network into files, against the bare forward pass of the same images.

    python -m bench.features [--rounds 5] [--images 96] [alexnet resnet18 vgg16 …]

Random weights and noise images in memory; nothing is decoded, but every stage is written to disk, flat, as
``convscope transfer`` does it. The bare pass is the better of both memory layouts, in batches of the same size, with
the same normalisation before it. Also: the time of a second call, which finds the files.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from bench.timing import alternate, prepare_process, ratio
from convscope.images import ImageSet
from convscope.models import load_model
from convscope.probes.transfer.extract import Extraction, bytes_per_image, extract, wanted_features

NETS = ("alexnet", "resnet18", "vgg16")
BATCH = 32


class Noise:
    """A data set of pictures in memory."""

    def __init__(self, count: int) -> None:
        self.pictures = np.random.default_rng(0).integers(0, 256, (count, 224, 224, 3), np.uint8)
        self.targets = [0] * count

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        return self.pictures[index], 0


def bench(name: str, count: int, rounds: int) -> str:
    """One row of the table."""
    model = load_model(f"torchvision:{name}@none")
    data = Noise(count)
    images = ImageSet.open(data)
    contents = {index: str(index) for index in range(count)}
    wanted = wanted_features(model, None, "flat")

    def bare(layout: torch.memory_format) -> Callable[[], None]:
        module = copy.deepcopy(model.module).to(memory_format=layout)

        def run() -> None:
            with torch.inference_mode():
                for start in range(0, count, BATCH):
                    views = torch.stack(
                        [
                            torch.from_numpy(model.preprocessing.view(images.read(i)))
                            for i in range(start, start + BATCH)
                        ]
                    )
                    module(model.preprocessing.normalise(views).contiguous(memory_format=layout))

        return run

    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        made = [0]

        def ours() -> None:
            made[0] += 1
            extract(model, images, contents, wanted, Extraction(Path(folder) / str(made[0]), batch_size=BATCH))

        kept = Extraction(Path(folder) / "kept", batch_size=BATCH)
        extract(model, images, contents, wanted, kept)
        times = alternate(
            {
                "default": bare(torch.contiguous_format),
                "channels_last": bare(torch.channels_last),
                "convscope": ours,
                "again": lambda: extract(model, images, contents, wanted, kept),
            },
            rounds,
        )
    best = min((times["default"], times["channels_last"]), key=lambda each: each.median)
    speed = " | ".join(f"{count / times[each].median:.1f}" for each in ("default", "channels_last", "convscope"))
    size = bytes_per_image(wanted) / 1e6
    return (
        f"| {name} | {len(wanted)} | {size:.1f} | {speed} | {ratio(best, times['convscope']):.2f} | "
        f"{times['again'].median:.2f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nets", nargs="*", default=NETS)
    parser.add_argument("--images", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    print(prepare_process())
    print(
        "| net | stages | MB an image | bare, default | bare, channels_last | convscope | convscope / best bare | "
        "again, s |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name in given.nets:
        print(bench(name, given.images, given.rounds), flush=True)


if __name__ == "__main__":
    main()
