"""Coarse to fine occlusion: how fast against the bare loop over all places, and how near the exact map.

    python -m bench.approximate [--patch 16] [--stride 8] [--rounds 3] [sample:lite0 torchvision:vgg16@none …]

The picture is scikit-image's cat, the watched number the probability of the predicted class. The bare loop is that of
bench.occlusion, a sample of the places at its fastest setting, extrapolated to all. ``occlude`` also sums the strongest
map of the last layer at each place and projects it, which the bare loop does not. With random weights (``@none``) the
map is noise, so that only the speed means something; give a network with weights for the agreement.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
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


def bench(spec: str, patch: int, stride: int, sample: int, rounds: int) -> str:
    """One row of the table."""
    # By name, so that this module can be read where the experiments are not installed.
    occlude = import_module("convscope.probes.occlusion").occlude
    approximate = import_module("convscope.probes.refine").Approximate()
    model = load_model(spec)
    picture: NDArray[np.uint8] = import_module("skimage.data").chelsea()
    loop = bare(task_of(model, patch, stride, sample))
    running: dict[str, Callable[[], Any]] = {
        "bare": loop.run,
        "exact": lambda: occlude(model, picture, patch, stride),
        "near": lambda: occlude(model, picture, patch, stride, approximate=approximate),
    }
    exact, near = running["exact"](), running["near"]()
    times = alternate(running, rounds, warmup=0)
    more = near.exact.size / loop.places
    gains = {name: ratio(times["bare"], times[name]) * more for name in ("exact", "near")}
    return (
        f"| {spec} | {near.exact.size} | {near.exact.mean():.0%} | {times['bare'].median * more:.1f} "
        f"| {times['exact'].median:.1f} | {times['near'].median:.1f} | {gains['exact']:.1f} "
        f"| {gains['near']:.1f} | {agreement(near, exact)} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("specs", nargs="*", default=SPECS)
    parser.add_argument("--patch", type=int, default=16)
    parser.add_argument("--stride", type=int, default=8)
    parser.add_argument("--sample", type=int, default=96, help="places of the bare loop")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(prepare_process())
    print(
        "| network | places | computed | bare loop, s | exact | approximate | exact over bare | approximate over bare "
        "| largest difference | mean | range of the map | correlation | same peak |"
    )
    print("|" + "---|" * 13)
    for spec in options.specs:
        print(bench(spec, options.patch, options.stride, options.sample, options.rounds), flush=True)


if __name__ == "__main__":
    main()
