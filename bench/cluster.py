"""A scan on Ray against the same scan in one process, and what a scan of a million images would take.

    python -m bench.cluster [--net resnet18] [--images FOLDER] [--rounds 3] [--price 0.05] [--data]

All contenders use the same number of threads in all, the same batches and the same parts, and take turns. A run on Ray
includes the start of its workers; what that takes is also measured alone, with a part of no weight. ``--data`` adds Ray
Data as it is meant to be used: it reads files into its blocks and feeds a pool of actors, each of which folds the batch
that it is given, because what an actor keeps is lost with it. Costs are those of random weights. Load and time matter.
"""

from __future__ import annotations

import argparse
import os
import pickle
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image

from bench.timing import alternate, prepare_process
from convscope.cluster.executor import RayExecutor
from convscope.cluster.session import connected
from convscope.engine import scan as scanning
from convscope.engine.executor import HERE, Executor, Steps, quiet
from convscope.engine.forward import prepare
from convscope.engine.graphs import graph_of
from convscope.engine.journal import save_part
from convscope.engine.layers import find_layers
from convscope.engine.merging import Merging
from convscope.engine.part import Part
from convscope.engine.partscan import PartScan
from convscope.engine.question import Question
from convscope.engine.scan import Scan, scan
from convscope.engine.tally import Statistics
from convscope.images import ImageSet
from convscope.images.stretch import Stretch, cut
from convscope.models import load_model

PART = 32
"""Images of a part: small, so that few images can be shared evenly."""
QUESTION = Question(sample=1000)
PLACES = (("here", HERE), ("Ray, 1 worker", RayExecutor(workers=1)), ("Ray, 2 workers", RayExecutor(workers=2)))
BATCH = 16


class Nothing:
    """Work of no weight, but with all that the scan's workers load."""

    def prepare(self, cores: int) -> Callable[[int], Steps[int]]:
        torch.zeros(1)
        return self.do

    def do(self, job: int) -> Steps[int]:
        yield from ()
        return job


class DataActor:
    """What Ray Data feeds: decodes and scans one batch, and gives its whole fold away."""

    def __init__(self, work: PartScan) -> None:
        torch.set_num_threads(1)
        self.scan = work.prepare(1)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        place = Path(tempfile.mkdtemp())
        paths = [place / f"{number:05d}.jpg" for number in range(len(batch["bytes"]))]
        for path, content in zip(paths, batch["bytes"], strict=True):
            path.write_bytes(content)
        steps = self.scan(Stretch(0, ImageSet.open(place)))
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return {"part": [pickle.dumps(end.value, protocol=5)]}


def photographs(folder: Path, count: int) -> Path:
    """JPEG files of smooth noise, 320 x 240, as large as small photographs."""
    draw = np.random.default_rng(0)
    for number in range(count):
        rough = Image.fromarray(draw.integers(0, 256, (30, 40, 3), np.uint8))
        rough.resize((320, 240), Image.Resampling.BICUBIC).save(folder / f"{number:05d}.jpg", quality=90)
    return folder


@contextmanager
def highest() -> Iterator[dict[str, int]]:
    """The largest resident sets in bytes of Ray's workers, looked at four times a second, and of this process."""
    found = {"worker": 0, "driver": 0}
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.25):
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    name = (process / "cmdline").read_bytes()
                    lines = (process / "status").read_text().splitlines()
                except OSError:
                    continue
                peak = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")]
                if b"ray::Worker" in name and peak:
                    found["worker"] = max(found["worker"], *peak)
                if process.name == str(os.getpid()) and peak:
                    found["driver"] = max(found["driver"], *peak)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def ray_data(work: PartScan, files: list[Path]) -> None:
    """The same pass by Ray Data: blocks of bytes, two actors, one fold per batch; merged here as they come."""
    import ray

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    read = ray.data.read_binary_files(
        [str(path) for path in files], override_num_blocks=len(files) // PART, num_cpus=0.1
    )
    pool = ray.data.ActorPoolStrategy(size=2)
    made = read.map_batches(DataActor, fn_constructor_args=[work], batch_size=BATCH, compute=pool, num_cpus=0.9)
    whole = work.nothing()
    for row in made.iter_rows():
        whole = whole.merge(pickle.loads(row["part"]))


def equal(one: Scan, other: Scan) -> bool:
    """Whether all numbers are the same, to the last bit."""
    pairs = [(one.tallies[name], other.tallies[name]) for name in one.tallies]
    return all(
        torch.equal(a.top.value, b.top.value)
        and torch.equal(a.top.place, b.top.place)
        and all(torch.equal(getattr(a.statistics, f.name), getattr(b.statistics, f.name)) for f in fields(Statistics))
        for a, b in pairs
    )


@dataclass(frozen=True)
class Timed:
    """The scan's work, and the processor seconds that each part takes where it is done."""

    work: PartScan

    def prepare(self, cores: int) -> Callable[[Stretch], Steps[tuple[Part, float]]]:
        torch.set_num_threads(1)
        do = replace(self.work, workers=1).prepare(1)

        def timed(stretch: Stretch) -> Steps[tuple[Part, float]]:
            started = time.process_time()
            part = yield from do(stretch)
            return part, time.process_time() - started

        return timed


def processor_seconds(work: PartScan, images: ImageSet, executor: Executor) -> tuple[float, float]:
    """Per image: of the parts but each worker's first, where things are loaded; and of this process beside them."""
    jobs = [
        cut(images, range(start, start + PART), witnessed=not executor.here) for start in range(0, len(images), PART)
    ]
    merging, seconds, before = Merging[Part](len(jobs)), list[float](), time.process_time()
    for number, (part, taken) in executor.run(Timed(work), jobs, quiet):
        merging.add(number, part)
        seconds.append(taken)
    merging.whole(work.nothing())
    beside = time.process_time() - before - (sum(seconds) if executor.here else 0)
    return median(seconds[1:]) / PART, beside / len(images)


def on_paper(compute: float, read: float, part: float, sample: float, price: float) -> None:
    """Costs of large sets: seconds and bytes per image, bytes per part and of the sample, a price per core and hour."""
    print("\n| images | parts | core-hours | price | read | merged at the driver | 64 cores | 1,000 cores |")
    print("|---|---|---|---|---|---|---|---|")
    for count in (1_300_000, 1_000_000_000):
        parts, hours = len(scanning._partition(count)), compute * count / 3600
        print(
            f"| {count:,} | {parts:,} | {hours:,.0f} | {hours * price:,.0f} | {read * count / 1e12:,.2f} TB | "
            f"{(part * parts + sample) / 1e9:,.2f} GB | {hours / 64:,.1f} h | {hours / min(1000, parts):,.1f} h |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--net", default="resnet18")
    parser.add_argument("--images", type=Path, help="default: noise is made")
    parser.add_argument("--count", type=int, default=320)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--price", type=float, default=0.05, help="of a core for an hour, in any currency")
    parser.add_argument("--data", action="store_true", help="also Ray Data")
    options = parser.parse_args()
    print(prepare_process(), "load", os.getloadavg())
    with tempfile.TemporaryDirectory() as place:
        folder = options.images or photographs(Path(place), options.count)
        images = ImageSet.open(folder)
        images = images.head(min(options.count, len(images)) // PART * PART)
        compare(options, images, folder)


def start(workers: int) -> None:
    """Have so many workers do nothing."""
    for _ in RayExecutor(workers=workers).run(Nothing(), list(range(workers)), quiet):
        pass


def compare(options: Any, images: ImageSet, folder: Path) -> None:
    """All contenders on these images."""
    model = load_model(f"torchvision:{options.net}@none")
    paper = (scanning._PART_AT_LEAST, scanning._PARTS_AT_MOST)
    scanning._PART_AT_LEAST, scanning._PARTS_AT_MOST = PART, 10**9
    found: dict[str, Scan] = {}

    def run(name: str, executor: Executor, threads: int) -> Callable[[], None]:
        def once() -> None:
            torch.set_num_threads(threads)
            found[name] = scan(model, images, question=QUESTION, batch_size=BATCH, workers=threads, executor=executor)

        return once

    connected("local")
    contenders: dict[str, Callable[[], object]] = {
        "one process, 1 thread": run("one process, 1 thread", HERE, 1),
        "Ray, 1 worker of 1 core": run("Ray, 1 worker of 1 core", RayExecutor(workers=1), 1),
        "one process, 2 threads": run("one process, 2 threads", HERE, 2),
        "Ray, 1 worker of 2 cores": run("Ray, 1 worker of 2 cores", RayExecutor(workers=1, cores=2), 2),
        "Ray, 2 workers of 1 core": run("Ray, 2 workers of 1 core", RayExecutor(workers=2), 1),
        "start of 1 worker": partial(start, 1),
        "start of 2 workers": partial(start, 2),
    }
    graph = graph_of(model)
    layers = find_layers(graph, None)
    forward = prepare(graph, [layer.node for layer in layers])
    work = PartScan(forward, layers, model.preprocessing, QUESTION, images.classes, len(images), BATCH, 1)
    if options.data:
        files = [folder / name for name in images.names]
        contenders["Ray Data, 2 actors"] = lambda: ray_data(work, files)
    with highest() as memory:
        timings = alternate(contenders, options.rounds, warmup=0)
    base = next(iter(found.values()))
    print(f"\n{options.net}, {len(images)} images, load {os.getloadavg()}\n\n| what | seconds, median | all | bits |")
    print("|---|---|---|---|")
    for name, timing in timings.items():
        same = "" if name not in found else "same" if equal(found[name], base) else "differ"
        print(f"| {name} | {timing.median:.2f} | {', '.join(f'{s:.1f}' for s in timing.seconds)} | {same} |")

    def net(name: str, begun: str) -> float:
        return timings[name].median - timings[begun].median

    for ours, theirs, begun in (
        ("Ray, 1 worker of 1 core", "one process, 1 thread", "start of 1 worker"),
        ("Ray, 1 worker of 2 cores", "one process, 2 threads", "start of 1 worker"),
        ("Ray, 2 workers of 1 core", "one process, 2 threads", "start of 2 workers"),
    ):
        print(f"{ours} without its start / {theirs}: {net(ours, begun) / timings[theirs].median:.3f}")
    scaling = net("Ray, 1 worker of 1 core", "start of 1 worker") / net(
        "Ray, 2 workers of 1 core", "start of 2 workers"
    )
    print(f"2 workers against 1, without their start: {scaling:.2f}x")
    by_place = {name: [processor_seconds(work, images, each) for _ in range(options.rounds)] for name, each in PLACES}
    print("\n| processor time per image | of the work | of the process that asked |\n|---|---|---|")
    for name, taken in by_place.items():
        print(
            f"| {name} | " + " | ".join(f"{1000 * median(column):.2f} ms" for column in zip(*taken, strict=True)) + " |"
        )
    scanning._PART_AT_LEAST, scanning._PARTS_AT_MOST = paper
    compute = median(work_seconds for work_seconds, _ in by_place["here"])
    costs(images, work, base, compute, memory, options.price)


def costs(images: ImageSet, work: PartScan, found: Scan, compute: float, memory: dict[str, int], price: float) -> None:
    """What one image, one part and one worker cost."""
    read = sum(len(content) for entry in images.entries if isinstance(content := entry.load(), bytes)) / len(images)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "part.npz"
        save_part(path, range(len(images)), Part(tuple(found.tallies.values()), found.outcomes))
        part = path.stat().st_size - sum(each.sampled.joined()[1].nbytes for each in found.tallies.values())
    job = len(pickle.dumps(cut(images, range(PART), witnessed=True))) / PART
    units = sum(layer.units for layer in found.layers)
    print(
        f"\nper image: {compute * 1000:.1f} ms of a core, {read / 1000:.1f} kB read, {job:.0f} bytes sent; a part of "
        f"{units} units: {part / 1e6:.2f} MB; the work: {len(pickle.dumps(work)) / 1e6:.1f} MB for each machine; "
        f"memory: {memory['worker'] / 1e6:.0f} MB for a worker, {memory['driver'] / 1e6:.0f} MB for the driver "
        "(it ran the scans in one process too)"
    )
    on_paper(compute, read, part, 4 * units * QUESTION.sample, price)


if __name__ == "__main__":
    main()
