"""Coarse to fine occlusion: how fast against the bare loop over all places, and how near the exact map.

    python -m bench.approximate [--patch 16] [--stride 8] [--rounds 3] [sample:lite0 torchvision:vgg16@none …]

The picture is scikit-image's cat, the watched number the probability of the predicted class. The bare loop is that of
bench.occlusion, a sample of the places at its fastest setting, extrapolated to all. ``occlude`` also sums the strongest
map of the last layer at each place and projects it, which the bare loop does not. With random weights (``@none``) the
map is noise, so that only the speed means something; give a network with weights for the agreement.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.occlusion import bare, task_of
from bench.timing import alternate, prepare_process, ratio
from convscope.models import load_model

SPECS = ("sample:lite0", "torchvision:vgg16@none")


def agreement(near: Any, exact: Any) -> str:
    """Largest and mean difference of the target, correlation, and whether the largest drop is at the same place."""
    one, other = near.target_grid.astype(np.float64), exact.target_grid.astype(np.float64)
    off: NDArray[np.float64] = np.abs(one - other)
    correlation = float(np.corrcoef(one.ravel(), other.ravel())[0, 1])
    same = "yes" if near.peak_box == exact.peak_box else "no"
    return f"{off.max():.1e} | {off.mean():.1e} | {np.ptp(other):.1e} | {correlation:.4f} | {same}"


def bench(spec: str, patch: int, stride: int, sample: int, rounds: int, budgets: Sequence[float]) -> Iterator[str]:
    """A row of the table for each budget."""
    # By name, so that this module can be read where the experiments are not installed.
    occlude = import_module("convscope.probes.occlusion.occlude").occlude
    settings = import_module("convscope.probes.occlusion.refine").Approximate
    model = load_model(spec)
    picture: NDArray[np.uint8] = import_module("skimage.data").chelsea()
    loop = bare(task_of(model, patch, stride, sample))

    def near(budget: float) -> Any:
        return occlude(model, picture, patch, stride, approximate=settings(tolerance=0.0, budget=budget))

    exact = occlude(model, picture, patch, stride)
    running: dict[str, Callable[[], Any]] = {"bare": loop.run, "exact": lambda: occlude(model, picture, patch, stride)}
    running |= {str(budget): partial(near, budget) for budget in budgets}
    times = alternate(running, rounds, warmup=0)
    more = exact.exact.size / loop.places
    for budget in budgets:
        found = near(budget)
        gains = [ratio(times["bare"], times[name]) * more for name in ("exact", str(budget))]
        seconds = (times["bare"].median * more, times["exact"].median, times[str(budget)].median)
        yield (
            f"| {spec} | {exact.exact.size} | {found.exact.mean():.0%} | {' | '.join(f'{s:.1f}' for s in seconds)} "
            f"| {gains[0]:.1f} | {gains[1]:.1f} | {agreement(found, exact)} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("specs", nargs="*", default=SPECS)
    parser.add_argument("--patch", type=int, default=16)
    parser.add_argument("--stride", type=int, default=8)
    parser.add_argument("--sample", type=int, default=96, help="places of the bare loop")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--budgets", nargs="+", type=float, default=[0.15, 0.3], help="parts of the places to compute")
    options = parser.parse_args()
    print(prepare_process())
    print(
        "| network | places | computed | bare loop, s | exact | approximate | exact over bare | approximate over bare "
        "| largest difference | mean | range of the map | correlation | same peak |"
    )
    print("|" + "---|" * 13)
    for spec in options.specs:
        for row in bench(spec, options.patch, options.stride, options.sample, options.rounds, options.budgets):
            print(row, flush=True)


if __name__ == "__main__":
    main()
