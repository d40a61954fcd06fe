"""Side-by-side timing: all contenders take turns in one process, so that drift of the machine hits them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import TypeVar

import torch

from convscope.engine.memory import keep_freed_memory

Setting = TypeVar("Setting")


@dataclass(frozen=True)
class Timing:
    """Seconds of each round of one contender."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.seconds)


def alternate(contenders: Mapping[str, Callable[[], object]], rounds: int, warmup: int = 1) -> dict[str, Timing]:
    """Run the contenders in turn, ``warmup`` rounds uncounted."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(warmup + rounds):
        for name, run in contenders.items():
            start = time.perf_counter()
            run()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if number >= warmup:
                taken[name].append(time.perf_counter() - start)
    return {name: Timing(name, tuple(seconds)) for name, seconds in taken.items()}


def ratio(one: Timing, other: Timing) -> float:
    """Median of the round-by-round ratios one / other."""
    return median(a / b for a, b in zip(one.seconds, other.seconds, strict=True))


def fastest(settings: Sequence[Setting], run: Callable[[Setting], object]) -> Setting:
    """The setting with the least time, the best of two; a first call of each is not counted."""
    times = alternate({str(setting): partial(run, setting) for setting in settings}, rounds=2)
    return min(settings, key=lambda setting: min(times[str(setting)].seconds))


def prepare_process() -> str:
    """The same allocator setting for every contender; returns a line on the machine."""
    kept = keep_freed_memory()
    return f"torch {torch.__version__}, {torch.get_num_threads()} threads, freed memory kept: {kept}"
